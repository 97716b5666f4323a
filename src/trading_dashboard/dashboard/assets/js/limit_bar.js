// A limit as a bar: the value, a tick where it warns, a tick where it blocks.

import { h, setAttribute, setClass } from './dom.js';
import { inUnit } from './risk_words.js';

/** Room right of the hard bound, so that a breach is seen as one. */
const BEYOND = 1.12;

/** Returns {node, paint(limit)}. Words stand beside it; this is for the eye. */
export function limitBar() {
  const fill = h('i', { class: 'fill' });
  const soft = h('i', { class: 'mark soft' });
  const hard = h('i', { class: 'mark hard' });
  const node = h('div', { class: 'limit-bar', 'aria-hidden': 'true' }, fill, soft, hard);
  const paint = (limit) => {
    const { value, soft: lower, hard: upper, state, unit } = limit;
    const bound = upper ?? lower;
    const scale = Math.max(bound ?? 0, Math.abs(value ?? 0) / BEYOND) * BEYOND || 1;
    const at = (number) => `${Math.min(100, (Math.abs(number) / scale) * 100)}%`;
    fill.style.width = value === null ? '100%' : at(value);
    setAttribute(node, 'data-state', state);
    for (const [mark, place, word] of [[soft, lower, 'warns'], [hard, upper, 'blocks']]) {
      setClass(mark, 'off', place === null);
      if (place === null) continue;
      mark.style.left = at(place);
      setAttribute(mark, 'title', `${word} at ${inUnit(place, unit)}`);
    }
  };
  return { node, paint };
}
