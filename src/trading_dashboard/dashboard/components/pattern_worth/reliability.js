// The reliability diagram: what was said against what happened.
//
// A point on the diagonal means that what was said at 60 % happened in 60 of 100 cases. The vertical
// line is the 95 % interval; a hollow point has too few samples to say anything.

import { h, setHidden, setText, svg } from '/assets/js/dom.js';
import { number } from '/assets/js/format.js';
import { percent } from '/assets/js/pattern_words.js';

const SIZE = 300;
const LEFT = 44;
const TOP = 12;
const BOTTOM = 40;
const INNER = SIZE - LEFT - 8;
/** Below so many cases, a point says nothing. */
const FEW = 30;
const STEPS = [0, 0.25, 0.5, 0.75, 1];

function x(value) {
  return LEFT + value * INNER;
}

function y(value) {
  return TOP + (1 - value) * INNER;
}

function axes() {
  const lines = STEPS.flatMap((step) => [
    svg('line', { class: 'grid', x1: x(0), x2: x(1), y1: y(step), y2: y(step) }),
    svg('line', { class: 'grid', x1: x(step), x2: x(step), y1: y(0), y2: y(1) }),
    svg('text', { class: 'tick', x: x(0) - 6, y: y(step) + 4, 'text-anchor': 'end' }, `${step * 100}`),
    svg('text', { class: 'tick', x: x(step), y: y(0) + 15, 'text-anchor': 'middle' }, `${step * 100}`),
  ]);
  return [
    ...lines, svg('line', { class: 'diagonal', x1: x(0), y1: y(0), x2: x(1), y2: y(1) }),
    svg('text', { class: 'axis', x: x(0.5), y: TOP + INNER + 32, 'text-anchor': 'middle' }, 'said, %'),
    svg('text', { class: 'axis', x: 12, y: y(0.5), 'text-anchor': 'middle', transform: `rotate(-90 12 ${y(0.5)})` }, 'happened, %'),
  ];
}

function binWords(bin) {
  const few = bin.samples < FEW ? ', too few to say' : '';
  return `Said ${percent(bin.said_mean)}: happened ${percent(bin.happened)} (${percent(bin.interval_low)} to ${percent(bin.interval_high)}), n ${number(bin.samples)}${few}`;
}

function point(bin, most) {
  const radius = 3 + 4 * Math.sqrt(bin.samples / most);
  const isFew = bin.samples < FEW;
  return svg('g', { class: `bin ${isFew ? 'few' : ''}` }, svg('title', {}, binWords(bin)),
    svg('line', { class: 'interval', x1: x(bin.said_mean), x2: x(bin.said_mean), y1: y(Math.min(1, bin.interval_high)), y2: y(Math.max(0, bin.interval_low)) }),
    svg('circle', { cx: x(bin.said_mean), cy: y(bin.happened), r: radius.toFixed(1) }));
}

function brierWords({ brier, brier_base: base }) {
  if (brier === null || brier === undefined || base === null || base === undefined) return '';
  const better = base - brier;
  const words = Math.abs(better) < 0.0005 ? 'no better than saying the base rate each time' : better > 0
    ? 'better than saying the base rate each time' : 'worse than saying the base rate each time';
  return `Brier score ${number(brier, 4)}, ${words} (${number(base, 4)}).`;
}

export function reliabilityDiagram() {
  const points = svg('g');
  const drawing = svg('svg', { viewBox: `0 0 ${SIZE} ${SIZE + BOTTOM - 22}`, class: 'reliability', role: 'img', 'aria-label': 'Reliability: what was said against what happened' },
    ...axes(), points);
  const says = h('p', { class: 'message' });
  const empty = h('p', { class: 'empty' }, 'Not read yet.');
  const list = h('ul', { class: 'bins' });
  const node = h('section', { class: 'card desk-reliability', 'aria-label': 'Reliability' },
    h('h3', {}, 'Does it happen as said?'), drawing, empty, list, says);
  const paint = (answer) => {
    const bins = answer.reliability;
    const most = Math.max(1, ...bins.map(({ samples }) => samples));
    points.replaceChildren(...bins.map((bin) => point(bin, most)));
    list.replaceChildren(...bins.map((bin) => h('li', { class: bin.samples < FEW ? 'few' : '' }, binWords(bin))));
    setText(says, brierWords(answer));
    setText(empty, 'Too few confidences have come true or not so far. Points appear once horizons are over.');
    setHidden(empty, bins.length > 0);
    drawing.style.display = bins.length ? '' : 'none';
  };
  drawing.style.display = 'none';
  return { node, paint };
}
