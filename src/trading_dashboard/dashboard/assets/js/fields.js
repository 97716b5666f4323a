// Fields of the forms, and numbers as people type them.

import { h } from './dom.js';

/** A node under its name. */
export function field(name, label, node) {
  return h('label', { class: `field field-${name}` }, h('span', { class: 'k' }, label), node);
}

export function input(attributes) {
  return h('input', { class: 'input', type: 'text', autocomplete: 'off', spellcheck: 'false', ...attributes });
}

/** A typed number without its thousands' commas, as the APIs take it; other text stays as it is. */
export function plain(text) {
  const trimmed = text.trim().replace(/^[−–]/, '-');
  return /^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$/.test(trimmed) ? trimmed.replaceAll(',', '') : trimmed;
}

/** The number that is typed; null where there is none, NaN where it is no number. */
export function typed(text) {
  const trimmed = plain(text);
  return trimmed === '' ? null : /^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(trimmed) ? Number(trimmed) : NaN;
}
