// The journal: every change of the account, the limits and the gate, newest first, back to the first.

import { cleanup, h, mounted, onPress, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { number, wallTime } from '/assets/js/format.js';
import { risk, market } from '/assets/js/hub.js';
import { selectField } from '/assets/js/pattern_filter.js';
import { Poller } from '/assets/js/poller.js';
import { words } from '/assets/js/api.js';
import { headRow, KeyedRows, labelled } from '/assets/js/risk_card.js';
import { riskReader } from '/assets/js/risk_reader.js';
import { marketStamp } from '/assets/js/risk_words.js';
import { entryWords } from './entry_words.js';

const PAUSE = 10_000;
const PAGE = 50;
const COLUMNS = [['Nr', 'l'], ['Recorded', 'when l'], ['Market time', 'when l'], ['What', 'l'], ['Change', 'l wrap'], ['Who', 'l who']];
const KINDS = [
  ['', 'Everything'], ['order_placed', 'Orders placed'], ['order_filled', 'Fills'], ['order_cancelled', 'Cancels'], ['order_rejected', 'Rejections'],
  ['limit_changed', 'Limits'], ['gate_closed', 'Gate closed'], ['gate_reopened', 'Gate reopened'], ['kill_switch', 'Kill switch'], ['cash_moved', 'Cash'], ['position_imported', 'Imports'],
];

function makeRow({ entry }) {
  const change = h('td', {}, entryWords(entry));
  if (entry.reason) change.append(h('span', { class: 'k' }, ` ${entry.reason}`));
  const node = labelled(h('tr', { dataset: { seq: String(entry.seq), kind: entry.kind } }, h('td', { class: 'k' }, number(entry.seq)), h('td', { class: 'k' }, wallTime(entry.recorded_at)),
    h('td', { class: 'k' }, marketStamp(entry.at, market.timeZone)), h('th', { scope: 'row' }, entry.kind.replaceAll('_', ' ')), change, h('td', { class: 'k' }, entry.actor)), COLUMNS);
  return { node, paint: () => {} };
}

class Journal {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.kind = '';
    this.entries = new Map();
    this.next = null;
    this.body = h('tbody');
    this.rows = new KeyedRows(this.body, makeRow);
    this.age = h('span', { class: 'quiet age' });
    this.note = h('p', { class: 'empty note', role: 'status' });
    this.more = h('button', { class: 'btn q', type: 'button', hidden: true }, 'Older entries');
    onPress(this.more, () => this.#older());
    const choice = selectField('Kind of entry', KINDS, { onchange: (value) => this.#choose(value) });
    this.scroll = h('div', { class: 'scroll scroll-both', tabindex: '0', role: 'group', 'aria-label': 'Journal' },
      h('table', {}, h('caption', { class: 'sr' }, 'Journal'), headRow(COLUMNS), this.body), this.more);
    this.card = h('section', { class: 'card desk-data desk-risk-journal', 'aria-label': 'Journal' },
      h('h3', {}, h('span', { class: 'title' }, 'Journal'), h('span', { class: 'actions' }, h('span', { class: 'filters' }, choice), this.age)), this.scroll, this.note);
    parentElement.append(this.card);
    this.poller = new Poller(this.tasks, {
      reader: riskReader(({ type }) => ['order', 'gate', 'limits'].includes(type) && this.#isDue()), pause: PAUSE, path: () => this.#path(),
      take: (answer) => this.#take(answer), paint: () => this.#paint(),
    });
    this.#paint();
  }

  /** Streams change many times a second; the journal is read at most once a second for them. */
  #isDue() {
    const now = performance.now();
    if (now - (this.askedAt ?? 0) < 1000) return false;
    this.askedAt = now;
    return true;
  }

  #path(before = null) {
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (this.kind) query.set('kind', this.kind);
    if (before !== null) query.set('before', String(before));
    return `/journal?${query}`;
  }

  #choose(kind) {
    this.kind = kind;
    this.entries = new Map();
    this.next = null;
    this.poller.forget();
    this.poller.now();
    this.#paint();
  }

  #take({ entries, next_before: next }) {
    const isFirst = this.entries.size === 0;
    const oldest = entries.at(-1)?.seq ?? Infinity;
    // More has come than one page holds: what is known would have a hole before it.
    if (!isFirst && entries.length === PAGE && ![...this.entries.keys()].some((seq) => seq >= oldest)) this.entries = new Map();
    for (const entry of entries) this.entries.set(entry.seq, entry);
    if (isFirst || this.entries.size === entries.length) this.next = next;
    this.#paint();
  }

  async #older() {
    const { kind } = this;
    this.trouble = '';
    try {
      const { entries, next_before: next } = await risk.read(this.#path(this.next));
      if (kind !== this.kind) return;
      for (const entry of entries) this.entries.set(entry.seq, entry);
      this.next = next;
    } catch (error) {
      this.trouble = words(error);
    }
    this.#paint();
  }

  #paint() {
    const { poller } = this;
    this.rows.set([...this.entries.values()].sort((a, b) => b.seq - a.seq).map((entry) => ({ key: entry.seq, entry })));
    setHidden(this.more, this.next === null);
    setHidden(this.scroll, this.entries.size === 0);
    if (!poller) return;
    const isOld = poller.isLoaded && !poller.isCurrent;
    setText(this.age, poller.ageText);
    setAttribute(this.age, 'class', `quiet age ${isOld ? 'warn' : ''}`);
    this.card.classList.toggle('is-stale', isOld);
    const trouble = poller.blocked || poller.trouble || this.trouble;
    const text = trouble || (this.entries.size ? '' : poller.isLoaded ? 'No such entry.' : 'Reading the journal');
    setText(this.note, text);
    setHidden(this.note, !text);
    setAttribute(this.note, 'class', `empty note ${trouble ? 'warn' : ''}`);
  }

  destroy() {
    this.tasks.destroy();
  }
}

export default mounted((component) => new Journal(component));
