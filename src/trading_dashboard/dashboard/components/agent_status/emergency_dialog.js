// The question before the emergency stop. A click is too easily made: hold, or type the word.

import { dialogButton, openDialog } from '/assets/js/dialog.js';
import { h, setBlocked } from '/assets/js/dom.js';
import { control } from '/assets/js/hub.js';

const HOLD_MILLISECONDS = 1000;
const WORD = 'STOP';
const KEYS = new Set([' ', 'Enter']);

/** Resolves to whether every agent is to be killed. */
export async function confirmEmergency() {
  const cancel = dialogButton('Keep running', { onpress: () => dialog.close(false) });
  const hold = holdButton('Hold to stop everything', () => dialog.close(true));
  const typed = h('input', { class: 'input', type: 'text', autocomplete: 'off', spellcheck: 'false', maxlength: 8 });
  const form = h('form', {}, h('label', { class: 'k' }, `Hold the button for a second, or type ${WORD} `, typed));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (typed.value.trim().toUpperCase() === WORD) dialog.close(true);
  });
  const names = control.tradingAgents()
    .filter((agent) => agent.pid !== null && agent.management !== 'external').map((agent) => agent.name);
  const dialog = openDialog({
    title: 'Emergency stop?',
    kind: 'grave',
    content: [
      h('p', {}, `Kills ${names.length === 1 ? '1 agent' : `${names.length} agents`} at once, without letting them finish. `
        + 'Nothing starts again until somebody starts it. The desk itself stays.'),
      h('p', { class: 'k' }, 'It closes no position and cancels no order.'),
      form,
    ],
    buttons: [cancel, hold],
  });
  cancel.focus();
  return (await dialog.closed) === true;
}

/** A button that acts when it was held, by pointer or by key, for a second. */
function holdButton(text, onHeld) {
  const node = h('button', { class: 'btn danger hold', type: 'button', title: 'Hold for one second' }, h('span', {}, text));
  let timer = null;
  const release = () => {
    clearTimeout(timer);
    timer = null;
    node.classList.remove('held');
  };
  const press = () => {
    if (timer !== null) return;
    node.classList.add('held');
    timer = setTimeout(() => {
      release();
      setBlocked(node, true);
      onHeld();
    }, HOLD_MILLISECONDS);
  };
  node.addEventListener('pointerdown', (event) => event.button === 0 && press());
  for (const name of ['pointerup', 'pointerleave', 'pointercancel', 'blur']) node.addEventListener(name, release);
  node.addEventListener('keydown', (event) => {
    if (!KEYS.has(event.key)) return;
    event.preventDefault();
    press();
  });
  node.addEventListener('keyup', (event) => KEYS.has(event.key) && release());
  return node;
}
