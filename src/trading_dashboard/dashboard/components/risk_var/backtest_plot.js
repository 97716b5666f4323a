// Returns of each day against the value at risk that was told the day before; days beyond it are marked.

import { h, setHidden, setText, svg } from '/assets/js/dom.js';
import { number } from '/assets/js/format.js';
import { methodName, percentOf } from '/assets/js/risk_words.js';

const WIDTH = 760;
const HEIGHT = 170;
const LEFT = 46;
const BOTTOM = 18;
const TICKS = 4;

/** A step of the scale that people read easily. */
function niceStep(span) {
  const raw = span / TICKS;
  const size = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * size).find((step) => step >= raw);
}

function scales({ returns, var: bounds }) {
  const lows = bounds.filter((value) => value !== null).map((value) => -value);
  const low = Math.min(...returns, ...lows, -0.001);
  const high = Math.max(...returns, 0.001);
  const x = (index) => LEFT + ((index + 0.5) / returns.length) * (WIDTH - LEFT - 6);
  const y = (value) => 6 + ((high - value) / (high - low)) * (HEIGHT - BOTTOM - 8);
  return { low, high, x, y };
}

function grid({ low, high, y }) {
  const step = niceStep(high - low);
  const nodes = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
    const at = y(value).toFixed(1);
    nodes.push(svg('line', { class: Math.abs(value) < step / 1000 ? 'zero' : 'grid', x1: LEFT, x2: WIDTH, y1: at, y2: at }),
      svg('text', { class: 'tick', x: LEFT - 6, y: Number(at) + 4, 'text-anchor': 'end' }, percentOf(value, step < 0.01 ? 1 : 0)));
  }
  return nodes;
}

function draw(test) {
  const { returns, var: bounds, violated, dates } = test;
  const scale = scales(test);
  const { x, y } = scale;
  const bars = returns.map((value, index) => `M${x(index).toFixed(1)} ${y(0).toFixed(1)}V${y(value).toFixed(1)}`).join('');
  const line = bounds.map((value, index) => (value === null ? '' : `${index && bounds[index - 1] !== null ? 'L' : 'M'}${x(index).toFixed(1)} ${y(-value).toFixed(1)}`)).join('');
  const marks = returns.flatMap((value, index) => (violated[index]
    ? [svg('circle', { class: 'violation', cx: x(index).toFixed(1), cy: y(value).toFixed(1), r: 3 }, svg('title', {}, `${dates[index]}: ${percentOf(value, 2)}, VaR ${percentOf(bounds[index], 2)}`))] : []));
  return [
    ...grid(scale), svg('path', { class: 'returns', d: bars }), svg('path', { class: 'bound', d: line }), ...marks,
    svg('text', { class: 'tick', x: LEFT, y: HEIGHT - 3 }, dates[0]), svg('text', { class: 'tick', x: WIDTH - 4, y: HEIGHT - 3, 'text-anchor': 'end' }, dates.at(-1)),
  ];
}

function summary(test) {
  const { method, confidence, window, days, violations, expected, first, last, tests } = test;
  const notes = tests.map(({ note }) => note).filter(Boolean);
  return `${methodName(method)}, ${percentOf(confidence)}, one day ahead, walked forward over ${number(days)} days (${first} to ${last}) with a window of ${number(window)}: `
    + `${number(violations)} ${violations === 1 ? 'violation' : 'violations'}, ${number(expected, 1)} expected.${notes.length ? ` ${notes.join(' ')}` : ''}`;
}

/** Returns {node, paint(backtest | null, trouble)}. */
export function backtestPlot() {
  const drawing = svg('svg', { class: 'backtest', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': 'Returns of each day against value at risk' });
  const legend = h('p', { class: 'legend k', 'aria-hidden': 'true' }, h('i', { class: 'key returns' }), 'return of the day ', h('i', { class: 'key bound' }), 'value at risk, below zero ',
    h('i', { class: 'key violation' }), 'violation');
  const says = h('p', { class: 'k' });
  const node = h('div', { class: 'backtest-plot' }, drawing, legend, says);
  let drawn;
  const paint = (test, trouble) => {
    const isDrawn = Boolean(test?.returns.length);
    if (test !== drawn) drawing.replaceChildren(...(isDrawn ? draw(test) : []));
    drawn = test;
    drawing.style.display = isDrawn ? '' : 'none';
    setHidden(legend, !isDrawn);
    setText(says, test ? summary(test) : trouble ? `No back-test: ${trouble}` : 'Walking through the past');
  };
  return { node, paint };
}
