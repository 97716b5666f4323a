// A scan over many symbols: ordered, followed, cancelled, and what it found.
//
// Owns one scan at a time. It is remembered while the page is open: coming back shows it again.

import { control, patterns } from '/assets/js/hub.js';
import { post, remove, words } from '/assets/js/api.js';
import { cleanup, h, mounted, onPress, setAttribute, setBlocked, setHidden, setText } from '/assets/js/dom.js';
import { duration, number } from '/assets/js/format.js';
import { patternReader } from '/assets/js/pattern_reader.js';
import { makePatternRow, patternColumns, ROW_HEIGHT, stateCounts } from '/assets/js/pattern_rows.js';
import { DEFAULT_HORIZON } from '/assets/js/pattern_words.js';
import { WindowedTable } from '/assets/js/windowed_table.js';
import { scanForm } from './scan_form.js';

const BASE = '/api/agents/pattern_recognition/scan';
const PAUSE = 500;
const MAX_PAUSE = 5_000;
const PAGE = 1_000;
const MAX_FOUND = 10_000;
const RUNNING = new Set(['queued', 'running']);

let kept = null;

class Scan {
  constructor({ parentElement, setTriggerValue }) {
    this.tasks = cleanup();
    this.timer = null;
    this.failures = 0;
    this.form = scanForm({ onOrder: (order) => this.#order(order) });
    onPress(this.form.cancel, () => this.#cancel());
    this.bar = h('progress', { class: 'scan-progress', max: 1, 'aria-label': 'Progress of the scan' });
    this.says = h('p', { class: 'message', role: 'status' });
    this.errors = h('details', { class: 'scan-errors', hidden: true }, h('summary'), h('ul'));
    const open = ({ symbol, timeframe, id }) => setTriggerValue('open', JSON.stringify({ symbol, timeframe, id }));
    this.table = new WindowedTable(this.tasks, {
      label: 'Found by the scan', columns: patternColumns(() => DEFAULT_HORIZON), rowHeight: ROW_HEIGHT, sort: { key: 'known', isDown: true },
      makeRow: (item) => makePatternRow(item, () => DEFAULT_HORIZON, open),
    });
    this.node = h('section', { class: 'card desk-data desk-scan', 'aria-label': 'Scan' },
      h('h3', {}, h('span', { class: 'title' }, 'Scan')), this.form.node, this.bar, this.says, this.errors, this.table.node);
    parentElement.append(this.node);
    this.tasks.add(() => clearTimeout(this.timer));
    this.tasks.add(control.subscribe(() => this.#paint()));
    this.status = kept?.status ?? null;
    this.found = kept?.found ?? [];
    this.table.set(this.found);
    this.#paint();
    // Also of one that is over: what it found is given up when the market clock is set.
    const again = () => { if (this.status && (RUNNING.has(this.status.state) || patternReader.isAsked())) this.#follow(); };
    again();
    this.tasks.add(patterns.watch(again));
  }

  async #order(order) {
    this.problem = null;
    setBlocked(this.form.start, true);
    try {
      this.#take(await post(BASE, order), []);
      this.#follow();
    } catch (error) {
      this.problem = words(error);
    }
    this.#paint();
  }

  async #cancel() {
    setBlocked(this.form.cancel, true);
    try {
      this.#take(await remove(`${BASE}/${this.status.id}`), this.found);
      await this.#readFound();
    } catch (error) {
      this.problem = words(error);
    }
    setBlocked(this.form.cancel, false);
    this.#paint();
  }

  #take(status, found) {
    this.status = status;
    this.found = found;
    kept = { status, found };
    this.table.set(found);
  }

  #follow() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#ask(), Math.min(PAUSE * 2 ** this.failures, MAX_PAUSE));
  }

  async #ask() {
    const { id } = this.status;
    try {
      const status = await patterns.read(`/scan/${id}`);
      if (this.status.id !== id) return;
      this.failures = 0;
      this.problem = null;
      this.#take(status, this.found);
      if (!RUNNING.has(status.state)) await this.#readFound();
    } catch (error) {
      this.failures += 1;
      this.problem = words(error);
      if (error.status === 404) this.#take({ ...this.status, state: 'failed', message: 'The agent no longer knows this scan. Scan again.' }, this.found);
    }
    this.#paint();
    if (RUNNING.has(this.status.state)) this.#follow();
  }

  async #readFound() {
    const found = [];
    let offset = 0;
    while (offset !== null && found.length < MAX_FOUND) {
      const page = await patterns.read(`/scan/${this.status.id}/patterns?offset=${offset}&limit=${PAGE}`);
      found.push(...page.patterns);
      this.total = page.total;
      offset = page.next_offset ?? null;
    }
    this.#take(this.status, found);
  }

  #paint() {
    const { status } = this;
    const isRunning = Boolean(status && RUNNING.has(status.state));
    const isUp = patternReader.isAsked();
    setBlocked(this.form.start, isRunning || !isUp);
    setHidden(this.form.cancel, !isRunning);
    setHidden(this.bar, !isRunning);
    if (isRunning) {
      this.bar.max = status.symbols || 1;
      this.bar.value = status.done;
    }
    setText(this.says, this.#words(isUp));
    setAttribute(this.says, 'class', `message ${this.problem || !isUp || status?.state === 'failed' ? 'warn' : ''}`);
    setHidden(this.table.node, this.found.length === 0);
    this.#paintErrors(Object.entries(status?.errors ?? {}));
  }

  #words(isUp) {
    if (!isUp) return `${patternReader.condition().text}.`.replace('..', '.');
    if (this.problem) return this.problem;
    const { status } = this;
    if (!status) return 'Looks through many symbols at once, whether or not they are followed live.';
    const done = `${number(status.done)} of ${number(status.symbols)} symbols`;
    if (status.state === 'queued') return 'Waits for its turn';
    if (status.state === 'running') return `Scanning: ${done}, ${number(status.found)} found`;
    const counts = this.found.length ? `: ${stateCounts(this.found)}` : '';
    const left = (this.total ?? 0) > this.found.length ? `, the newest ${number(this.found.length)} shown` : '';
    const words = { complete: 'Complete', cancelled: 'Cancelled', failed: 'Failed' }[status.state];
    return [`${words}: ${done} in ${duration(status.seconds)}, ${number(this.total ?? status.found)} found${left}${counts}.`, status.message].filter(Boolean).join(' ');
  }

  #paintErrors(errors) {
    setHidden(this.errors, errors.length === 0);
    const [summary, list] = this.errors.children;
    setText(summary, `${number(errors.length)} ${errors.length === 1 ? 'symbol was' : 'symbols were'} left out`);
    if (list.childElementCount !== errors.length) list.replaceChildren(...errors.map(([symbol, why]) => h('li', {}, h('b', {}, symbol), ` ${why}`)));
  }

  destroy() {
    this.tasks.destroy();
  }
}

export default mounted((component) => new Scan(component));
