// A pattern's picture: an SVG of the agent's, drawn anew of the few shapes that are known here.
//
// It is never put into the page as it came: what is not a plain shape with plain numbers is left out,
// and the colours are those of the theme.

import { svg } from '/assets/js/dom.js';

const SHAPES = new Set(['g', 'line', 'polyline', 'polygon', 'path', 'rect', 'circle', 'text']);
const NUMBERS = new Set([
  'x', 'y', 'x1', 'x2', 'y1', 'y2', 'cx', 'cy', 'r', 'rx', 'ry', 'width', 'height', 'points', 'd', 'stroke-width', 'stroke-dasharray', 'opacity',
  'fill-opacity', 'stroke-opacity', 'font-size',
]);
const WORDS = new Set(['class', 'text-anchor', 'stroke-linecap', 'stroke-linejoin', 'dominant-baseline']);
const NUMBER = /^[-+\d.,eE\s%MmLlHhVvCcSsQqTtAaZz]*$/;
const WORD = /^[a-z0-9 _-]*$/i;
const PAINT = /^(none|currentColor)$/;
const MAX_SHAPES = 400;

function copied(source, room) {
  if (!SHAPES.has(source.localName) || room.left <= 0) return null;
  room.left -= 1;
  const node = svg(source.localName, propertiesOf(source));
  if (source.localName === 'text') node.textContent = source.textContent.slice(0, 60);
  else node.append(...[...source.children].map((child) => copied(child, room)).filter(Boolean));
  return node;
}

function propertiesOf(source) {
  const properties = {};
  for (const { name, value } of source.attributes) {
    if (NUMBERS.has(name) && NUMBER.test(value)) properties[name] = value;
    else if (WORDS.has(name) && WORD.test(value)) properties[name] = value;
    else if ((name === 'fill' || name === 'stroke') && PAINT.test(value)) properties[name] = value;
  }
  return properties;
}

/** The drawing in a text, null if there is none. */
export function drawingOf(text) {
  const root = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
  const box = root.getAttribute('viewBox') ?? '';
  if (root.localName !== 'svg' || !NUMBER.test(box) || box === '') return null;
  const room = { left: MAX_SHAPES };
  return svg('svg', { ...propertiesOf(root), viewBox: box, width: null, height: null }, ...[...root.children].map((child) => copied(child, room)).filter(Boolean));
}

/** Read and draw the picture at an address relative to the agent; null if that fails. */
export async function drawn(address) {
  try {
    const answer = await fetch(`/api/agents/pattern_recognition/${address.replace(/^\//, '')}`);
    return answer.ok ? drawingOf(await answer.text()) : null;
  } catch {
    // The words beside it say the same.
    return null;
  }
}
