// Incidents: who was not well, why, when, and what came of it.

import { arrange, cleanup, h, onPress, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { duration, wallTime } from '/assets/js/format.js';
import { readHistory, Refresher } from '/assets/js/history.js';
import { control } from '/assets/js/hub.js';

const PAGE = 50;
const MAX_ROWS = 1000;
const PAUSE = 3000;
const SHAPES = { failed: 'halt', unhealthy: 'halt', degraded: 'warn', stale: 'warn' };
const NEWS = new Set(['transition', 'health_changed', 'data_state_changed', 'restart_scheduled', 'supervisor_started']);

function outcomeText({ outcome, duration_seconds: seconds }) {
  const length = duration(seconds);
  return {
    ongoing: `goes on since ${length}`, recovered: `recovered after ${length}`,
    stopped: `stopped after ${length}`, supervisor_ended: `not known: the supervisor ended after ${length}`,
  }[outcome] ?? `${outcome} after ${length}`;
}

function makeRow(incident) {
  const outcome = h('td', { class: 'l' });
  const restarts = h('td');
  const word = h('span');
  const dot = h('i', { class: 'dot', 'aria-hidden': 'true' });
  const node = h('tr', { dataset: { of: incident.agent } }, h('td', { class: 'k when' }, wallTime(incident.began_at)),
    h('th', { scope: 'row', title: incident.agent }, incident.agent), h('td', { class: 'l' }, h('span', { class: 'status' }, dot, word)),
    h('td', { class: 'l wrap' }, incident.cause), outcome, restarts);
  const paint = (now) => {
    const isOngoing = now.outcome === 'ongoing';
    const seconds = isOngoing ? (Date.now() - Date.parse(now.began_at)) / 1000 : now.duration_seconds;
    setText(word, now.kind);
    setAttribute(dot, 'class', `dot ${SHAPES[now.kind] ?? 'warn'}`);
    setText(outcome, outcomeText({ ...now, duration_seconds: seconds }));
    setAttribute(outcome, 'class', `l ${isOngoing ? 'warn' : ''}`);
    setText(restarts, String(now.restarts));
  };
  return { node, paint };
}

export class IncidentList {
  constructor() {
    this.tasks = cleanup();
    this.incidents = [];
    this.rows = new Map();
    this.hasOlder = false;
    this.count = h('span', { class: 'quiet' });
    this.body = h('tbody');
    this.note = h('p', { class: 'empty' });
    this.older = h('button', { class: 'btn q', type: 'button', hidden: true }, 'Load older');
    const heads = [['Begun', 'l'], ['Agent', 'l'], ['What', 'l'], ['Cause', 'l'], ['Outcome', 'l'], ['Restarts', '']];
    this.table = h('table', {}, h('caption', { class: 'sr' }, 'Incidents'),
      h('thead', {}, h('tr', {}, ...heads.map(([text, kind]) => h('th', { scope: 'col', class: kind }, text)))), this.body);
    this.node = h('section', { class: 'card desk-incidents', 'aria-label': 'Incidents' },
      h('h3', {}, h('span', { class: 'title' }, 'Incidents ', this.count)), h('div', { class: 'scroll' }, this.table, this.older), this.note);
    onPress(this.older, () => this.#readOlder());
    this.refresher = new Refresher(this.tasks, {
      read: () => this.#read(), paint: () => this.paint(), pause: PAUSE, isNews: ({ kind }) => NEWS.has(kind),
    });
    this.tasks.every(1000, () => this.incidents.some(({ outcome }) => outcome === 'ongoing') && this.paint());
    this.tasks.add(control.subscribe(({ type }) => type === 'state' && this.paint()));
    this.paint();
  }

  destroy() {
    this.tasks.destroy();
  }

  async #read() {
    const { incidents, is_complete: isComplete } = await readHistory('incidents', { limit: PAGE });
    const oldest = incidents.at(-1);
    const kept = oldest ? this.incidents.filter(({ began_at: began }) => Date.parse(began) < Date.parse(oldest.began_at)) : [];
    this.incidents = [...incidents, ...kept];
    if (kept.length === 0) this.hasOlder = !isComplete;
  }

  async #readOlder() {
    const until = this.incidents.at(-1).began_at;
    try {
      const { incidents, is_complete: isComplete } = await readHistory('incidents', { until, limit: PAGE });
      const known = new Set(this.incidents.map(keyOf));
      const fresh = incidents.filter((incident) => !known.has(keyOf(incident)));
      this.incidents.push(...fresh);
      this.hasOlder = !isComplete && fresh.length > 0 && this.incidents.length < MAX_ROWS;
    } catch {
      this.refresher.soon(); // It says what is wrong.
    }
    this.paint();
  }

  paint() {
    const before = this.rows;
    this.rows = new Map();
    for (const incident of this.incidents) {
      const key = keyOf(incident);
      const row = before.get(key) ?? makeRow(incident);
      row.paint(incident);
      this.rows.set(key, row);
    }
    for (const [key, row] of before) if (!this.rows.has(key)) row.node.remove();
    arrange(this.body, [...this.rows.values()].map((row) => row.node));
    const ongoing = this.incidents.filter(({ outcome }) => outcome === 'ongoing').length;
    setText(this.count, ongoing ? `${ongoing} now` : '');
    setHidden(this.older, !this.hasOlder);
    this.#paintNote();
  }

  #paintNote() {
    const { trouble, isLoaded } = this.refresher;
    setHidden(this.table, this.incidents.length === 0);
    const nothing = isLoaded ? 'No incident in the last seven days.' : 'Reading the history';
    const text = trouble ?? (this.incidents.length ? '' : control.trouble()?.text ?? nothing);
    setText(this.note, text);
    setHidden(this.note, !text);
    setAttribute(this.note, 'class', `empty ${trouble ? 'warn' : ''}`);
    setAttribute(this.node, 'class', `card desk-incidents ${control.trouble() ? 'is-stale' : ''}`);
  }
}

function keyOf({ agent, began_at: began }) {
  return `${agent} ${began}`;
}
