// What patterns were worth so far, and whether what was said of them came true.

import { cleanup, h, mounted, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { NONE, number } from '/assets/js/format.js';
import { selectField } from '/assets/js/pattern_filter.js';
import { patternReader } from '/assets/js/pattern_reader.js';
import {
  confidenceWords, DEFAULT_HORIZON, directionClass, directionWords, kindWords, KINDS, percent, TIMEFRAMES, worthTitle, worthWords,
} from '/assets/js/pattern_words.js';
import { Poller } from '/assets/js/poller.js';
import { WindowedTable } from '/assets/js/windowed_table.js';
import { reliabilityDiagram } from './reliability.js';

const PAUSE = 30_000;
/** While nothing is known yet: after a start the agent learns from history first. */
const LEARNING_PAUSE = 5_000;
const VERDICTS = [['', 'All verdicts'], ['edge', 'edge'], ['no_edge', 'no edge'], ['too_few', 'too few samples']];
const ORDER = ['edge', 'no_edge', 'too_few'];

function interval({ interval_low: low, interval_high: high }) {
  return low === null || low === undefined ? NONE : `${number(low * 100)} – ${percent(high)}`;
}

function decimal(value, digits) {
  return value === null || value === undefined ? NONE : number(value, digits);
}

const COLUMNS = [
  { key: 'name', title: 'Pattern', kind: 'l', width: '22%', value: ({ name }) => name },
  { key: 'direction', title: 'Direction', kind: 'l', width: '10%', value: ({ direction }) => direction },
  { key: 'timeframe', title: 'Bars', kind: 'l', width: '5%', value: ({ timeframe }) => TIMEFRAMES.indexOf(timeframe) },
  { key: 'samples', title: 'n', kind: '', width: '7%', value: ({ worth }) => worth.samples },
  { key: 'hits', title: 'Hit rate', kind: '', width: '8%', value: ({ worth }) => worth.hit_rate },
  { key: 'interval', title: '95 % interval', kind: '', width: '11%' },
  { key: 'base', title: 'Base rate', kind: '', width: '8.5%', value: ({ worth }) => worth.base_rate },
  { key: 'move', title: 'Mean, ATR', kind: '', width: '8.5%', value: ({ worth }) => worth.mean_move_atr },
  { key: 'p', title: 'Corrected p', kind: '', width: '9%', value: ({ worth }) => worth.p_adjusted },
  { key: 'confidence', title: 'Confidence', kind: '', width: '9%', value: ({ worth }) => worth.confidence },
  { key: 'verdict', title: 'Verdict', kind: 'l', width: '10%', value: ({ worth }) => ORDER.indexOf(worth.verdict) },
];

function makeRow() {
  const name = h('th', { scope: 'row' });
  const cells = Object.fromEntries(COLUMNS.slice(1).map(({ key }) => [key, h('td')]));
  const node = h('tr', {}, name, ...Object.values(cells));
  const paint = (row) => {
    const { worth } = row;
    setText(name, row.symbol ? `${row.name}, ${row.symbol}` : row.name);
    setAttribute(name, 'title', `${row.name}, ${kindWords(row.kind)}`);
    setText(cells.direction, directionWords(row.direction));
    cells.direction.classList.remove('up', 'down');
    if (directionClass(row.direction)) cells.direction.classList.add(directionClass(row.direction));
    setText(cells.timeframe, row.timeframe);
    setText(cells.samples, number(worth.samples));
    setText(cells.hits, percent(worth.hit_rate));
    setText(cells.interval, interval(worth));
    setText(cells.base, percent(worth.base_rate));
    setText(cells.move, decimal(worth.mean_move_atr, 2));
    setText(cells.p, decimal(worth.p_adjusted, 3));
    setText(cells.confidence, confidenceWords(worth));
    setText(cells.verdict, worth.verdict === 'too_few' ? `too few (${number(worth.samples)})` : worth.verdict.replaceAll('_', ' '));
    cells.verdict.classList.toggle('edge', worth.verdict === 'edge');
    setAttribute(node, 'title', `${worthWords(worth)}. ${worthTitle(worth)}`);
  };
  return { node, paint };
}

class Worth {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.answer = null;
    this.chosen = { timeframe: '', horizon: String(DEFAULT_HORIZON), kind: '', verdict: '', text: '' };
    this.text = h('input', { class: 'input', type: 'search', placeholder: 'Pattern', 'aria-label': 'Pattern', maxlength: 64, spellcheck: 'false' });
    this.text.addEventListener('input', () => this.#choose('text', this.text.value.trim().toLowerCase()));
    const field = (key, label, options) => selectField(label, options, { value: this.chosen[key], onchange: (value) => this.#choose(key, value) });
    const filters = h('div', { class: 'filters', role: 'group', 'aria-label': 'Filter of worth' }, this.text,
      field('timeframe', 'Bars', [['', 'All bars'], ...TIMEFRAMES.map((one) => [one, one])]),
      field('horizon', 'Horizon', [5, 10, 20].map((one) => [String(one), `over ${one} bars`])),
      field('kind', 'Kind', [['', 'All kinds'], ...KINDS.map((one) => [one, `${kindWords(one)}s`])]),
      field('verdict', 'Verdict', VERDICTS));
    this.count = h('span', { class: 'quiet count' });
    this.age = h('span', { class: 'quiet age' });
    this.note = h('p', { class: 'empty note', role: 'status' });
    this.table = new WindowedTable(this.tasks, {
      label: 'Worth', columns: COLUMNS, makeRow, rowHeight: [31, 88], sort: { key: 'samples', isDown: true },
      keyOf: (row) => `${row.pattern} ${row.direction} ${row.timeframe} ${row.symbol} ${row.worth.horizon_bars}`,
    });
    this.card = h('section', { class: 'card desk-data desk-worth', 'aria-label': 'Worth' },
      h('h3', {}, h('span', { class: 'title' }, 'What they were worth', this.count), this.age), filters, this.table.node, this.note);
    this.diagram = reliabilityDiagram();
    parentElement.append(h('div', { class: 'desk-worth-pair' }, this.card, this.diagram.node));
    this.poller = new Poller(this.tasks, {
      reader: patternReader, pause: PAUSE, path: () => this.#path(), take: (answer) => this.#take(answer), paint: () => this.#paintState(),
    });
    this.#paintState();
  }

  #path() {
    const { timeframe, horizon } = this.chosen;
    return `/patterns/confidence?${new URLSearchParams({ ...(timeframe ? { timeframe } : {}), horizon })}`;
  }

  #choose(key, value) {
    this.chosen[key] = value;
    if (key === 'timeframe' || key === 'horizon') {
      this.poller.forget();
      this.poller.now();
    }
    this.#refresh();
  }

  #take(answer) {
    this.answer = answer;
    this.poller.pause = answer.rows.length ? PAUSE : LEARNING_PAUSE;
    this.diagram.paint(answer);
    this.#refresh();
  }

  #refresh() {
    const { kind, verdict, text } = this.chosen;
    this.rows = (this.answer?.rows ?? []).filter((row) => (!kind || row.kind === kind)
      && (!verdict || row.worth.verdict === verdict) && (!text || row.name.toLowerCase().includes(text)));
    this.table.set(this.rows);
    this.#paintState();
  }

  #paintState() {
    const { poller } = this;
    const rows = this.rows ?? [];
    const edges = rows.filter(({ worth }) => worth.verdict === 'edge').length;
    setText(this.count, this.answer ? `${number(rows.length)} · ${number(edges)} with an edge · ${number(this.answer.tests)} tests, corrected within each timeframe` : '');
    setText(this.age, poller.ageText);
    const isOld = poller.isLoaded && !poller.isCurrent;
    setAttribute(this.age, 'class', `quiet age ${isOld ? 'warn' : ''}`);
    this.card.classList.toggle('is-stale', isOld);
    const trouble = poller.blocked || poller.trouble;
    const empty = this.answer?.rows.length ? 'No row passes the filter.' : 'Nothing is measured yet. After a start the agent first learns from history.';
    const words = trouble ? `${trouble.replace(/\.$/, '')}. ${poller.blocked ? 'Read as soon as it runs' : 'Asked again by itself'}.` : this.answer ? empty : 'Reading what they were worth';
    setHidden(this.table.node, rows.length === 0);
    setText(this.note, trouble || rows.length === 0 ? words : '');
    setHidden(this.note, !trouble && rows.length > 0);
    setAttribute(this.note, 'class', `empty note ${trouble ? 'warn' : ''}`);
  }

  destroy() {
    this.tasks.destroy();
  }
}

export default mounted((component) => new Worth(component));
