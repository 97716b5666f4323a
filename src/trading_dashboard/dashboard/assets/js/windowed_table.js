// A table of thousands of rows of which only those in view are in the page.
//
// Owns sorting by its heads and the place one reads at: what comes in above does not push it away.

import { arrange, h, onPress, perFrame, setAttribute, setHidden, setText } from './dom.js';

const OVERSCAN = 8;
const NARROW = matchMedia('(max-width: 760px)');

export class WindowedTable {
  /**
   * @param columns [{key, title, kind, width, value(item)}]; one with `value` can be sorted by.
   * @param makeRow Returns {node, paint(item)}: a row with one cell per column.
   * @param rowHeight [wide, narrow], pixels; rows are exactly as high.
   */
  constructor(tasks, { label, columns, makeRow, rowHeight, sort, keyOf = (item) => item.id }) {
    this.columns = columns;
    this.makeRow = makeRow;
    this.rowHeight = rowHeight;
    this.keyOf = keyOf;
    this.items = [];
    this.sort = sort;
    this.rows = new Map();
    this.heads = columns.map((column) => this.#head(column));
    const widths = columns.map(({ key, width }) => {
      const col = h('col', { class: `c-${key}` });
      if (width) col.style.width = width;
      return col;
    });
    this.above = spacer(columns.length);
    this.below = spacer(columns.length);
    this.body = h('tbody', {}, this.above, this.below);
    this.table = h('table', { class: 'windowed' }, h('caption', { class: 'sr' }, label), h('colgroup', {}, ...widths),
      h('thead', {}, h('tr', {}, ...this.heads)), this.body);
    this.node = h('div', { class: 'scroll scroll-both windowed-scroll', tabindex: '0', role: 'group', 'aria-label': label }, this.table);
    this.paintSoon = perFrame(tasks, () => this.#paint());
    tasks.on(this.node, 'scroll', this.paintSoon);
    tasks.on(NARROW, 'change', this.paintSoon);
    const seen = new ResizeObserver(this.paintSoon);
    seen.observe(this.node);
    tasks.add(() => seen.disconnect());
    this.#paintHeads();
  }

  /** Show these; the row one reads at stays where it is. */
  set(items) {
    const height = this.#height();
    const first = Math.floor(this.node.scrollTop / height);
    const anchor = this.node.scrollTop > 0 && this.items[first] ? this.keyOf(this.items[first]) : null;
    this.items = this.#sorted(items);
    if (anchor !== null) this.#keep(anchor, first, height);
    setAttribute(this.table, 'aria-rowcount', this.items.length + 1);
    this.paintSoon();
  }

  #keep(anchor, first, height) {
    const place = this.items.findIndex((item) => this.keyOf(item) === anchor);
    if (place < 0 || place === first) return;
    this.#stretch(0, 0, height);
    this.node.scrollTop += (place - first) * height;
  }

  #sorted(items) {
    const { key, isDown } = this.sort;
    const { value } = this.columns.find((column) => column.key === key);
    const sign = isDown ? -1 : 1;
    const keyed = items.map((item) => [value(item), item]);
    // What has no value comes last, whichever way it is sorted.
    keyed.sort(([a], [b]) => {
      if (a === b) return 0;
      if (a === null || a === undefined) return 1;
      if (b === null || b === undefined) return -1;
      return (a < b ? -1 : 1) * sign;
    });
    return keyed.map(([, item]) => item);
  }

  #head({ key, title, kind, value }) {
    const names = `${kind} c-${key}`;
    if (!value) return h('th', { scope: 'col', class: names }, title);
    const button = h('button', { class: 'head', type: 'button', dataset: { sort: key } }, title, h('span', { 'aria-hidden': 'true' }));
    onPress(button, () => {
      const isSame = this.sort.key === key;
      this.sort = { key, isDown: isSame ? !this.sort.isDown : kind !== 'l' };
      this.node.scrollTop = 0;
      this.#paintHeads();
      this.set(this.items);
    });
    return h('th', { scope: 'col', class: names }, button);
  }

  #paintHeads() {
    this.heads.forEach((head, index) => {
      const isOn = this.columns[index].key === this.sort.key;
      const mark = head.querySelector('span');
      if (mark) setText(mark, isOn ? (this.sort.isDown ? ' ↓' : ' ↑') : '');
      setAttribute(head, 'aria-sort', isOn ? (this.sort.isDown ? 'descending' : 'ascending') : null);
    });
  }

  #height() {
    return this.rowHeight[NARROW.matches ? 1 : 0];
  }

  #stretch(from, to, height) {
    this.above.style.height = `${from * height}px`;
    this.below.style.height = `${(this.items.length - to) * height}px`;
    setHidden(this.above, from === 0);
    setHidden(this.below, to >= this.items.length);
  }

  #paint() {
    const height = this.#height();
    const first = Math.max(0, Math.floor(this.node.scrollTop / height) - OVERSCAN);
    const count = Math.ceil(this.node.clientHeight / height) + 2 * OVERSCAN;
    const last = Math.min(this.items.length, first + count);
    const from = Math.min(first, Math.max(0, last - count));
    const before = this.rows;
    this.rows = new Map();
    for (let index = from; index < last; index += 1) {
      const item = this.items[index];
      const key = this.keyOf(item);
      const row = before.get(key) ?? this.#made(item);
      if (row.item !== item || row.version !== this.version) row.paint(item);
      row.item = item;
      row.version = this.version;
      setAttribute(row.node, 'aria-rowindex', index + 2);
      this.rows.set(key, row);
    }
    for (const [key, row] of before) if (!this.rows.has(key)) row.node.remove();
    this.#stretch(from, last, height);
    arrange(this.body, [this.above, ...[...this.rows.values()].map((row) => row.node), this.below]);
  }

  #made(item) {
    const row = this.makeRow(item);
    [...row.node.children].forEach((cell, index) => {
      cell.dataset.label = this.columns[index].title;
      cell.classList.add(...(this.columns[index].kind ?? '').split(' ').filter(Boolean), `c-${this.columns[index].key}`);
    });
    return row;
  }

  /** Paint all rows in view anew: what they say depends on something else that has changed. */
  repaint() {
    this.version = (this.version ?? 0) + 1;
    this.paintSoon();
  }
}

function spacer(columns) {
  return h('tr', { class: 'spacer', 'aria-hidden': 'true', hidden: true }, h('td', { colspan: columns }));
}
