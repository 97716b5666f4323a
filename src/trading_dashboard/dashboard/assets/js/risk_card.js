// A card that shows what the risk agent streams: title, condition, body; greyed once it is not current.

import { h, perFrame, setAttribute, setClass, setHidden, setText } from './dom.js';
import { risk } from './hub.js';

/**
 * @param name Ends the card's class, `desk-risk-<name>`.
 * @param hasData () says whether there is anything to show.
 * @param paint () draws it; called once per frame at most.
 * @param types Changes of the stream that are drawn.
 */
export class LiveCard {
  constructor(tasks, { name, title, body, controls = [], hasData, paint, types, reading }) {
    this.hasData = hasData;
    this.draw = paint;
    this.reading = reading;
    this.count = h('span', { class: 'quiet count' });
    this.tags = h('span', { class: 'tags-here' });
    this.age = h('span', { class: 'quiet age' });
    this.note = h('p', { class: 'empty note', role: 'status', hidden: true });
    this.body = h('div', { class: 'body' }, ...body);
    this.node = h('section', { class: `card desk-data desk-risk-${name}`, 'aria-label': title },
      h('h3', {}, h('span', { class: 'title' }, title, this.tags, this.count), h('span', { class: 'actions' }, ...controls, this.age)), this.body, this.note);
    const soon = perFrame(tasks, () => this.paint());
    tasks.add(risk.subscribe(({ type }) => (type === 'state' || type === 'all' || types.includes(type) ? soon() : null)));
    tasks.every(1000, () => this.paintState());
  }

  paint() {
    if (this.hasData()) this.draw();
    this.paintState();
  }

  paintState() {
    const condition = risk.condition();
    const isThere = this.hasData();
    setClass(this.node, 'is-stale', isThere && !condition.isCurrent);
    setText(this.age, condition.isCurrent ? 'live' : isThere ? 'not current' : '');
    setAttribute(this.age, 'class', `quiet age ${condition.isCurrent ? '' : 'warn'}`);
    setHidden(this.body, !isThere);
    const words = condition.isCurrent ? (isThere ? '' : this.reading) : `${condition.text}${isThere ? '. Shown is what was told last' : ''}`;
    setText(this.note, words);
    setHidden(this.note, !words);
    setAttribute(this.note, 'class', `empty note ${condition.isCurrent || condition.kind === 'connecting' ? '' : 'warn'}`);
  }
}

/** Rows made once per key and painted in place. `make(key)` returns {node, paint(item)}. */
export class KeyedRows {
  constructor(body, make) {
    this.body = body;
    this.make = make;
    this.rows = new Map();
  }

  set(items) {
    const before = this.rows;
    this.rows = new Map();
    for (const { key, ...item } of items) {
      const row = before.get(key) ?? this.make(item);
      row.paint(item);
      this.rows.set(key, row);
    }
    for (const [key, row] of before) if (!this.rows.has(key)) row.node.remove();
    let place = this.body.firstElementChild;
    for (const { node } of this.rows.values()) {
      if (node === place) place = place.nextElementSibling;
      else this.body.insertBefore(node, place);
    }
  }
}

/** A head of a table: [text, class] each. */
export function headRow(columns) {
  return h('thead', {}, h('tr', {}, ...columns.map(([text, kind]) => h('th', { scope: 'col', class: kind }, text))));
}

/** Cells of a row with what a narrow page writes before each value. */
export function labelled(node, columns) {
  [...node.children].forEach((cell, index) => {
    cell.dataset.label = columns[index][0];
    cell.classList.add(...(columns[index][1] ?? '').split(' ').filter(Boolean));
  });
  return node;
}
