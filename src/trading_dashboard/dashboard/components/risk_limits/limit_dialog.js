// The change of one limit: both bounds and the reason, which goes to the journal.

import { put, words } from '/assets/js/api.js';
import { dialogButton, openDialog } from '/assets/js/dialog.js';
import { h, setBlocked, setHidden, setText } from '/assets/js/dom.js';
import { risk } from '/assets/js/hub.js';
import { RISK_BASE } from '/assets/js/risk_store.js';
import { inUnit, limitName } from '/assets/js/risk_words.js';

const UNITS = { currency: 'in currency', fraction: 'in %', fraction_of_equity: 'in % of equity', count: 'a count' };

function isShare(unit) {
  return unit === 'fraction' || unit === 'fraction_of_equity';
}

/** A typed bound as the API takes it: {value}, or {problem}. Empty is no bound. */
function readBound(text, unit) {
  const trimmed = text.trim().replaceAll(',', '');
  if (trimmed === '') return { value: null };
  const value = Number(trimmed);
  if (!Number.isFinite(value) || value < 0) return { problem: `“${text}” is no number of zero or more.` };
  return { value: isShare(unit) ? Number((value / 100).toPrecision(12)) : value };
}

function written(value, unit) {
  if (value === null) return '';
  return String(isShare(unit) ? Number((value * 100).toPrecision(12)) : value);
}

export function limitDialog(limit) {
  const bound = (value) => {
    const node = h('input', { class: 'input', type: 'text', inputmode: 'decimal', autocomplete: 'off', placeholder: 'none' });
    node.value = written(value, limit.unit);
    return node;
  };
  const soft = bound(limit.soft);
  const hard = bound(limit.hard);
  const reason = h('input', { class: 'input', type: 'text', maxlength: '500', autocomplete: 'off', placeholder: 'goes to the journal' });
  const message = h('p', { class: 'bad', role: 'alert', hidden: true });
  const row = (text, node) => h('label', { class: 'k' }, h('span', { class: 'k' }, text), node);
  const form = h('form', {}, row('Warns at', soft), row('Blocks at', hard), row('Reason', reason), h('button', { type: 'submit', hidden: true }));
  const cancel = dialogButton('Cancel', { onpress: () => dialog.close() });
  const go = dialogButton('Change', { onpress: () => change() });
  const now = limit.value === null ? 'Where it stands is not known.' : `It stands at ${inUnit(limit.value, limit.unit)}.`;
  const dialog = openDialog({
    title: `Limit: ${limitName(limit)}`, buttons: [cancel, go],
    content: [h('p', { class: 'k' }, `${now} Bounds ${UNITS[limit.unit]}; the upper one closes the gate once it is passed.`), form, message],
  });
  const say = (text) => {
    setText(message, text);
    setHidden(message, !text);
  };
  const change = async () => {
    if (go.getAttribute('aria-disabled') === 'true') return;
    const [lower, upper] = [readBound(soft.value, limit.unit), readBound(hard.value, limit.unit)];
    const problem = lower.problem ?? upper.problem ?? (reason.value.trim() ? '' : 'Say why.');
    say(problem);
    if (problem) return;
    setBlocked(go, true);
    try {
      const answer = await put(`${RISK_BASE}/risk/limits`, {
        kind: limit.kind, subject: limit.subject, soft: lower.value, hard: upper.value, reason: reason.value.trim(),
      });
      risk.takeLimits(answer);
      dialog.close();
    } catch (error) {
      say(words(error));
    } finally {
      setBlocked(go, false);
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    change();
  });
  hard.focus();
  hard.select();
}
