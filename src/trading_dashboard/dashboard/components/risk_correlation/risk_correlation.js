// The correlation map: a number and a shade each, as measured or shrunk.

import { cleanup, h, mounted, setAttribute, setClass, setText } from '/assets/js/dom.js';
import { NONE, number } from '/assets/js/format.js';
import { report, reportCard } from '/assets/js/risk_report.js';
import { percentOf, windowWords } from '/assets/js/risk_words.js';

const MAX_SHOWN = 20;
const KINDS = [['sample', 'Sample'], ['shrunk', 'Shrunk']];
let chosen = 'sample';

function cell(value, isSelf) {
  const node = h('td', { class: isSelf ? 'self' : '' }, isSelf ? '' : value === null ? NONE : number(value, 2));
  if (value !== null && !isSelf) {
    node.style.setProperty('--strength', `${Math.round(Math.min(1, Math.abs(value)) * 70)}%`);
    setClass(node, 'against', value < 0);
  }
  return node;
}

function map({ symbols, ...matrices }) {
  const shown = symbols.slice(0, MAX_SHOWN);
  const head = h('tr', {}, h('td', {}), ...shown.map((symbol) => h('th', { scope: 'col' }, symbol)));
  const rows = shown.map((symbol, row) => h('tr', { dataset: { symbol } }, h('th', { scope: 'row' }, symbol), ...shown.map((_, column) => cell(matrices[chosen][row]?.[column] ?? null, row === column))));
  return h('table', { class: 'correlation-map' }, h('caption', { class: 'sr' }, `Correlations, ${chosen}`), h('thead', {}, head), h('tbody', {}, ...rows));
}

function create({ parentElement }) {
  const tasks = cleanup();
  const body = h('div', { class: 'scroll-x', tabindex: '0', role: 'group', 'aria-label': 'Correlations' });
  const age = h('span', { class: 'quiet age' });
  const note = h('p', { class: 'empty note', role: 'status' });
  const says = h('p', { class: 'k' });
  const tabs = KINDS.map(([kind, text]) => {
    const node = h('button', { class: 'seg-button', type: 'button', dataset: { kind } }, text);
    node.addEventListener('click', () => {
      chosen = kind;
      if (report.answer) paint(report.answer);
    });
    return node;
  });
  const shown = h('div', {}, body, says);
  const card = h('section', { class: 'card desk-data desk-risk-correlation', 'aria-label': 'Correlation' },
    h('h3', {}, 'Correlation', h('span', { class: 'actions' }, h('div', { class: 'seg', role: 'group', 'aria-label': 'Which correlations' }, ...tabs), age)), shown, note);
  parentElement.append(card);
  const paint = ({ correlation }) => {
    for (const tab of tabs) {
      setClass(tab, 'on', tab.dataset.kind === chosen);
      setAttribute(tab, 'aria-pressed', String(tab.dataset.kind === chosen));
    }
    if (!correlation) return;
    body.replaceChildren(map(correlation));
    const left = correlation.symbols.length - MAX_SHOWN;
    const intensity = chosen === 'shrunk' && correlation.shrinkage !== null ? `shrunk by ${percentOf(correlation.shrinkage)} (Ledoit and Wolf)` : '';
    setText(says, [windowWords(correlation.window), intensity, left > 0 ? `${left} more symbols are not drawn` : ''].filter(Boolean).join(' · '));
  };
  reportCard(tasks, {
    card, age, note, body: shown, paint, reading: 'Computing correlations', isEmpty: ({ correlation }) => !correlation?.symbols.length,
    empty: 'No correlation: it takes two holdings with enough history.',
  });
  return { destroy: tasks.destroy };
}

export default mounted(create);
