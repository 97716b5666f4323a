// What an entry of the journal changed, in a line. What is not known here is written as it came.

import { amount, decimalPrice, quantity } from '/assets/js/decimal.js';
import { risk } from '/assets/js/hub.js';
import { causeKind, limitName, orderText } from '/assets/js/risk_words.js';

const LONGEST = 240;

function has(data, ...names) {
  return names.every((name) => data[name] !== undefined && data[name] !== null);
}

function fillWords(data) {
  if (!has(data, 'quantity', 'price')) return null;
  const order = data.order_id ? risk.order(data.order_id) : null;
  const { side, symbol } = { ...order, ...data };
  return `${side && symbol ? `${side} ${symbol}, ` : ''}${quantity(data.quantity)} at ${decimalPrice(data.price)}${has(data, 'fee') ? `, fee ${amount(data.fee)}` : ''}`;
}

function placedWords(data) {
  const order = data.order ?? data.ticket ?? data;
  return has(order, 'side', 'quantity', 'symbol', 'type') ? orderText(order) : null;
}

function limitWords(data) {
  if (!has(data, 'kind')) return null;
  return `${limitName({ subject: '*', ...data })}: warns at ${data.soft ?? 'nothing'}, blocks at ${data.hard ?? 'nothing'}`;
}

function causeWords(data) {
  const cause = data.cause ?? data;
  return has(cause, 'kind') ? `${causeKind(cause.kind)}${cause.subject ? `, ${cause.subject}` : ''}` : null;
}

function reopenedWords({ cleared = [] }) {
  return cleared.length ? `after ${cleared.map(({ kind }) => causeKind(kind)).join(', ')}:` : '';
}

function dayWords(data) {
  return has(data, 'session', 'equity') ? `session ${data.session}, equity ${amount(data.equity)}` : null;
}

/** An order that is over: what it was, where the page has heard of it. */
function overWords({ order_id: id }) {
  const order = risk.order(id);
  return order ? orderText(order) : null;
}

const WORDS = {
  account_opened: (data) => (has(data, 'cash') ? `cash ${amount(data.cash)} ${data.currency ?? ''}` : null),
  day_started: dayWords,
  gate_reopened: reopenedWords,
  kill_switch: () => 'gate halted:',
  order_cancelled: overWords,
  order_expired: overWords,
  order_placed: placedWords,
  order_rejected: placedWords,
  order_filled: (data) => fillWords(data.fill ?? data),
  limit_changed: limitWords,
  gate_closed: causeWords,
  gate_cause_ended: causeWords,
  cash_moved: (data) => (has(data, 'amount') ? amount(data.amount) : null),
  position_imported: (data) => (has(data, 'symbol', 'quantity') ? `${data.symbol} ${quantity(data.quantity)}` : null),
  split_applied: (data) => (has(data, 'symbol') ? `${data.symbol}${has(data, 'ratio') ? `, ${data.ratio}` : ''}` : null),
  dividend_paid: (data) => (has(data, 'symbol', 'amount') ? `${data.symbol}, ${amount(data.amount)}` : null),
};

export function entryWords({ kind, data }) {
  const known = WORDS[kind]?.(data);
  if (typeof known === 'string') return known;
  const raw = Object.entries(data).map(([key, value]) => `${key.replaceAll('_', ' ')} ${typeof value === 'object' && value !== null ? JSON.stringify(value) : value}`).join(', ');
  return raw.length > LONGEST ? `${raw.slice(0, LONGEST)}…` : raw;
}
