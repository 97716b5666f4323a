// The kill switch: asks once, closes the gate, and shows whether a probe order was denied afterwards.
//
// It can be pressed in every state of the page: a stream that is lost does not mean that the agent is.

import { post, words } from '/assets/js/api.js';
import { dialogButton, openDialog } from '/assets/js/dialog.js';
import { h, setBlocked, setHidden, setText } from '/assets/js/dom.js';
import { number } from '/assets/js/format.js';
import { risk } from '/assets/js/hub.js';
import { RISK_BASE } from '/assets/js/risk_store.js';
import { toneMark } from '/assets/js/risk_words.js';

const REASON = 'Stopped by hand';
const DEADLINE = 8_000;

export function killSwitch() {
  const reason = h('input', { class: 'input', type: 'text', maxlength: '500', required: true, autocomplete: 'off' });
  reason.value = REASON;
  const cancels = h('input', { type: 'checkbox', checked: true });
  const verdict = toneMark();
  verdict.node.classList.add('verdict');
  const message = h('p', { class: 'k' });
  const result = h('div', { class: 'kill-result', role: 'alert', hidden: true }, verdict.node, message);
  const keep = dialogButton('Keep trading', { onpress: () => dialog.close() });
  const go = dialogButton('Halt trading now', { kind: 'danger' });
  const form = h('form', {}, h('label', { class: 'k' }, h('span', { class: 'k' }, 'Reason'), reason),
    h('label', { class: 'check' }, cancels, 'Cancel open orders'));
  const dialog = openDialog({
    title: 'Halt all trading?', kind: 'grave',
    content: [
      h('p', {}, 'Closes the gate at once: every new order is denied until somebody reopens it with a reason. Positions stay as they are.'),
      form, result,
    ],
    buttons: [keep, go],
  });
  const tell = (tone, text, more) => {
    verdict.paint(tone, text);
    setText(message, more);
    setHidden(result, false);
  };
  const pull = async () => {
    if (go.getAttribute('aria-disabled') === 'true') return;
    if (!reason.value.trim()) {
      reason.focus();
      return;
    }
    setBlocked(go, true);
    tell('busy', 'Closing the gate', '');
    try {
      const wish = { reason: reason.value.trim(), cancel_orders: cancels.checked };
      tell(...said(await post(`${RISK_BASE}/gate/kill`, wish, { signal: AbortSignal.timeout(DEADLINE) })));
      setHidden(form, true);
      setText(keep, 'Close');
      setText(go, 'Pull again');
    } catch (error) {
      tell('halt', 'Not confirmed: orders may still pass.', `${words(error)} Try again; if it stays so, stop risk_management on the Agents page: without it no order passes.`);
      setText(go, 'Try again');
    } finally {
      setBlocked(go, false);
    }
  };
  go.addEventListener('click', pull);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    pull();
  });
  keep.focus();
}

/** [tone, verdict, more] of the agent's report. */
function said({ gate, cancelled, verified, probe_code: code, message }) {
  risk.takeGate(gate);
  const orders = `${number(cancelled)} ${cancelled === 1 ? 'order' : 'orders'} cancelled.`;
  if (verified && !gate.trading_allowed) return ['ok', `Gate ${gate.state.toUpperCase()}. Verified: a probe order was denied (${code}).`, `${orders} ${message}`];
  return ['halt', 'Not verified: a probe order was not denied.', `${orders} ${message}`];
}
