// Questions that keep the keyboard inside them until they are answered.

import { h, onPress } from './dom.js';

let count = 0;

/**
 * Open a modal dialog with `content` and `buttons`; Escape closes it.
 * @returns {{node, close, closed}} `closed` is a promise of what `close(value)` was given.
 */
export function openDialog({ title, content, buttons, kind = '' }) {
  const id = `desk-dialog-${(count += 1)}`;
  const node = h('dialog', { class: `desk-dialog ${kind}`, 'aria-labelledby': id },
    h('h2', { id }, title), h('div', { class: 'content' }, ...content),
    h('div', { class: 'buttons' }, ...buttons));
  let value = null;
  let settle = null;
  const closed = new Promise((resolve) => {
    settle = resolve;
  });
  const close = (given = null) => {
    value = given;
    node.close();
  };
  node.addEventListener('close', () => {
    node.remove();
    settle(value);
  });
  document.body.append(node);
  node.showModal();
  return { node, close, closed };
}

export function dialogButton(text, { kind = '', onpress } = {}) {
  const node = h('button', { class: `btn ${kind}`, type: 'button' }, text);
  if (onpress) onPress(node, onpress);
  return node;
}

/** Ask before something that hurts; resolves to whether it was wanted. */
export async function ask({ title, text, names = [], confirm, keep = 'Cancel', isDanger = true }) {
  const cancel = dialogButton(keep, { onpress: () => dialog.close(false) });
  const go = dialogButton(confirm, { kind: isDanger ? 'danger' : '', onpress: () => dialog.close(true) });
  const list = names.length ? h('ul', { class: 'names' }, ...names.map((name) => h('li', {}, name))) : null;
  const content = [...[text].flat().map((line) => h('p', {}, line)), list].filter(Boolean);
  const dialog = openDialog({ title, content, buttons: [cancel, go] });
  cancel.focus();
  return (await dialog.closed) === true;
}
