// The timeline: a bar per agent over the last hour, day or week, and availability per day.
//
// Events of the window are read once and then come live; only figures are read again.

import { arrange, cleanup, h, mounted, onPress, setAttribute, setClass, setHidden, setText } from '/assets/js/dom.js';
import { share } from '/assets/js/format.js';
import { readHistory, Refresher } from '/assets/js/history.js';
import { control } from '/assets/js/hub.js';
import { availabilityTable, lostText } from './availability_table.js';
import { StateBar } from './state_bar.js';
import { spansByAgent, STATES } from './state_spans.js';

const HOUR = 3_600_000;
const PERIODS = { hour: HOUR, day: 24 * HOUR, week: 168 * HOUR };
const KINDS = ['transition', 'health_changed', 'data_state_changed', 'supervisor_started', 'supervisor_stopping'];
const HINT = 'Point at a bar, or use the arrow keys on it, to read it.';
const PAGE = 1000;
const MAX_EVENTS = 5000;
const FIGURES_PAUSE = 10_000;
const EVENTS_PAUSE = 5000;

class AgentTimeline {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.mode = 'day';
    this.events = [];
    this.known = new Set();
    this.live = [];
    this.deaths = [];
    this.figures = null;
    this.isCut = false;
    this.bars = new Map();
    this.#build(parentElement);
    this.reading = new Refresher(this.tasks, {
      read: () => this.#readEvents(), paint: () => this.#paint(), pause: EVENTS_PAUSE, isNews: () => false,
    });
    this.counting = new Refresher(this.tasks, {
      read: () => this.#readFigures(), paint: () => this.#paint(), pause: FIGURES_PAUSE,
      isNews: ({ kind }) => KINDS.includes(kind),
    });
    this.tasks.add(control.subscribe((change) => this.#take(change)));
    this.tasks.every(1000, () => this.isDirty && this.#paint());
    this.tasks.every(30_000, () => this.#paint());
    this.#paint();
  }

  destroy() {
    this.tasks.destroy();
  }

  #build(parent) {
    const button = (mode, text) => {
      const node = h('button', { class: 'seg-button', type: 'button' }, text);
      onPress(node, () => this.#show(mode));
      return [mode, node];
    };
    this.modes = new Map([button('hour', '1 hour'), button('day', '24 hours'), button('week', '7 days'), button('table', 'Per day')]);
    this.rows = h('div', { class: 'state-rows' });
    this.scale = h('div', { class: 'state-scale k', 'aria-hidden': 'true' }, h('span'), h('span'), h('span', {}, 'now'));
    this.readout = h('p', { class: 'readout k', 'aria-live': 'polite' }, HINT);
    this.table = h('div', { class: 'scroll-x', hidden: true });
    this.note = h('p', { class: 'message', role: 'status', hidden: true });
    const legend = h('p', { class: 'legend-row k' }, ...Object.entries(STATES).map(([state, text]) => h('span', {}, h('i', { class: `sample ${state}` }), text)));
    this.drawing = h('div', { class: 'scroll drawing' }, this.rows);
    this.barsPart = h('div', { class: 'bars' }, this.drawing, this.scale, this.readout, legend);
    this.card = h('section', { class: 'card desk-timeline', 'aria-label': 'Timeline' },
      h('h3', {}, h('span', {}, 'Timeline'), h('span', { class: 'seg', role: 'group', 'aria-label': 'Period' }, ...this.modes.values())),
      this.note, this.barsPart, this.table);
    parent.append(this.card);
  }

  #show(mode) {
    const isLonger = mode === 'week' && this.period !== 'week';
    this.mode = mode;
    if (isLonger) {
      this.reading.isLoaded = false;
      this.reading.now();
    }
    this.#paint();
  }

  get period() {
    return this.readPeriod ?? 'day';
  }

  async #readEvents() {
    const period = this.mode === 'week' || this.period === 'week' ? 'week' : 'day';
    const since = new Date(Date.now() - PERIODS[period]).toISOString();
    let before = null;
    let pages = [];
    do {
      const page = await readHistory('events', { since, kind: KINDS, limit: PAGE, before });
      pages = [...page.events, ...pages];
      before = page.next_before;
    } while (before && pages.length < MAX_EVENTS);
    const killed = await readHistory('incidents', { agent: 'supervisor', since });
    this.deaths = killed.incidents.map((incident) => Date.parse(incident.began_at)).reverse();
    this.events = pages.map((event) => ({ ...event, at: Date.parse(event.time) }));
    this.known = new Set(this.events.map(keyOf));
    for (const event of this.live) this.#append(event);
    this.isCut = Boolean(before);
    this.readPeriod = period;
  }

  async #readFigures() {
    this.figures = await readHistory('availability');
  }

