// What else is measured of the portfolio: volatility, drawdown, ratios, concentration, liquidity.

import { cleanup, h, mounted, setAttribute, setText } from '/assets/js/dom.js';
import { NONE, number } from '/assets/js/format.js';
import { report, reportCard } from '/assets/js/risk_report.js';
import { inUnit, percentOf, windowWords } from '/assets/js/risk_words.js';

const GROUPS = {
  volatility: 'Volatility', beta: 'Beta', drawdown: 'Drawdown', ratio: 'Ratios', ratios: 'Ratios', concentration: 'Concentration', liquidity: 'Liquidity',
};
/** Told in a table of their own. */
const ELSEWHERE = new Set(['var', 'es', 'expected_shortfall']);
const ORDER = Object.values(GROUPS);

function groupOf({ id }) {
  const [name] = id.split('.');
  return GROUPS[name] ?? `${name[0].toUpperCase()}${name.slice(1).replaceAll('_', ' ')}`;
}

function grouped(measures) {
  const groups = new Map();
  for (const measure of measures) {
    if (ELSEWHERE.has(measure.id.split('.')[0])) continue;
    const name = groupOf(measure);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(measure);
  }
  const rank = (name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return [...groups].sort(([a], [b]) => rank(a) - rank(b));
}

function about(measure) {
  const { horizon_days: horizon, confidence, annualised, note } = measure;
  return [annualised ? 'a year' : '', confidence === null ? '' : percentOf(confidence), horizon === null ? '' : `${number(horizon, Number.isInteger(horizon) ? 0 : 1)} d`, note].filter(Boolean).join(', ');
}

/** One measure: name and number; its formula, source and window on opening. */
function entry(measure) {
  const value = h('b', { class: 'value' }, measure.value === null ? 'not known' : `${inUnit(measure.value, measure.unit)}${measure.unit === 'days' ? ' d' : ''}`);
  const parameters = Object.entries(measure.parameters ?? {}).map(([key, one]) => `${key.replaceAll('_', ' ')} ${typeof one === 'number' ? Number(one.toPrecision(6)) : one}`).join(', ');
  const more = [
    ['Formula', measure.formula], ['Source', measure.citation], ['Window', windowWords(measure.window)], ['Parameters', parameters],
    ['Missing', (measure.window?.missing ?? []).join(', ')], ['Standard error', measure.standard_error === null ? '' : number(measure.standard_error, 4)],
  ].filter(([, text]) => text);
  const hint = about(measure);
  return h('details', { class: 'measure', dataset: { measure: measure.id, subject: measure.subject ?? '' } },
    h('summary', {}, h('span', { class: 'name' }, measure.name, measure.subject ? h('span', { class: 'k' }, ` ${measure.subject}`) : null), value, hint ? h('span', { class: 'quiet hint' }, hint) : null),
    h('dl', {}, ...more.flatMap(([label, text]) => [h('dt', { class: 'k' }, label), h('dd', {}, text)])));
}

function create({ parentElement }) {
  const tasks = cleanup();
  const groups = h('div', { class: 'measure-groups' });
  const age = h('span', { class: 'quiet age' });
  const note = h('p', { class: 'empty note', role: 'status' });
  const count = h('span', { class: 'quiet count' }, 'each opens to its formula and source');
  const card = h('section', { class: 'card desk-data desk-risk-measures', 'aria-label': 'Measures' },
    h('h3', {}, h('span', { class: 'title' }, 'Drawdown, ratios and other measures', count), age), groups, note);
  parentElement.append(card);
  const key = (node) => `${node.dataset.measure} ${node.dataset.subject}`;
  const paint = ({ measures }) => {
    const open = new Set([...groups.querySelectorAll('details[open]')].map(key));
    const focused = groups.contains(document.activeElement) ? key(document.activeElement.closest('details')) : null;
    groups.replaceChildren(...grouped(measures).map(([name, items]) => h('section', { class: 'group' }, h('h4', {}, name), ...items.map(entry))));
    for (const node of groups.querySelectorAll('details')) {
      if (open.has(key(node))) setAttribute(node, 'open', '');
      if (focused === key(node)) node.querySelector('summary').focus({ preventScroll: true });
    }
    setText(count, measures.length ? 'each opens to its formula and source' : NONE);
  };
  reportCard(tasks, {
    card, age, note, body: groups, paint, reading: 'Measuring', isEmpty: ({ measures }) => measures.length === 0, empty: 'Nothing to measure: the account holds nothing that has enough history.',
  });
  return { destroy: tasks.destroy };
}

export default mounted(create);
