// The banner while the configuration on disk has mistakes: what was loaded before stays in force.

import { h, setHidden, setText } from '/assets/js/dom.js';
import { control } from '/assets/js/hub.js';
import { mistakeList, readMistakes } from './reload_dialog.js';

const KINDS = new Set(['configuration_mended', 'configuration_invalid']);

export function configurationBanner(tasks) {
  const text = h('summary');
  const list = h('div');
  const node = h('details', { class: 'notice-box warn', role: 'status', hidden: true }, text, list);

  let shown = '[]';
  const show = (mistakes) => {
    if (JSON.stringify(mistakes) === shown) return;
    shown = JSON.stringify(mistakes);
    setHidden(node, mistakes.length === 0);
    const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`;
    setText(text, `The configuration on disk has ${count}. What was loaded before stays in force.`);
    list.replaceChildren(mistakeList(mistakes));
  };
  const read = async () => {
    const mistakes = await readMistakes();
    if (mistakes) show(mistakes);
  };
  tasks.add(control.subscribe(({ type, event }) => {
    if (type === 'snapshot') read();
    if (!KINDS.has(event?.kind)) return;
    if (event.kind === 'configuration_mended') show([]);
    else show(event.data.mistakes ?? []);
  }));
  if (control.hasSnapshot) read();
  return node;
}