  #take({ type, event, agent }) {
    this.isDirty = true;
    if (type !== 'update' || !KINDS.includes(event?.kind)) return;
    const { status = null, health = null, data_state = null } = agent ?? {};
    const item = { ...event, run_id: control.supervisor?.run_id, status, health, data_state, at: Date.parse(event.time) };
    // Kept aside too: it may come while older ones are being read.
    this.live.push(item);
    if (this.live.length > PAGE) this.live.splice(0, PAGE / 2);
    this.#append(item);
  }

  #append(event) {
    if (this.known.has(keyOf(event))) return;
    this.known.add(keyOf(event));
    this.events.push(event);
    if (this.events.length <= MAX_EVENTS + PAGE) return;
    this.events = this.events.slice(-MAX_EVENTS);
    this.known = new Set(this.events.map(keyOf));
    this.isCut = true;
  }

  #paint() {
    this.isDirty = false;
    for (const [mode, node] of this.modes) {
      setClass(node, 'on', mode === this.mode);
      setAttribute(node, 'aria-pressed', String(mode === this.mode));
    }
    const isTable = this.mode === 'table';
    setHidden(this.table, !isTable || !this.figures);
    setHidden(this.barsPart, isTable || !this.reading.isLoaded);
    setClass(this.card, 'is-stale', Boolean(control.trouble()));
    this.#paintNote(isTable);
    if (isTable && this.figures) this.table.replaceChildren(availabilityTable(this.figures));
    if (!isTable && this.reading.isLoaded) this.#paintBars();
  }

  #paintNote(isTable) {
    const source = isTable ? this.counting : this.reading;
    let [text, kind] = ['', ''];
    if (source.trouble) [text, kind] = [source.trouble, 'warn'];
    else if (control.trouble() && !source.isLoaded) text = control.trouble().text;
    else if (!source.isLoaded) text = 'Reading the history';
    else if (isTable) text = lostText(this.figures);
    else if (this.isCut) text = `Only the newest ${MAX_EVENTS} events are drawn.`;
    setText(this.note, text);
    setAttribute(this.note, 'class', `message ${kind}`);
    setHidden(this.note, !text);
  }

  #paintBars() {
    const to = Date.now();
    const length = PERIODS[this.mode];
    const from = to - length;
    const agents = control.tradingAgents();
    const { supervisor } = control;
    const known = this.isCut ? Math.max(from, this.events[0]?.at ?? from) : from;
    const spans = spansByAgent({
      events: this.events.filter((event) => event.at >= known), agents, from, to, deaths: this.deaths,
      current: supervisor ? { id: supervisor.run_id, startedAt: Date.parse(supervisor.started_at) } : null,
    });
    for (const name of [...this.bars.keys()]) if (!spans.has(name)) this.#forget(name);
    for (const { name } of agents) {
      if (!this.bars.has(name)) this.bars.set(name, new StateBar(name, (text) => setText(this.readout, text || HINT)));
      this.bars.get(name).paint(spans.get(name), { from, to }, this.#figure(name));
    }
    arrange(this.rows, agents.map(({ name }) => this.bars.get(name).node));
    const [start, middle] = this.scale.children;
    setText(start, ago(length));
    setText(middle, ago(length / 2));
  }

  #forget(name) {
    this.bars.get(name).node.remove();
    this.bars.delete(name);
  }

  /** The control API's own figure: of today in the one view, of seven days in the other. */
  #figure(name) {
    if (!this.figures) return '';
    const isDay = this.mode !== 'week';
    const figures = isDay ? this.figures.days.at(-1)?.agents[name] : this.figures.total[name];
    if (!figures?.wanted_seconds) return 'not wanted';
    return `${share(figures.availability)} ${isDay ? 'today (UTC)' : 'of 7 days'}`;
  }
}

/** "30 min ago", "12 h ago", "3.5 d ago". */
function ago(milliseconds) {
  if (milliseconds < HOUR) return `${milliseconds / 60_000} min ago`;
  return milliseconds > 24 * HOUR ? `${milliseconds / HOUR / 24} d ago` : `${milliseconds / HOUR} h ago`;
}

function keyOf({ run_id: runId, seq }) {
  return `${runId} ${seq}`;
}

export default mounted((component) => new AgentTimeline(component));
