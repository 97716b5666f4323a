// The newest patterns in short: what has just formed or changed, with its worth.

import { control, patterns } from '/assets/js/hub.js';
import { arrange, cleanup, h, mounted, perFrame, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { number } from '/assets/js/format.js';
import {
  chartAddress, DEFAULT_HORIZON, directionClass, directionMark, percent, shortTime, stateMark, worthAt, worthTitle,
} from '/assets/js/pattern_words.js';

const SHOWN = 8;
const CHART_PATTERNS = { symbols: ['*'], timeframes: [], kinds: ['chart'] };

function newestTime({ changes, known_at: known }) {
  return Date.parse(changes.at(-1)?.at ?? known);
}

function makeRow(first, open) {
  const mark = h('span', { class: 'mark' });
  const state = stateMark();
  const worth = h('td', { class: 'worth' });
  const base = h('td', { class: 'k base' });
  const count = h('td', { class: 'k count' });
  const when = h('td', { class: 'k when' });
  const node = h('tr', { dataset: { pattern: first.id } }, h('th', { scope: 'row' }, h('a', { href: chartAddress(first) }, first.symbol)),
    h('td', { class: 'l name' }, `${first.name}, ${first.timeframe}`), h('td', { class: 'l' }, state.node, ' ', mark), worth, base, count, when);
  node.addEventListener('click', (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    open(first);
  });
  const paint = (item) => {
    const known = worthAt(item, DEFAULT_HORIZON);
    state.paint(item);
    setText(mark, directionMark(item.direction));
    setAttribute(mark, 'class', `mark ${directionClass(item.direction)}`);
    setAttribute(mark, 'title', item.direction);
    setText(worth, known ? (known.verdict === 'too_few' ? 'too few' : percent(known.confidence ?? known.hit_rate)) : '–');
    setAttribute(worth, 'class', `worth ${known?.verdict === 'edge' ? '' : 'k'}`);
    setAttribute(worth, 'title', worthTitle(known));
    setText(base, known ? percent(known.base_rate) : '–');
    setText(count, known ? number(known.samples) : '–');
    setText(when, shortTime(item.changes.at(-1)?.at ?? item.known_at, item.timeframe));
  };
  return { node, paint };
}

function create({ parentElement, setTriggerValue }) {
  const tasks = cleanup();
  const rows = new Map();
  const open = ({ symbol, timeframe, id }) => setTriggerValue('open', JSON.stringify({ symbol, timeframe, id }));
  const body = h('tbody');
  const note = h('p', { class: 'empty note', role: 'status' });
  const age = h('span', { class: 'quiet age' });
  const heads = [['Symbol', ''], ['Pattern', 'l'], ['State', 'l'], ['Worth', ''], ['Base', 'base'], ['n', 'count'], ['When', '']];
  const table = h('table', {}, h('caption', { class: 'sr' }, 'Newest patterns'),
    h('thead', {}, h('tr', {}, ...heads.map(([text, kind]) => h('th', { scope: 'col', class: kind }, text)))), body);
  const card = h('section', { class: 'card desk-newest', 'aria-label': 'Newest patterns' }, h('h3', {}, 'Newest patterns', age), table, note);
  parentElement.append(card);

  const paintState = () => {
    const condition = patterns.condition();
    setText(age, condition.isCurrent || rows.size === 0 ? '' : condition.text);
    setAttribute(age, 'class', 'quiet age warn');
    setAttribute(card, 'class', `card desk-newest ${condition.isCurrent || rows.size === 0 ? '' : 'is-stale'}`);
    setHidden(table, rows.size === 0);
    const words = patterns.hasSnapshot ? 'No chart pattern is open and none was seen lately.' : `${condition.isCurrent ? 'Reading the patterns' : condition.text}.`;
    setText(note, rows.size ? '' : words.replace('..', '.'));
    setHidden(note, rows.size > 0);
  };
  const paint = perFrame(tasks, () => {
    const newest = [...patterns.found.values()].sort((a, b) => newestTime(b) - newestTime(a)).slice(0, SHOWN);
    const keep = new Set(newest.map(({ id }) => id));
    for (const [id, row] of rows) {
      if (keep.has(id)) continue;
      row.node.remove();
      rows.delete(id);
    }
    for (const item of newest) {
      if (!rows.has(item.id)) rows.set(item.id, makeRow(item, open));
      rows.get(item.id).paint(item);
    }
    arrange(body, newest.map(({ id }) => rows.get(id).node));
    paintState();
  });
  tasks.add(patterns.subscribe(CHART_PATTERNS, ({ type }) => (type === 'state' ? paintState() : paint())));
  tasks.add(control.subscribe(paintState));
  tasks.every(1000, paintState);
  paintState();
  return { destroy: tasks.destroy };
}

export default mounted(create);
