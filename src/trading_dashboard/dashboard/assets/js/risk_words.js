// Risk in words: the gate and its causes, limits, orders, methods, measures.

import { amount, decimalPrice, quantity } from './decimal.js';
import { h, setAttribute, setText } from './dom.js';
import { duration, NONE, number, wallTime, zonedParts } from './format.js';

/** @type {Record<string, [string, string]>} word and dot of a gate's state; the shape differs, too. */
export const GATE = { active: ['ACTIVE', 'ok'], reducing: ['REDUCING', 'reduce'], halted: ['HALTED', 'halt'] };
export const GATE_MEANING = {
  active: 'Orders pass that pass the check.',
  reducing: 'Only orders that reduce a position pass. Cancels pass.',
  halted: 'No order passes. Cancels pass.',
};

const CAUSES = {
  starting: 'starting', stale_data: 'stale data', upstream_unhealthy: 'upstream unhealthy', limit_breached: 'limit breached',
  lease_lapsed: 'supervisor lease lapsed', kill_switch: 'kill switch', clock_trouble: 'clock trouble', store_unwritable: 'store not writable', own_doubt: 'gate doubts itself',
};
/** Causes that need no subject: there is only one. */
const ALONE = new Set(['starting', 'kill_switch', 'lease_lapsed', 'store_unwritable', 'clock_trouble', 'own_doubt']);

export function causeKind(kind) {
  return CAUSES[kind] ?? String(kind).replaceAll('_', ' ');
}

/** "kill switch", "stale data: AAPL" */
export function causeShort({ kind, subject }) {
  return ALONE.has(kind) || !subject ? causeKind(kind) : `${causeKind(kind)}: ${subject}`;
}

const LIMITS = {
  gross: 'Gross exposure', net: 'Net exposure', concentration: 'Largest holding, of gross', var: 'Value at risk', drawdown: 'Drawdown',
  daily_loss: 'Daily loss', orders_per_minute: 'Orders per minute', order_volume: 'Order, of daily volume',
};
export const LIMIT_TONES = { ok: 'ok', warned: 'warn', breached: 'halt', unknown: 'halt', off: 'off' };

export function limitName({ kind, subject }) {
  if (kind === 'symbol') return subject === '*' ? 'Any one holding' : `Holding ${subject}`;
  const name = LIMITS[kind] ?? kind.replaceAll('_', ' ');
  return subject && subject !== '*' ? `${name}, ${subject}` : name;
}

/** A value in the unit that limits, findings and measures are told in. */
export function inUnit(value, unit, digits = null) {
  if (value === null || value === undefined) return NONE;
  if (unit === 'currency') return number(value, digits ?? (Math.abs(value) < 100 ? 2 : 0));
  if (unit === 'fraction' || unit === 'fraction_of_equity') return `${number(value * 100, digits ?? (Math.abs(value) < 0.1 ? 2 : 1))} %`;
  if (unit === 'days') return number(value, digits ?? (Number.isInteger(value) ? 0 : Math.abs(value) < 0.1 ? 4 : 1));
  if (unit === 'count') return number(value, Number.isInteger(value) ? 0 : 1);
  return number(value, digits ?? (Number.isInteger(value) ? 0 : 2));
}

export function percentOf(fraction, digits = 1) {
  if (fraction === null || fraction === undefined) return NONE;
  // No "−0.00 %" of a fall too small to be written.
  const percent = Math.abs(fraction * 100) < 0.5 * 10 ** -digits ? 0 : fraction * 100;
  return `${number(percent, digits)} %`;
}

const TYPES = { market: 'market', limit: 'limit', stop: 'stop', stop_limit: 'stop limit' };
export const ORDER_TYPES = Object.entries(TYPES);
const STATUS_TONES = { working: 'accent', partially_filled: 'warn', filled: 'ok', cancelled: 'off', rejected: 'halt', expired: 'off' };

/** "buy 100 AAPL, limit 675.00" */
export function orderText({ side, quantity: size, symbol, type, limit_price: limit, stop_price: stop }) {
  const at = [stop ? `stop ${decimalPrice(stop)}` : '', limit ? `limit ${decimalPrice(limit)}` : ''].filter(Boolean).join(', ');
  return `${side} ${quantity(size)} ${symbol}, ${at || TYPES[type] || type}`;
}

/** Where an order stands: "filled 100 at 675.32, fee 1.00". */
export function orderLife(order) {
  const { status, filled_quantity: filled, average_price: average, fees, reason, triggered } = order;
  const done = average ? `${quantity(filled)} at ${decimalPrice(average)}, fee ${amount(fees)}` : '';
  if (status === 'filled') return `filled ${done}`;
  const words = status === 'working' ? (triggered ? 'triggered, working' : 'working') : status.replaceAll('_', ' ');
  const why = reason ? `: ${reason.replace(/\.$/, '')}` : '';
  return `${words}${done ? ` (filled ${done})` : ''}${why}`;
}

/** A status as a dot and a word; `paint(tone, text)`. */
export function toneMark() {
  const dot = h('i', { class: 'dot', 'aria-hidden': 'true' });
  const text = h('span');
  const node = h('span', { class: 'status' }, dot, text);
  const paint = (tone, words) => {
    setAttribute(dot, 'class', `dot ${tone}`);
    setText(text, words);
  };
  return { node, paint };
}

export function orderTone({ status }) {
  return STATUS_TONES[status] ?? 'off';
}

const METHODS = {
  historical: 'Historical', age_weighted: 'Age-weighted', filtered_historical: 'Filtered historical', normal: 'Normal',
  student_t: 'Student-t', cornish_fisher: 'Cornish-Fisher', monte_carlo_normal: 'Monte Carlo, normal', monte_carlo_t_copula: 'Monte Carlo, t-copula',
};

export function methodName(method) {
  return METHODS[method] ?? String(method).replaceAll('_', ' ');
}

export const LIGHTS = { green: 'ok', yellow: 'warn', red: 'halt' };

/** "09-05 12:31:07" of market time, as the exchange's clock reads. */
export function marketStamp(instant, timeZone) {
  if (!instant) return NONE;
  const { date, time } = zonedParts(Date.parse(instant), timeZone);
  return `${date.slice(5)} ${time}`;
}

/** "since 15:12:44 (2 m 3 s)" of a wall-clock instant. */
export function sinceWords(instant) {
  return `since ${wallTime(instant)} (${duration((Date.now() - Date.parse(instant)) / 1000)})`;
}

/** "$ " or "EUR ". */
export function currencyMark(currency) {
  return currency === 'USD' ? '$ ' : `${currency ?? ''} `;
}

export function windowWords(window) {
  if (!window?.start) return '';
  return `${number(window.observations)} days, ${window.start} to ${window.end}`;
}
