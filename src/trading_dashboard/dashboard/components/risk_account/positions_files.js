// Positions as files: export, and an import that is tried first and says every problem by its row.

import { getText, postText, words } from '/assets/js/api.js';
import { amount, decimalPrice, quantity } from '/assets/js/decimal.js';
import { dialogButton, openDialog } from '/assets/js/dialog.js';
import { download, h, setAttribute, setBlocked, setHidden, setText } from '/assets/js/dom.js';
import { number } from '/assets/js/format.js';
import { market, risk } from '/assets/js/hub.js';
import { RISK_BASE } from '/assets/js/risk_store.js';

const TYPES = { csv: 'text/csv', json: 'application/json' };
const MAX_BYTES = 60_000;
const MAX_SHOWN = 200;
const DEADLINE = 20_000;

/** Hand over what the agent writes, as it wrote it. */
export async function exportPositions(format) {
  const text = await getText(`${RISK_BASE}/positions/export?format=${format}`, { signal: AbortSignal.timeout(DEADLINE) });
  const day = market.clock?.now?.slice(0, 10) ?? 'now';
  download(`positions-${day}.${format}`, new Blob([text], { type: TYPES[format] }));
}

function formatOf(name, text) {
  if (/\.json$/i.test(name)) return 'json';
  if (/\.csv$/i.test(name)) return 'csv';
  return /^\s*[[{]/.test(text) ? 'json' : 'csv';
}

/** @param told (text) says above the card what was imported. */
export function importDialog(told) {
  const file = h('input', { class: 'input', type: 'file', accept: '.csv,.json,text/csv,application/json', 'aria-label': 'File of positions' });
  const text = h('textarea', { class: 'input paste', rows: 6, spellcheck: 'false', 'aria-label': 'Positions as text', placeholder: 'or paste CSV or JSON here' });
  const says = h('p', { class: 'k', role: 'status' }, 'Nothing changes until you press Import. CSV needs the columns symbol, quantity and average_cost.');
  const body = h('tbody');
  const head = ['Row', 'Column', 'Found', 'Problem', 'What to do'].map((one) => h('th', { scope: 'col' }, one));
  const table = h('div', { class: 'scroll problems', tabindex: '0', role: 'group', 'aria-label': 'Problems by row', hidden: true },
    h('table', {}, h('thead', {}, h('tr', {}, ...head)), body));
  const changes = h('tbody');
  const outcome = h('div', { class: 'scroll problems outcome', tabindex: '0', role: 'group', 'aria-label': 'What would be held', hidden: true },
    h('table', {}, h('thead', {}, h('tr', {}, ...['Symbol', 'Held now', 'Held then', ''].map((one) => h('th', { scope: 'col' }, one)))), changes));
  const cancel = dialogButton('Cancel', { onpress: () => dialog.close() });
  const go = dialogButton('Import', { onpress: () => run(false) });
  setBlocked(go, true);
  const dialog = openDialog({ title: 'Import positions', kind: 'wide', content: [h('form', {}, file, text), says, table, outcome], buttons: [cancel, go] });
  let name = '';
  let asked = 0;
  let timer = null;
  const say = (words_, kind = 'k') => {
    setText(says, words_);
    setAttribute(says, 'class', kind);
  };
  const show = (report) => {
    body.replaceChildren(...report.problems.slice(0, MAX_SHOWN).map(problemRow));
    setHidden(table, report.problems.length === 0);
    const positions = report.problems.length ? [] : report.positions;
    changes.replaceChildren(...positions.map(changeRow));
    setHidden(outcome, positions.length === 0);
    setBlocked(go, report.problems.length > 0 || report.rows === 0);
    say(...verdict(report));
  };
  const run = async (isDry) => {
    const mine = (asked += 1);
    const content = text.value;
    setBlocked(go, true);
    if (!content.trim()) {
      setHidden(outcome, true);
      return;
    }
    if (new Blob([content]).size > MAX_BYTES) {
      say(`The page takes at most ${number(MAX_BYTES / 1000)} kB at once. Send larger files to POST /positions/import of the agent.`, 'bad');
      return;
    }
    say(isDry ? 'Checking' : 'Importing');
    try {
      const format = formatOf(name, content);
      const report = await postText(`${RISK_BASE}/positions/import?dry_run=${isDry}&format=${format}`, content, TYPES[format]);
      if (mine !== asked) return;
      if (isDry || report.problems.length) show(report);
      else {
        told(`${number(report.accepted)} ${report.accepted === 1 ? 'row' : 'rows'} imported.`);
        dialog.close();
      }
    } catch (error) {
      if (mine !== asked) return;
      const problems = error.details ?? [];
      body.replaceChildren(...problems.slice(0, MAX_SHOWN).map(problemRow));
      setHidden(table, problems.length === 0);
      setHidden(outcome, true);
      say(words(error), 'bad');
    }
  };
  const tryIt = () => {
    clearTimeout(timer);
    timer = setTimeout(() => run(true), 250);
  };
  file.addEventListener('change', async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    name = chosen.name;
    text.value = await chosen.text();
    tryIt();
  });
  text.addEventListener('input', () => {
    name = '';
    tryIt();
  });
}

function verdict({ rows, problems, positions }) {
  const count = `${number(rows)} ${rows === 1 ? 'row' : 'rows'}`;
  if (problems.length) {
    const more = problems.length > MAX_SHOWN ? `, the first ${MAX_SHOWN} of them below` : '';
    return [`${count}, ${number(problems.length)} ${problems.length === 1 ? 'problem' : 'problems'}${more}. All rows are imported, or none.`, 'bad'];
  }
  const replaced = positions.filter(({ symbol }) => heldNow(symbol)).length;
  const kept = (risk.account?.positions.length ?? 0) - replaced;
  const rest = kept > 0 ? ` ${kept === 1 ? 'One other holding stays as it is' : `${number(kept)} other holdings stay as they are`}.` : '';
  return [`${count}, no problem: ${replaced ? `replaces ${number(replaced)} ${replaced === 1 ? 'holding' : 'holdings'}` : 'replaces nothing that is held'}.${rest}`, replaced ? 'warn' : 'k'];
}

function heldNow(symbol) {
  return (risk.account?.positions ?? []).find((one) => one.symbol === symbol) ?? null;
}

/** What a row of the file takes the place of. */
function changeRow(position) {
  const written = (one) => `${quantity(one.quantity)} at ${decimalPrice(one.average_cost)}`;
  const now = heldNow(position.symbol);
  const change = now ? `replaces ${quantity(now.quantity)}` : 'new';
  return h('tr', { dataset: { change: position.symbol } }, h('th', { scope: 'row' }, position.symbol), h('td', {}, now ? written(now) : '–'), h('td', {}, written(position)),
    h('td', { class: now ? 'warn' : 'k' }, change));
}

function problemRow({ row, column, observed, problem, next_step: next }) {
  const found = String(observed ?? '');
  return h('tr', {}, h('td', {}, row === undefined ? '–' : amount(row, 0)), h('td', {}, column ?? '–'),
    h('td', { class: 'wrap' }, found.length > 80 ? `${found.slice(0, 80)}…` : found), h('td', { class: 'wrap' }, problem ?? '–'), h('td', { class: 'wrap' }, next ?? '–'));
}
