// Detections as rows of a table: columns, cells, and the filter above them.

import { h, setAttribute, setText } from './dom.js';
import { NONE, number } from './format.js';
import {
  chartAddress, confidenceWords, directionClass, directionWords, kindWords, levelWords, marketTime, noWorth, percent, shortTime, stateMark,
  STATES, TIMEFRAMES, worthAt, worthTitle, worthWords,
} from './pattern_words.js';

/** Pixels, wide and narrow; style in pattern_table.css. */
export const ROW_HEIGHT = [31, 88];

/** @param horizon A function: over how many bars worth is told. */
export function patternColumns(horizon) {
  const worth = (item) => worthAt(item, horizon());
  return [
    { key: 'symbol', title: 'Symbol', kind: 'l', width: '8%', value: (item) => item.symbol },
    { key: 'timeframe', title: 'Bars', kind: 'l', width: '4.5%', value: (item) => TIMEFRAMES.indexOf(item.timeframe) },
    { key: 'name', title: 'Pattern', kind: 'l', width: '14%', value: (item) => item.name },
    { key: 'direction', title: 'Direction', kind: 'l', width: '7.5%', value: (item) => item.direction },
    { key: 'state', title: 'State', kind: 'l', width: '10.5%', value: (item) => STATES.indexOf(item.state) },
    { key: 'known', title: 'Known', kind: 'when', width: '8%', value: (item) => Date.parse(item.known_at) },
    { key: 'confirmed', title: 'Confirmed', kind: 'when', width: '8%', value: (item) => (item.confirmed_at ? Date.parse(item.confirmed_at) : null) },
    { key: 'confidence', title: 'Confidence', kind: '', width: '7.5%', value: (item) => worth(item)?.confidence ?? null },
    { key: 'worth', title: 'Hit rate before', kind: 'l', width: '19%', value: (item) => worth(item)?.samples ?? null },
    { key: 'strength', title: 'Strength', kind: '', width: '5.5%', value: (item) => item.strength },
    { key: 'target', title: 'Target', kind: '', width: '6%', value: (item) => item.target ?? null },
    { key: 'invalidation', title: 'Invalid', kind: '', width: '6%', value: (item) => item.invalidation ?? null },
  ];
}

/** @param open Called with the detection whose chart is asked for. */
export function makePatternRow(first, horizon, open) {
  const link = h('a', { href: chartAddress(first) }, first.symbol);
  const state = stateMark();
  const cells = Object.fromEntries(['timeframe', 'name', 'direction', 'known', 'confirmed', 'confidence', 'worth', 'strength', 'target', 'invalidation']
    .map((name) => [name, h('td')]));
  let shown = first;
  const node = h('tr', { dataset: { pattern: first.id } }, h('th', { scope: 'row' }, link), cells.timeframe, cells.name, cells.direction,
    h('td', {}, state.node), cells.known, cells.confirmed, cells.confidence, cells.worth, cells.strength, cells.target, cells.invalidation);
  node.addEventListener('click', (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    // Whoever marks a number to copy it does not want the chart.
    if (!getSelection().isCollapsed && getSelection().containsNode(node, true)) return;
    open(shown);
  });
  const paint = (item) => {
    shown = item;
    const worth = worthAt(item, horizon());
    setText(cells.timeframe, item.timeframe);
    setText(cells.name, item.name);
    setAttribute(cells.name, 'title', `${item.name}, ${kindWords(item.kind)}`);
    setText(cells.direction, directionWords(item.direction));
    cells.direction.classList.remove('up', 'down');
    if (directionClass(item.direction)) cells.direction.classList.add(directionClass(item.direction));
    state.paint(item);
    setText(cells.known, shortTime(item.known_at, item.timeframe));
    setText(cells.confirmed, shortTime(item.confirmed_at, item.timeframe));
    setAttribute(cells.known, 'title', `Known at the close of the bar of ${marketTime(item.known_at, item.timeframe)}`);
    setAttribute(cells.confirmed, 'title', item.confirmed_at ? `Confirmed at the close of the bar of ${marketTime(item.confirmed_at, item.timeframe)}` : null);
    setText(cells.confidence, confidenceWords(worth));
    cells.confidence.classList.toggle('quiet', worth?.confidence === null || worth?.confidence === undefined);
    setText(cells.worth, worth ? worthWords(worth) : noWorth(item) || NONE);
    setAttribute(cells.worth, 'title', worthTitle(worth));
    cells.worth.classList.toggle('edge', worth?.verdict === 'edge');
    setText(cells.strength, percent(item.strength));
    setText(cells.target, levelWords(item.target));
    setText(cells.invalidation, levelWords(item.invalidation));
  };
  return { node, paint };
}

/** A group of counts in words: "3 forming · 12 confirmed". */
export function stateCounts(items) {
  const counts = new Map(STATES.map((state) => [state, 0]));
  for (const { state } of items) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > 0).map(([state, count]) => `${number(count)} ${state.replaceAll('_', ' ')}`).join(' · ');
}
