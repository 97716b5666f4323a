// Equity as a line, and below it how far each point is under the highest before it.

import { amount } from '/assets/js/decimal.js';
import { svg } from '/assets/js/dom.js';
import { number } from '/assets/js/format.js';
import { percentOf } from '/assets/js/risk_words.js';

const WIDTH = 760;
const LEFT = 84;
const RIGHT = 6;
const LINE = { top: 14, bottom: 108 };
const FALL = { top: 130, bottom: 164 };
const HEIGHT = 182;

/** Fractions below the highest so far, one for each value. */
export function fallsOf(values) {
  let peak = -Infinity;
  return values.map((value) => {
    peak = Math.max(peak, value);
    return peak > 0 ? (peak - value) / peak : 0;
  });
}

function scale(low, high, { top, bottom }) {
  return (value) => (high === low ? (top + bottom) / 2 : top + ((high - value) / (high - low)) * (bottom - top));
}

/** @param points {label, equity, value}, oldest first, two at least; `equity` is the agent's decimal. */
export function drawEquity(points) {
  const values = points.map(({ value }) => value);
  const falls = fallsOf(values);
  const [low, high, deepest] = [Math.min(...values), Math.max(...values), Math.max(...falls)];
  const x = (index) => LEFT + (index / (points.length - 1)) * (WIDTH - LEFT - RIGHT);
  const y = scale(low, high, LINE);
  const down = (fall) => FALL.top + (deepest ? fall / deepest : 0) * (FALL.bottom - FALL.top);
  const path = (at) => points.map((_, index) => `${index ? 'L' : 'M'}${x(index).toFixed(1)} ${at(index).toFixed(1)}`).join('');
  const text = (words, at, anchor = 'end', left = LEFT - 6) => svg('text', { class: 'tick', x: left, y: at, 'text-anchor': anchor }, words);
  const grid = (at) => svg('line', { class: 'grid', x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at });
  const edge = (value) => amount(points[values.indexOf(value)].equity, 0);
  const dots = points.map(({ label, equity }, index) => svg('circle', { class: 'spot', cx: x(index).toFixed(1), cy: y(values[index]).toFixed(1), r: points.length > 60 ? 1.5 : 3 },
    svg('title', {}, `${label}: ${amount(equity)}, ${percentOf(falls[index], 2)} below the highest`)));
  return [
    ...(high === low ? [grid(y(high)), text(edge(high), y(high) + 4)] : [grid(LINE.top), grid(LINE.bottom), text(edge(high), LINE.top + 4), text(edge(low), LINE.bottom + 4)]),
    grid(FALL.top), text('0 %', FALL.top + 4), ...(deepest ? [text(`−${number(deepest * 100, 2)} %`, FALL.bottom + 4)] : []),
    svg('path', { class: 'fall', d: `${path((index) => down(falls[index]))}L${x(points.length - 1).toFixed(1)} ${FALL.top}L${LEFT} ${FALL.top}Z` }),
    svg('path', { class: 'equity-line', d: path((index) => y(values[index])) }), ...dots,
    text(points[0].label, HEIGHT - 3, 'start', LEFT), text(points.at(-1).label, HEIGHT - 3, 'end', WIDTH - RIGHT),
  ];
}

export function emptyPlot() {
  return svg('svg', { class: 'equity-plot', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': 'Equity by session, and its drawdown' });
}
