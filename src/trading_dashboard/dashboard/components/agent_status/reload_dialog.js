// Reloading the configuration: what would change is shown first, mistakes with where they are.

import { get, post, words } from '/assets/js/api.js';
import { dialogButton, openDialog } from '/assets/js/dialog.js';
import { h, setBlocked, setHidden, setText } from '/assets/js/dom.js';

const EFFECTS = {
  live: 'at once', restart: 'restarts the agent', added: 'new agent', removed: 'agent is stopped and forgotten',
  next_start: 'with the next start of the desk',
};
const WAIT_SECONDS = 120;

/** Show what a reload would change, and reload if that is wanted. */
export async function reloadDialog(paintNote) {
  const close = dialogButton('Close', { onpress: () => dialog.close() });
  const apply = dialogButton('Reload', { onpress: () => run() });
  const body = h('div', { class: 'reload', role: 'status' }, h('p', { class: 'k' }, 'Reading the files'));
  const dialog = openDialog({ title: 'Reload the configuration', kind: 'wide', content: [body], buttons: [close, apply] });
  setHidden(apply, true);
  close.focus();

  const run = async () => {
    setBlocked(apply, true);
    setText(apply, 'Reloading');
    try {
      const answer = await post('/api/control/reload', { dry_run: false, wait_seconds: WAIT_SECONDS });
      paintNote(...outcome(answer));
      dialog.close();
    } catch (error) {
      body.replaceChildren(...failure(error));
      setHidden(apply, true);
    }
  };

  try {
    const { changes } = await post('/api/control/reload', { dry_run: true });
    body.replaceChildren(...(changes.length ? [changeTable(changes)] : [h('p', {}, 'The files say what is in force: nothing to reload.')]));
    setHidden(apply, changes.length === 0);
    if (changes.length) apply.focus();
  } catch (error) {
    body.replaceChildren(...failure(error));
  }
}

function outcome({ changes = [], results = {}, pending }) {
  if (pending) return [`The reload is not done after ${WAIT_SECONDS} s; it goes on.`, 'warn'];
  const failed = Object.entries(results).filter(([, isDone]) => !isDone).map(([name]) => name);
  if (failed.length) return [`Reloaded, but these did not start: ${failed.join(', ')}. See their rows.`, 'warn'];
  return [`Configuration reloaded: ${changes.length} ${changes.length === 1 ? 'change' : 'changes'}.`, 'k'];
}

function changeTable(changes) {
  const rows = changes.map((change) => h('tr', {}, h('th', { scope: 'row', title: change.origin }, change.key),
    h('td', { class: 'l wrap' }, h('del', {}, change.before ?? 'not set'), ' → ', h('ins', {}, change.after ?? 'not set')),
    h('td', { class: 'l k' }, change.origin ?? ''), h('td', { class: 'l' }, EFFECTS[change.effect] ?? change.effect)));
  const head = ['Setting', 'Change', 'Written in', 'Takes effect'].map((text) => h('th', { scope: 'col', class: 'l' }, text));
  return h('div', { class: 'scroll' }, h('table', {}, h('caption', { class: 'sr' }, 'What would change'),
    h('thead', {}, h('tr', {}, ...head)), h('tbody', {}, ...rows)));
}

function failure(error) {
  const mistakes = error.code === 'configuration_invalid' ? mistakeList(error.details) : null;
  return [h('p', { class: 'bad', role: 'alert' }, words(error)), mistakes].filter(Boolean);
}

/** Mistakes with their place and remedy. */
export function mistakeList(mistakes) {
  return h('ul', { class: 'mistakes' }, ...mistakes.map((mistake) => h('li', {},
    h('b', {}, mistake.line ? `${mistake.file}:${mistake.line}` : mistake.file), ` ${mistake.key} = ${mistake.value}: `,
    `${mistake.problem} ${mistake.remedy ?? ''}`)));
}

/** What is wrong with the files as they are now; empty if nothing is, null if that is not told. */
export async function readMistakes() {
  try {
    return (await get('/api/control/configuration')).mistakes ?? [];
  } catch {
    return null; // Its absence is no trouble of the agents'; the dialog says what is wrong.
  }
}
