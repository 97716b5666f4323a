// Detections as shapes among the bars of a chart. Nothing that came later than the newest closed bar
// is in them, whatever they were given.

import { asOf, directionMark, stateWords } from '/assets/js/pattern_words.js';
import { price } from '/assets/js/format.js';
import { firstFrom } from './gap_stretches.js';

/** So many past patterns, and marks of candlesticks, are drawn at once. */
const MAX_PAST = 12;
const MAX_MARKS = 30;
const OPEN = new Set(['forming', 'confirmed']);

/** The newest bar that has closed, null if none has. */
export function lastClosed(series) {
  const { last, bars } = series;
  return last?.closed === false ? bars.at(-2) ?? null : last;
}

/** What of the detections was known at the close of the newest closed bar, newest first. */
export function knownOf(detections, series) {
  const newest = lastClosed(series);
  if (!newest) return [];
  const isKnown = (timestamp) => series.axisTime(timestamp) <= newest.time;
  return detections.filter(({ known_at: known }) => isKnown(known)).map((one) => asOf(one, isKnown))
    .sort((a, b) => (a.known_at < b.known_at ? 1 : -1));
}

export function isOpen({ state }) {
  return OPEN.has(state);
}

/** Lines cut to the bars there are; what lies wholly before the first is left out. */
function linesOf(detection, series) {
  const first = series.first.time;
  const last = lastClosed(series).time;
  return detection.lines.flatMap((line) => {
    const start = series.axisTime(line.start);
    const end = series.axisTime(line.end);
    if (end < first || start > last) return [];
    const at = (time) => (end === start ? line.end_price
      : line.start_price + (line.end_price - line.start_price) * (time - start) / (end - start));
    const from = Math.max(start, first);
    const to = Math.min(end, last);
    return [{ from: firstFrom(series.bars, from), fromPrice: at(from), to: firstFrom(series.bars, to), toPrice: at(to) }];
  });
}

function pivotsOf(detection, series) {
  const newest = lastClosed(series).time;
  return detection.pivots.map(({ time, price: value }) => ({ time: series.axisTime(time), price: value }))
    .filter(({ time }) => time >= series.first.time && time <= newest)
    .map(({ time, price: value }) => ({ at: firstFrom(series.bars, time), price: value }));
}

/** What joins the pivots, for patterns that came without lines. */
function joined(pivots) {
  return pivots.slice(1).map((to, index) => ({ from: pivots[index].at, fromPrice: pivots[index].price, to: to.at, toPrice: to.price }));
}

export function shapeOf(detection, series) {
  const pivots = pivotsOf(detection, series);
  const lines = linesOf(detection, series);
  return {
    id: detection.id, tone: isOpen(detection) ? 'open' : 'past', isDashed: detection.state === 'forming',
    lines: lines.length ? lines : joined(pivots), pivots,
  };
}

/** The chart patterns to draw: the open ones, the chosen one, and of the past the newest in view. */
export function chosenShapes(known, series, { hasPast, chosen, range }) {
  const shapes = known.filter(({ kind }) => kind === 'chart');
  const from = range ? series.bars[Math.max(0, Math.floor(range.from))]?.time ?? -Infinity : -Infinity;
  const past = shapes.filter((one) => !isOpen(one) && one.id !== chosen && series.axisTime(one.end) >= from)
    .slice(0, hasPast ? MAX_PAST : 0);
  const open = shapes.filter((one) => isOpen(one) || one.id === chosen);
  return [...past, ...open].map((one) => shapeOf(one, series));
}

/** One mark per bar with candlesticks in view, the strongest first when there are too many. */
export function candleMarks(known, series, range) {
  const byTime = new Map();
  const from = series.bars[Math.max(0, Math.floor(range?.from ?? 0))]?.time ?? -Infinity;
  const to = series.bars[Math.min(series.bars.length - 1, Math.ceil(range?.to ?? Infinity))]?.time ?? Infinity;
  for (const one of known) {
    // One without a direction says nothing of where prices go; the table has it.
    if (one.kind !== 'candlestick' || one.direction === 'neutral') continue;
    const time = series.axisTime(one.end);
    if (time < from || time > to || !series.at(time)) continue;
    byTime.set(time, [...(byTime.get(time) ?? []), one]);
  }
  const strongest = (items) => Math.max(...items.map(({ strength }) => strength));
  return [...byTime].sort(([, a], [, b]) => strongest(b) - strongest(a)).slice(0, MAX_MARKS)
    .map(([time, items]) => markOf(time, items, series));
}

function markOf(time, items, series) {
  const bar = series.at(time);
  const leader = items.reduce((best, one) => (one.strength > best.strength ? one : best));
  const side = leader.direction === 'bearish' ? -1 : 1;
  const tone = { bullish: 'up', bearish: 'down' }[leader.direction] ?? 'past';
  return { at: firstFrom(series.bars, time), price: side > 0 ? bar.low : bar.high, side, tone, items: items.map(({ id }) => id) };
}

/** What is drawn of the pattern that somebody looks at. */
export function focusOf(detection, series, isChosen) {
  const level = (value, text, tone) => (value === null || value === undefined ? [] : [{ price: value, text: `${text} ${price(value)}`, tone }]);
  const isUp = detection.direction !== 'bearish';
  return {
    id: detection.id, isChosen, from: firstFrom(series.bars, series.axisTime(detection.confirmed_at ?? detection.known_at)),
    levels: [
      ...level(detection.target, 'target', isUp ? 'up' : 'down'), ...level(detection.breakout_level, 'breakout', 'open'),
      ...level(detection.invalidation, 'invalid', isUp ? 'down' : 'up'),
    ],
  };
}

/** "Ascending triangle ▲ confirmed" */
export function shapeWords({ name, direction, state }) {
  return `${name} ${directionMark(direction)} ${stateWords(state)}`;
}
