// Everything that happened, newest first, back to the beginning of the history.

import { arrange, cleanup, h, onPress, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { eventWords, KIND_GROUPS } from '/assets/js/event_words.js';
import { wallTime } from '/assets/js/format.js';
import { readHistory, Refresher } from '/assets/js/history.js';
import { control } from '/assets/js/hub.js';

const PAGE = 100;
const MAX_ROWS = 2000;
const PAUSE = 1500;

function makeRow(event) {
  const [text, tone] = eventWords(event);
  return h('tr', { dataset: { kind: event.kind } }, h('td', { class: 'k when' }, wallTime(event.time)),
    h('th', { scope: 'row', title: event.agent ?? '' }, event.agent ?? 'desk'), h('td', { class: `l wrap ${tone}` }, text));
}

export class EventTable {
  constructor() {
    this.tasks = cleanup();
    this.events = [];
    this.rows = new Map();
    this.before = null;
    this.agent = h('select', { class: 'input', 'aria-label': 'Events of agent' }, h('option', { value: '' }, 'all agents'));
    this.kind = h('select', { class: 'input', 'aria-label': 'Kind of event' }, h('option', { value: '' }, 'all kinds'),
      ...KIND_GROUPS.map(([name, kinds]) => h('option', { value: kinds.join(' ') }, name)));
    this.body = h('tbody');
    this.note = h('p', { class: 'empty' });
    this.older = h('button', { class: 'btn q', type: 'button', hidden: true }, 'Load older');
    this.node = h('section', { class: 'card desk-event-table', 'aria-label': 'Events' },
      h('h3', {}, h('span', {}, 'Events'), h('span', { class: 'actions' }, this.agent, this.kind)),
      h('div', { class: 'scroll' }, h('table', {}, h('caption', { class: 'sr' }, 'Events, newest first'), this.body), this.older), this.note);
    onPress(this.older, () => this.#readOlder());
    this.refresher = new Refresher(this.tasks, { read: () => this.#read(), paint: () => this.paint(), pause: PAUSE });
    for (const filter of [this.agent, this.kind]) filter.addEventListener('change', () => this.#filter());
    this.tasks.add(control.subscribe(({ type, event }) => {
      if (type !== 'update' || event?.kind.startsWith('agent_')) this.#paintAgents();
      if (type === 'state') this.paint();
    }));
    this.#paintAgents();
    this.paint();
  }

  destroy() {
    this.tasks.destroy();
  }

  get #parameters() {
    return { agent: this.agent.value, kind: this.kind.value ? this.kind.value.split(' ') : [], limit: PAGE };
  }

  #filter() {
    this.events = [];
    this.before = null;
    this.refresher.isLoaded = false;
    this.paint();
    this.refresher.now();
  }

  async #read() {
    const wanted = JSON.stringify(this.#parameters);
    const { events, next_before: before } = await readHistory('events', this.#parameters);
    if (wanted !== JSON.stringify(this.#parameters)) {
      this.refresher.soon();
      return;
    }
    const newest = this.events[0]?.id ?? 0;
    const isWithoutGap = before === null || events.some(({ id }) => id <= newest);
    const fresh = events.filter(({ id }) => id > newest).reverse();
    if (!isWithoutGap || newest === 0) {
      this.events = [...events].reverse();
      this.before = before;
    } else {
      this.events = [...fresh, ...this.events].slice(0, MAX_ROWS);
      if (this.events.length === MAX_ROWS) this.before = null;
    }
  }

  async #readOlder() {
    try {
      const { events, next_before: before } = await readHistory('events', { ...this.#parameters, before: this.before });
      this.events.push(...events.reverse());
      this.before = this.events.length < MAX_ROWS ? before : null;
    } catch {
      this.refresher.soon(); // It says what is wrong.
    }
    this.paint();
  }

  #paintAgents() {
    const known = new Set([...this.agent.options].map((option) => option.value));
    for (const name of control.agents.keys()) if (!known.has(name)) this.agent.append(h('option', { value: name }, name));
  }

  paint() {
    const before = this.rows;
    this.rows = new Map(this.events.map((event) => [event.id, before.get(event.id) ?? makeRow(event)]));
    for (const [id, node] of before) if (!this.rows.has(id)) node.remove();
    arrange(this.body, [...this.rows.values()]);
    setHidden(this.older, !this.before);
    const { trouble, isLoaded } = this.refresher;
    const nothing = isLoaded ? 'No event matches.' : 'Reading the history';
    const text = trouble ?? (this.events.length ? '' : control.trouble()?.text ?? nothing);
    setText(this.note, text);
    setHidden(this.note, !text);
    setAttribute(this.note, 'class', `empty ${trouble ? 'warn' : ''}`);
    setAttribute(this.node, 'class', `card desk-event-table ${control.trouble() ? 'is-stale' : ''}`);
  }
}
