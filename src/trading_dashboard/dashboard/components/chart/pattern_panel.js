// The cards beside the chart: the patterns of this symbol and these bars, and its price levels.

import { arrange, h, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { NONE, number, price } from '/assets/js/format.js';
import {
  DEFAULT_HORIZON, directionClass, directionMark, noWorth, percent, shortTime, stateMark, targetWords, worthAt, worthTitle, worthWords,
} from '/assets/js/pattern_words.js';
import { isOpen } from './pattern_shapes.js';

const SHOWN = 10;
/** Levels beside the chart: the others are too far away to matter now. */
const NEAREST = 6;

function sentence(why) {
  return why ? `Worth: ${why}` : 'Worth is told once it is confirmed';
}

function makeItem(first, { onChoose, onHover }) {
  const name = h('b');
  const state = stateMark();
  const mark = h('span', { class: 'mark' });
  const since = h('div', { class: 'k' });
  const worth = h('div', { class: 'worth' });
  const button = h('button', { class: 'pattern-item', type: 'button', 'aria-pressed': 'false' },
    h('div', { class: 'pattern-name' }, name, h('span', { class: 'pattern-state' }, state.node, ' ', mark)), since, worth);
  const node = h('li', { dataset: { pattern: first.id } }, button);
  button.addEventListener('click', () => onChoose(first.id));
  for (const event of ['pointerenter', 'focus']) button.addEventListener(event, () => onHover(first.id));
  for (const event of ['pointerleave', 'blur']) button.addEventListener(event, () => onHover(null));
  const paint = (item, isChosen) => {
    const known = worthAt(item, DEFAULT_HORIZON);
    setText(name, item.name);
    state.paint(item);
    setText(mark, directionMark(item.direction));
    setAttribute(mark, 'class', `mark ${directionClass(item.direction)}`);
    setAttribute(mark, 'title', item.direction);
    const at = item.changes.at(-1)?.at ?? item.known_at;
    setText(since, [`since ${shortTime(at, item.timeframe)}`, targetWords(item)].filter(Boolean).join(' · '));
    setText(worth, known ? `Worth ${worthWords(known)}` : sentence(noWorth(item)));
    setAttribute(worth, 'title', worthTitle(known));
    setAttribute(worth, 'class', `worth ${known?.verdict === 'edge' ? '' : 'k'}`);
    setAttribute(button, 'aria-pressed', String(isChosen));
  };
  return { node, paint };
}

/** @param actions {onChoose(id), onHover(id or null)} */
export function patternPanel(actions) {
  const items = new Map();
  const list = h('ul', { class: 'pattern-list' });
  const count = h('span', { class: 'quiet' });
  const note = h('p', { class: 'empty', role: 'status' });
  const node = h('section', { class: 'card desk-patterns-here', 'aria-label': 'Patterns here' }, h('h3', {}, 'Patterns here', count), list, note);
  /** @param words Why there may be nothing, or nothing new; empty when all is well. */
  const paint = (known, chosen, words, isOld) => {
    const shapes = known.filter(({ kind }) => kind === 'chart');
    const open = shapes.filter(isOpen);
    const first = shapes.filter(({ id }) => id === chosen);
    const shown = [...new Set([...first, ...open, ...shapes])].slice(0, SHOWN);
    for (const [id, item] of items) {
      if (shown.some((one) => one.id === id)) continue;
      item.node.remove();
      items.delete(id);
    }
    for (const one of shown) {
      if (!items.has(one.id)) items.set(one.id, makeItem(one, actions));
      items.get(one.id).paint(one, one.id === chosen);
    }
    arrange(list, shown.map(({ id }) => items.get(id).node));
    setText(count, shapes.length ? `${number(open.length)} open` : '');
    setText(note, words);
    setHidden(note, !words);
    setAttribute(note, 'class', `empty ${isOld ? 'warn' : ''}`);
    setAttribute(node, 'class', `card desk-patterns-here ${isOld ? 'is-old' : ''}`);
  };
  return { node, paint };
}

/** The levels nearest to the last close, highest first. */
export function nearestLevels(levels) {
  const near = [...levels].sort((a, b) => Math.abs(a.distance_atr) - Math.abs(b.distance_atr)).slice(0, NEAREST);
  return near.sort((a, b) => b.price - a.price);
}

function levelRow(level) {
  const name = level.kind === 'resistance' ? 'Resistance' : 'Support';
  const touches = `${number(level.touches)} ${level.touches === 1 ? 'touch' : 'touches'}`;
  return h('tr', { title: `${price(level.low)} to ${price(level.high)}, strength ${percent(level.strength)}` },
    h('th', { scope: 'row', class: 'k' }, `${name} `, h('span', { class: 'quiet' }, touches)),
    h('td', { class: 'quiet' }, `${number(level.distance_atr, 1)} ATR`), h('td', { class: 'price' }, price(level.price)));
}

export function levelPanel() {
  const body = h('tbody');
  const note = h('p', { class: 'empty', role: 'status' });
  const node = h('section', { class: 'card desk-levels', 'aria-label': 'Levels' }, h('h3', {}, 'Levels'),
    h('table', {}, h('caption', { class: 'sr' }, 'Levels'), body), note);
  const paint = (answer, words) => {
    const levels = nearestLevels(answer?.levels ?? []);
    const atr = answer ? [h('tr', {}, h('th', { scope: 'row', class: 'k' }, 'ATR 14'), h('td', {}), h('td', { class: 'atr' }, answer.atr === null ? NONE : price(answer.atr)))] : [];
    body.replaceChildren(...levels.map(levelRow), ...atr);
    setText(note, words);
    setHidden(note, !words);
  };
  return { node, paint };
}
