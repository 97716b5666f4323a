// Signals: confirmed patterns as trade ideas. Ideas, not orders: nothing is traded here.

import { cleanup, h, mounted, setAttribute, setText } from '/assets/js/dom.js';
import { number, price } from '/assets/js/format.js';
import { selectField } from '/assets/js/pattern_filter.js';
import { patternReader } from '/assets/js/pattern_reader.js';
import {
  chartAddress, confidenceWords, directionClass, directionWords, marketTime, worthTitle, worthWords,
} from '/assets/js/pattern_words.js';
import { PolledTable } from '/assets/js/polled_table.js';

const PAUSE = 10_000;
const COLUMNS = [
  ['Symbol', 'l'], ['Signal', 'l wrap'], ['Entry', ''], ['Stop', ''], ['Target', ''], ['Reward : risk', ''], ['Confidence', ''],
];

function makeRow(first, open) {
  const link = h('a', { href: chartAddress(first) }, first.symbol);
  const direction = h('span');
  const text = h('span');
  const detail = h('div', { class: 'quiet' });
  const cells = Object.fromEntries(['entry', 'stop', 'target', 'ratio', 'confidence'].map((name) => [name, h('td', { class: name })]));
  const node = h('tr', { dataset: { signal: first.id } }, h('th', { scope: 'row' }, link),
    h('td', {}, direction, ' ', text, detail), ...Object.values(cells));
  link.addEventListener('click', (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    open(first);
  });
  const paint = (now) => {
    setText(direction, directionWords(now.direction));
    setAttribute(direction, 'class', directionClass(now.direction));
    setText(text, `${now.name}, ${now.timeframe}`);
    const agrees = now.agreement === null || now.agreement === undefined ? '' : `timeframe agreement ${now.agreement > 0 ? '+' : ''}${number(now.agreement, 2)}`;
    const notes = [`confirmed ${marketTime(now.confirmed_at, now.timeframe)}`, now.worth ? worthWords(now.worth) : '', agrees, now.note].filter(Boolean);
    setText(detail, notes.join(' · '));
    setAttribute(detail, 'title', worthTitle(now.worth));
    setText(cells.entry, price(now.entry));
    setText(cells.stop, price(now.stop));
    setText(cells.target, price(now.target));
    setText(cells.ratio, number(now.reward_risk, 2));
    setText(cells.confidence, confidenceWords(now.worth));
  };
  return { nodes: [node], paint };
}

function create({ parentElement, setTriggerValue }) {
  const tasks = cleanup();
  const chosen = { min_confidence: '', min_reward_risk: '' };
  const take = (name) => (value) => {
    chosen[name] = value;
    card.poller.forget();
    card.poller.now();
  };
  const path = () => {
    const query = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value));
    return `/signals${query.size ? `?${query}` : ''}`;
  };
  const open = ({ symbol, timeframe, id }) => setTriggerValue('open', JSON.stringify({ symbol, timeframe, id }));
  const controls = [
    selectField('Minimum confidence', [['', 'Any confidence'], ...[0.5, 0.55, 0.6].map((one) => [String(one), `≥ ${number(one * 100)} %`])],
      { onchange: take('min_confidence') }),
    selectField('Minimum reward to risk', [['', 'Any reward : risk'], ...[1, 1.5, 2, 3].map((one) => [String(one), `≥ ${one}`])],
      { onchange: take('min_reward_risk') }),
  ];
  const card = new PolledTable({
    name: 'signals', title: 'Signals', columns: COLUMNS, path, pause: PAUSE, reader: patternReader, controls,
    makeRow: (item) => makeRow(item, open),
    rowsOf: ({ signals }) => signals.map((signal) => ({ key: signal.id, ...signal })),
    summary: (_, items) => (items.length ? `${number(items.length)}, ideas not orders` : ''),
    empty: () => 'No confirmed pattern has a target and a stop that fit. What fits appears here by itself.',
    reading: 'Reading the signals',
  });
  parentElement.append(card.node);
  tasks.add(() => card.destroy());
  return { destroy: tasks.destroy };
}

export default mounted(create);
