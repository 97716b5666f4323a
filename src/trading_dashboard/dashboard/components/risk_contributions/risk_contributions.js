// What each holding adds to the value at risk; the components add up to the whole.

import { cleanup, h, mounted, setAttribute, setClass, setText } from '/assets/js/dom.js';
import { number } from '/assets/js/format.js';
import { headRow, KeyedRows, labelled } from '/assets/js/risk_card.js';
import { reportCard } from '/assets/js/risk_report.js';
import { inUnit, methodName, percentOf } from '/assets/js/risk_words.js';

const COLUMNS = [['Symbol', 'l'], ['Weight', ''], ['Component', ''], ['', 'l share'], ['Marginal', ''], ['Incremental', '']];

function makeRow({ row: first }) {
  const cells = Object.fromEntries(['weight', 'component'].map((name) => [name, h('td', { dataset: { cell: name } })]));
  const more = Object.fromEntries(['marginal', 'incremental'].map((name) => [name, h('td', { dataset: { cell: name } })]));
  const fill = h('i', { class: 'fill' });
  const node = labelled(h('tr', { dataset: { contribution: first.symbol } }, h('th', { scope: 'row' }, first.symbol), cells.weight, cells.component,
    h('td', {}, h('div', { class: 'share-bar', 'aria-hidden': 'true' }, fill)), more.marginal, more.incremental), COLUMNS);
  const paint = ({ row, most }) => {
    setText(cells.weight, percentOf(row.weight));
    setText(cells.component, inUnit(row.component, 'currency'));
    setText(more.marginal, row.marginal === null ? '–' : number(row.marginal, 4));
    setText(more.incremental, inUnit(row.incremental, 'currency'));
    fill.style.width = `${most ? (Math.abs(row.component ?? 0) / most) * 100 : 0}%`;
    setClass(fill, 'against', (row.component ?? 0) < 0);
    setAttribute(node, 'title', (row.component ?? 0) < 0 ? 'It offsets risk of the others' : null);
  };
  return { node, paint };
}

function create({ parentElement }) {
  const tasks = cleanup();
  const body = h('tbody');
  const rows = new KeyedRows(body, makeRow);
  const age = h('span', { class: 'quiet age' });
  const note = h('p', { class: 'empty note', role: 'status' });
  const says = h('p', { class: 'k' });
  const table = h('div', { class: 'scroll scroll-both', tabindex: '0', role: 'group', 'aria-label': 'Contributions' },
    h('table', {}, h('caption', { class: 'sr' }, 'Contributions to value at risk'), headRow(COLUMNS), body));
  const shown = h('div', {}, table, says);
  const card = h('section', { class: 'card desk-data desk-risk-contributions', 'aria-label': 'Contributions' },
    h('h3', {}, h('span', { class: 'title' }, 'Where the risk is'), age), shown, note);
  parentElement.append(card);
  const paint = ({ contributions, contributions_method: method }) => {
    const sorted = [...contributions].sort((a, b) => (b.component ?? 0) - (a.component ?? 0));
    const most = Math.max(0, ...sorted.map(({ component }) => Math.abs(component ?? 0)));
    rows.set(sorted.map((row) => ({ key: row.symbol, row, most })));
    setText(says, `By ${methodName(method)} VaR. Components add up to the whole; marginal is for one more unit of currency, incremental what leaving the holding out would take away.`);
  };
  reportCard(tasks, {
    card, age, note, body: shown, paint, reading: 'Computing contributions', isEmpty: ({ contributions }) => contributions.length === 0, empty: 'Nothing is held that has enough history.',
  });
  return { destroy: tasks.destroy };
}

export default mounted(create);
