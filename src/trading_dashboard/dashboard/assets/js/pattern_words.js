// A pattern's words, as people read them: direction, state, times, worth.

import { h, setAttribute, setText } from './dom.js';
import { isDaily } from './data_words.js';
import { NONE, number, price, zonedParts } from './format.js';
import { market } from './hub.js';

export const STATES = ['forming', 'confirmed', 'target_reached', 'failed', 'expired'];
export const TIMEFRAMES = ['1m', '5m', '15m', '30m', '1h', '4h', '1d', '1w', '1M'];
/** Whether patterns are looked for, and indicators computed, in bars of that length. */
export function isLookedAt(interval) {
  return !interval.endsWith('s');
}

export const DIRECTIONS = ['bullish', 'bearish', 'neutral'];
export const KINDS = ['chart', 'candlestick'];
export const DEFAULT_HORIZON = 10;

const TONES = { forming: 'warn', confirmed: 'ok', target_reached: 'accent', failed: 'halt', expired: 'off' };
const MARKS = { bullish: '▲', bearish: '▼', neutral: '◆' };
const SIDES = { bullish: 'up', bearish: 'down', neutral: '' };

export function stateWords(state) {
  return state.replaceAll('_', ' ');
}

export function directionMark(direction) {
  return MARKS[direction] ?? '';
}

/** "▲ bullish" */
export function directionWords(direction) {
  return `${directionMark(direction)} ${direction}`;
}

export function directionClass(direction) {
  return SIDES[direction] ?? '';
}

export function kindWords(kind) {
  return { chart: 'chart pattern', candlestick: 'candlestick' }[kind] ?? kind;
}

/** A daily bar's date, or the exchange's date and time of a shorter one. */
export function marketTime(timestamp, timeframe) {
  if (!timestamp) return NONE;
  if (isDaily(timeframe)) return timestamp.slice(0, 10);
  const { date, time } = zonedParts(Date.parse(timestamp), market.timeZone);
  return `${date} ${time.slice(0, 5)}`;
}

/** The same, as short as it can be: no date while it is today's, no year while it is this year's. */
export function shortTime(timestamp, timeframe) {
  const text = marketTime(timestamp, timeframe);
  const now = market.now();
  if (now === null || isDaily(timeframe)) return text;
  const { date } = zonedParts(now, market.timeZone);
  if (text.startsWith(date)) return text.slice(11);
  return text.startsWith(date.slice(0, 5)) ? text.slice(5) : text;
}

/** "58 %" of 0.58. */
export function percent(value, digits = 0) {
  return value === null || value === undefined ? NONE : `${number(value * 100, digits)} %`;
}

/** What it was worth over so many bars; the nearest horizon there is. */
export function worthAt(detection, horizon) {
  const { worth } = detection;
  if (worth.length === 0) return null;
  return worth.reduce((best, one) => (
    Math.abs(one.horizon_bars - horizon) < Math.abs(best.horizon_bars - horizon) ? one : best));
}

const VERDICTS = { edge: 'edge', no_edge: 'no edge' };

/** "58 %, n 41, base 52 %: no edge" or "too few samples (7)". */
export function worthWords(worth) {
  if (!worth) return NONE;
  if (worth.verdict === 'too_few') return `too few samples (${number(worth.samples)})`;
  return `${percent(worth.hit_rate)}, n ${number(worth.samples)}, base ${percent(worth.base_rate)}: ${VERDICTS[worth.verdict] ?? worth.verdict}`;
}

/** Why a pattern has no worth, in words; empty while it is forming. */
export function noWorth({ direction, state, confirmed_at: confirmedAt }) {
  if (direction === 'neutral' && state !== 'forming') return 'no direction';
  if (state === 'forming') return '';
  return confirmedAt ? 'not known yet' : 'never confirmed';
}

/** All that is known of a worth, in sentences. */
export function worthTitle(worth) {
  if (!worth) return 'A pattern with a direction is given its worth when it is confirmed.';
  const interval = worth.interval_low === null || worth.interval_low === undefined ? ''
    : ` (95 % interval ${percent(worth.interval_low)} to ${percent(worth.interval_high)})`;
  const moved = worth.mean_move_atr === null || worth.mean_move_atr === undefined ? ''
    : ` Mean move ${number(worth.mean_move_atr, 2)} ATR, median ${number(worth.median_move_atr, 2)} ATR.`;
  const chance = worth.p_adjusted === null || worth.p_adjusted === undefined ? ''
    : ` Corrected p ${number(worth.p_adjusted, 3)}.`;
  const effective = worth.effective_samples === null || worth.effective_samples === undefined ? ''
    : ` They overlap and count as ${number(worth.effective_samples, 1)} separate ones.`;
  const scope = worth.scope === 'all_symbols' ? 'all symbols' : 'this symbol';
  return `Over ${worth.horizon_bars} bars, of ${scope}: ${number(worth.hits)} of ${number(worth.samples)} moved its way${interval}; `
    + `of all ${number(worth.base_samples)} bars ${percent(worth.base_rate)} did.${effective}${moved}${chance}`;
}

export function confidenceWords(worth) {
  if (worth?.confidence === null || worth?.confidence === undefined) return worth?.verdict === 'too_few' ? 'too few' : NONE;
  return percent(worth.confidence);
}

export function levelWords(value) {
  return value === null || value === undefined ? NONE : price(value);
}

/** "target 731.20 · invalid 676.00", what there is of it. */
export function targetWords({ target, invalidation }) {
  const parts = [];
  if (target !== null && target !== undefined) parts.push(`target ${price(target)}`);
  if (invalidation !== null && invalidation !== undefined) parts.push(`invalid ${price(invalidation)}`);
  return parts.join(' · ');
}

/** A state as a dot and a word; `paint(detection)` follows it. */
export function stateMark() {
  const dot = h('i', { class: 'dot', 'aria-hidden': 'true' });
  const text = h('span');
  const node = h('span', { class: 'status' }, dot, text);
  const paint = ({ state }) => {
    setAttribute(dot, 'class', `dot ${TONES[state] ?? 'off'}`);
    setText(text, stateWords(state));
  };
  return { node, paint };
}

/** Where the chart shows it. */
export function chartAddress({ symbol, timeframe, id }) {
  return `/chart?${new URLSearchParams({ symbol, interval: timeframe, adjusted: 'splits', pattern: id })}`;
}

/** As of a bar: the state it had, and nothing that came later. */
export function asOf(detection, isKnown) {
  const changes = detection.changes.filter(({ at }) => isKnown(at));
  if (changes.length === detection.changes.length) return detection;
  const state = changes.at(-1)?.state ?? 'forming';
  return { ...detection, changes, state, confirmed_at: changes.some((one) => one.state === 'confirmed') ? detection.confirmed_at : null };
}
