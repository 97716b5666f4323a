// The scanner: all patterns that are open or recent, live, with filter, sorting and counts.

import { control, patterns } from '/assets/js/hub.js';
import { cleanup, h, mounted, perFrame, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { number } from '/assets/js/format.js';
import { PatternFilter } from '/assets/js/pattern_filter.js';
import { makePatternRow, patternColumns, ROW_HEIGHT, stateCounts } from '/assets/js/pattern_rows.js';
import { KINDS, marketTime } from '/assets/js/pattern_words.js';
import { WindowedTable } from '/assets/js/windowed_table.js';

const EVERYTHING = { symbols: ['*'], timeframes: [], kinds: KINDS };
/** How long a row that has just come or changed is marked. */
const FRESH = 4_000;
/** What comes within so long is sorted and shown together: many bars close at once. */
const GATHERED = 150;

class Scanner {
  constructor({ parentElement, setTriggerValue }) {
    this.tasks = cleanup();
    this.fresh = new Map();
    this.shown = [];
    this.timer = null;
    this.filter = new PatternFilter(() => this.refresh());
    const horizon = () => this.filter.horizon;
    const open = ({ symbol, timeframe, id }) => setTriggerValue('open', JSON.stringify({ symbol, timeframe, id }));
    this.table = new WindowedTable(this.tasks, {
      label: 'Patterns', columns: patternColumns(horizon), rowHeight: ROW_HEIGHT, sort: { key: 'known', isDown: true },
      makeRow: (item) => this.#marked(makePatternRow(item, horizon, open)),
    });
    this.count = h('span', { class: 'quiet count' });
    this.age = h('span', { class: 'quiet age', role: 'status' });
    this.note = h('p', { class: 'empty note', role: 'status' });
    this.card = h('section', { class: 'card desk-data desk-patterns', 'aria-label': 'Patterns' },
      h('h3', {}, h('span', { class: 'title' }, 'Patterns', this.count), this.age), this.filter.node, this.table.node, this.note);
    parentElement.append(this.card);
    this.refresh = perFrame(this.tasks, () => this.#refresh());
    this.tasks.add(() => clearTimeout(this.timer));
    this.tasks.add(patterns.subscribe(EVERYTHING, (change) => this.#take(change)));
    this.tasks.add(control.subscribe(() => this.#paintState()));
    this.tasks.every(1000, () => this.#paintState());
    this.#refresh();
  }

  #take(change) {
    if (change.type === 'one') this.fresh.set(change.detection.id, performance.now());
    if (change.type === 'state') this.#paintState();
    else if (change.type === 'all') this.refresh();
    else this.timer ??= setTimeout(() => { this.timer = null; this.refresh(); }, GATHERED);
  }

  #marked(row) {
    const paint = (item) => {
      row.paint(item);
      row.node.classList.toggle('fresh', performance.now() - (this.fresh.get(item.id) ?? -FRESH) < FRESH);
    };
    return { node: row.node, paint };
  }

  #refresh() {
    const all = [...patterns.found.values()];
    this.filter.know(all);
    this.shown = all.filter((item) => this.filter.passes(item));
    this.table.set(this.shown);
    this.table.repaint();
    const left = patterns.leftOut ? ` · ${number(patterns.leftOut)} older ones left out` : '';
    const isAll = this.shown.length === all.length;
    setText(this.count, all.length ? `${isAll ? number(all.length) : `${number(this.shown.length)} of ${number(all.length)}`} · ${stateCounts(this.shown)}${left}` : '');
    this.#paintState();
  }

  #paintState() {
    const condition = patterns.condition();
    this.#cool();
    const asOf = patterns.asOf ? `, as of ${marketTime(patterns.asOf, '1m')}` : '';
    setText(this.age, condition.kind === 'live' ? `live${asOf}` : condition.text);
    setAttribute(this.age, 'class', `quiet age ${condition.isCurrent ? '' : 'warn'}`);
    setAttribute(this.card, 'class', `card desk-data desk-patterns ${condition.isCurrent ? '' : 'is-stale'}`);
    const isEmpty = this.shown.length === 0;
    setHidden(this.table.node, isEmpty);
    setText(this.note, isEmpty ? this.#emptyWords(condition) : '');
    setHidden(this.note, !isEmpty);
  }

  #cool() {
    const now = performance.now();
    for (const [id, at] of this.fresh) {
      if (now - at < FRESH) continue;
      this.fresh.delete(id);
      this.table.repaint();
    }
  }

  #emptyWords(condition) {
    if (patterns.found.size > 0) return 'No pattern passes the filter. Clear it to see all.';
    if (patterns.hasSnapshot && condition.kind === 'live') return 'No pattern is open and none was seen lately. One appears here as soon as a bar closes that makes it.';
    if (condition.kind === 'live') return 'Reading the patterns';
    if (condition.kind === 'disabled') return `${condition.text}. Set enabled: true there and reload the configuration on the Agents page.`;
    return `${condition.text}. Patterns appear here by themselves once it answers.`.replace('..', '.');
  }

  destroy() {
    this.tasks.destroy();
  }
}

export default mounted((component) => new Scanner(component));
