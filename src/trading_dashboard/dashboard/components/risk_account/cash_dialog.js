// Money into the paper account, or out of it. What is free the agent knows: it refuses more than that.

import { post, words } from '/assets/js/api.js';
import { amount, signOf } from '/assets/js/decimal.js';
import { dialogButton, openDialog } from '/assets/js/dialog.js';
import { h, setAttribute, setBlocked, setClass, setHidden, setText } from '/assets/js/dom.js';
import { input, plain } from '/assets/js/fields.js';
import { risk } from '/assets/js/hub.js';
import { RISK_BASE } from '/assets/js/risk_store.js';
import { currencyMark } from '/assets/js/risk_words.js';

/** By way: the verb, its sign, and how it is told once it is done. */
const WAYS = { in: ['Pay in', '', 'Paid in'], out: ['Take out', '-', 'Taken out'] };
const MONEY = /^\d{1,10}(\.\d{1,2})?$/;

/** @param told (text) says above the card what was moved. */
export function cashDialog(told) {
  const mark = currencyMark(risk.account.currency);
  const sum = input({ inputmode: 'decimal', maxlength: 20, placeholder: '1,000.00' });
  const reason = input({ maxlength: 500, placeholder: 'goes to the journal' });
  const message = h('p', { class: 'bad', role: 'alert', hidden: true });
  let way = 'in';
  const ways = Object.entries(WAYS).map(([key, [text]]) => {
    const node = h('button', { class: 'seg-button', type: 'button', dataset: { way: key } }, text);
    node.addEventListener('click', () => {
      way = key;
      paint();
    });
    return node;
  });
  const row = (text, node) => h('label', { class: 'k' }, h('span', { class: 'k' }, text), node);
  const form = h('form', {}, h('div', { class: 'seg', role: 'group', 'aria-label': 'Way' }, ...ways), row('Amount', sum), row('Reason', reason), h('button', { type: 'submit', hidden: true }));
  const cancel = dialogButton('Cancel', { onpress: () => dialog.close() });
  const go = dialogButton('', { onpress: () => move() });
  const say = (text) => {
    setText(message, text);
    setHidden(message, !text);
  };
  const read = () => {
    const text = plain(sum.value);
    return MONEY.test(text) && signOf(text) > 0 ? text : null;
  };
  const paint = () => {
    const text = read();
    for (const node of ways) {
      setClass(node, 'on', node.dataset.way === way);
      setAttribute(node, 'aria-pressed', String(node.dataset.way === way));
    }
    setText(go, text ? `${WAYS[way][0]} ${mark}${amount(text)}` : WAYS[way][0]);
    setClass(go, 'danger', way === 'out');
  };
  const move = async () => {
    if (go.getAttribute('aria-disabled') === 'true') return;
    const text = read();
    const problem = !text ? 'Say an amount above zero, with cents at most.' : reason.value.trim() ? '' : 'Say why.';
    say(problem);
    if (problem) return;
    setBlocked(go, true);
    try {
      const { cash } = await post(`${RISK_BASE}/cash`, { amount: `${WAYS[way][1]}${text}`, reason: reason.value.trim() });
      told(`${WAYS[way][2]}: ${mark}${amount(text)}. Cash is now ${mark}${amount(cash)}.`);
      dialog.close();
    } catch (error) {
      // Without an answer it may have been done: sent again it would be done twice.
      say(error.status === undefined ? `${words(error)} It may have been done: look at the journal before you press again.` : words(error));
    } finally {
      setBlocked(go, false);
    }
  };
  sum.addEventListener('input', paint);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    move();
  });
  const now = `Paper money. Cash now ${mark}${amount(risk.account.cash)}; what open orders need cannot be taken out.`;
  const dialog = openDialog({ title: 'Cash', buttons: [cancel, go], content: [h('p', { class: 'k' }, now), form, message] });
  paint();
  sum.focus();
}
