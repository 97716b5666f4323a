// A card with a table that is read again and again: title, age, loading, empty and error states.
//
// Rows are made once per key and repainted in place, so that what somebody reads or has opened stays.

import { arrange, cleanup, h, onPress, setAttribute, setHidden, setText } from './dom.js';
import { marketReader, Poller } from './poller.js';

const FIRST_ROWS = 50;
const MORE_ROWS = 200;

export class PolledTable {
  /**
   * @param name Ends the card's class, `desk-data-<name>`.
   * @param columns [text, class] of each column; a narrow page says the text beside each value.
   * @param rowsOf Makes [{key, ...}] of an answer.
   * @param makeRow Returns {nodes, paint(item)}: the rows of an item, first its cells' row.
   * @param summary Returns the few words beside the title.
   */
  constructor({ name, title, columns, path, pause, rowsOf, makeRow, summary = () => '', empty, controls = [], reading, reader = marketReader }) {
    this.tasks = cleanup();
    this.columns = columns;
    this.rowsOf = rowsOf;
    this.makeRow = makeRow;
    this.summary = summary;
    this.empty = empty;
    this.reading = reading;
    this.reader = reader;
    this.name = name;
    this.answer = null;
    this.items = [];
    this.rows = new Map();
    this.shown = FIRST_ROWS;
    this.count = h('span', { class: 'quiet count' });
    this.age = h('span', { class: 'quiet age' });
    this.body = h('tbody');
    this.note = h('p', { class: 'empty note', role: 'status' });
    this.again = h('button', { class: 'btn q again', type: 'button', hidden: true }, 'Ask now');
    this.more = h('button', { class: 'btn q', type: 'button', hidden: true });
    const heads = columns.map(([text, kind]) => h('th', { scope: 'col', class: kind }, text));
    this.table = h('table', {}, h('caption', { class: 'sr' }, title), h('thead', {}, h('tr', {}, ...heads)), this.body);
    this.scroll = h('div', { class: 'scroll scroll-both', tabindex: '0', role: 'group', 'aria-label': title }, this.table, this.more);
    this.node = h('section', { class: `card desk-data desk-data-${name}`, 'aria-label': title },
      h('h3', {}, h('span', { class: 'title' }, title, this.count), h('span', { class: 'actions' }, ...controls, this.age)),
      this.scroll, this.note, this.again);
    onPress(this.more, () => {
      this.shown += MORE_ROWS;
      this.paint();
    });
    onPress(this.again, () => this.poller.now());
    this.poller = new Poller(this.tasks, { path, pause, reader, take: (answer) => this.take(answer), paint: () => this.paintState() });
    this.paintState();
  }

  take(answer) {
    this.answer = answer;
    this.refresh();
  }

  /** Make the rows anew from what was read: a filter has changed. */
  refresh() {
    if (this.answer) this.items = this.rowsOf(this.answer);
    this.paint();
  }

  paint() {
    const before = this.rows;
    this.rows = new Map();
    for (const item of this.items.slice(0, this.shown)) {
      const row = before.get(item.key) ?? this.#made(item);
      row.paint(item);
      this.rows.set(item.key, row);
    }
    for (const [key, row] of before) if (!this.rows.has(key)) row.nodes.forEach((node) => node.remove());
    arrange(this.body, [...this.rows.values()].flatMap((row) => row.nodes));
    const left = this.items.length - this.rows.size;
    setHidden(this.more, left <= 0);
    setText(this.more, `Show more (${left})`);
    this.paintState();
  }

  #made(item) {
    const row = this.makeRow(item);
    [...row.nodes[0].children].forEach((cell, index) => {
      cell.dataset.label = this.columns[index][0];
      cell.classList.add(...(this.columns[index][1] ?? '').split(' ').filter(Boolean));
    });
    return row;
  }

  paintState() {
    const { poller } = this;
    setText(this.count, this.answer ? this.summary(this.answer, this.items) : '');
    setText(this.age, poller.ageText);
    const isOld = poller.isLoaded && !poller.isCurrent;
    setAttribute(this.age, 'class', `quiet age ${isOld ? 'warn' : ''}`);
    setAttribute(this.node, 'class', `card desk-data desk-data-${this.name} ${isOld ? 'is-stale' : ''}`);
    setHidden(this.scroll, this.items.length === 0);
    const text = this.#noteText();
    setText(this.note, text);
    setHidden(this.note, !text);
    setHidden(this.again, !poller.trouble);
    setAttribute(this.note, 'class', `empty note ${poller.trouble || poller.blocked ? 'warn' : ''}`);
  }

  #noteText() {
    const { poller } = this;
    if (poller.blocked) return `${poller.blocked}. ${poller.isLoaded ? 'Shown is what was read last.' : ''}`.replace('..', '.').trim();
    if (poller.trouble) {
      const condition = this.reader.condition();
      const why = condition.isCurrent ? poller.trouble : `${condition.text}.`;
      return `${why} ${poller.isLoaded ? 'Shown is what was read last.' : ''} Asked again by itself.`.replace('..', '.').replace('  ', ' ');
    }
    if (this.items.length > 0) return '';
    return this.answer ? this.empty() : this.reading;
  }

  destroy() {
    this.tasks.destroy();
  }
}
