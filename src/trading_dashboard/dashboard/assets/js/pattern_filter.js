// The filter above a table of patterns. What is chosen is kept while the page is open.

import { h, setAttribute, setClass, setText } from './dom.js';
import { number } from './format.js';
import { DEFAULT_HORIZON, DIRECTIONS, STATES, stateWords, TIMEFRAMES, worthAt } from './pattern_words.js';

const HORIZONS = [5, 10, 20];
const CONFIDENCES = [50, 52, 55, 60, 65, 70];
const TABS = [['chart', 'Chart patterns'], ['candlestick', 'Candlesticks'], ['', 'All']];
const EMPTY = { symbol: '', timeframe: '', kind: 'chart', pattern: '', direction: '', state: '', confidence: '', horizon: String(DEFAULT_HORIZON) };

/** What clearing the filter leaves as it is. */
const KEPT = new Set(['kind', 'horizon']);

/** Outlives the table: going to a chart and back keeps what was chosen. */
let kept = { ...EMPTY };

export function selectField(label, options, { value = '', onchange }) {
  const node = h('select', { class: 'input', 'aria-label': label, title: label },
    ...options.map(([key, text]) => h('option', { value: key }, text)));
  node.value = value;
  node.addEventListener('change', () => onchange(node.value));
  return node;
}

export class PatternFilter {
  constructor(onchange) {
    this.onchange = onchange;
    this.value = { ...kept };
    this.names = new Map();
    this.symbol = h('input', {
      class: 'input symbol', type: 'search', placeholder: 'Symbol', 'aria-label': 'Symbol', maxlength: 64, autocomplete: 'off', spellcheck: 'false',
    });
    this.symbol.value = this.value.symbol;
    this.symbol.addEventListener('input', () => this.#take('symbol', this.symbol.value.trim().toUpperCase()));
    const any = (text) => ['', text];
    this.fields = {
      timeframe: this.#select('timeframe', 'Bars', [any('All bars'), ...TIMEFRAMES.map((one) => [one, one])]),
      pattern: this.#select('pattern', 'Pattern', [any('All patterns')]),
      direction: this.#select('direction', 'Direction', [any('All directions'), ...DIRECTIONS.map((one) => [one, one])]),
      state: this.#select('state', 'State', [any('All states'), ['open', 'open'], ...STATES.map((one) => [one, stateWords(one)])]),
      confidence: this.#select('confidence', 'Minimum confidence', [any('Any confidence'), ...CONFIDENCES.map((one) => [String(one), `≥ ${one} %`])]),
      horizon: this.#select('horizon', 'Worth over', HORIZONS.map((one) => [String(one), `over ${one} bars`])),
    };
    this.tabs = TABS.map(([kind, text]) => {
      const tab = h('button', { class: 'seg-button', type: 'button', dataset: { kind } }, text, ' ', h('span', { class: 'quiet' }));
      tab.addEventListener('click', () => this.#take('kind', kind));
      return tab;
    });
    this.reset = h('button', { class: 'btn q', type: 'button' }, 'Clear');
    this.reset.addEventListener('click', () => this.clear());
    this.node = h('div', { class: 'filters', role: 'group', 'aria-label': 'Filter' },
      h('div', { class: 'seg', role: 'group', 'aria-label': 'Kind' }, ...this.tabs), this.symbol, ...Object.values(this.fields), this.reset);
    this.#paint();
  }

  get horizon() {
    return Number(this.value.horizon);
  }

  get isEmpty() {
    return Object.keys(EMPTY).every((key) => KEPT.has(key) || this.value[key] === EMPTY[key]);
  }

  clear() {
    const { kind, horizon } = this.value;
    this.value = { ...EMPTY, kind, horizon };
    this.symbol.value = '';
    for (const [key, field] of Object.entries(this.fields)) field.value = this.value[key];
    this.#changed();
  }

  /** Offer the patterns that there are, and count their kinds; what is chosen stays. */
  know(items) {
    for (const tab of this.tabs) {
      const { kind } = tab.dataset;
      setText(tab.lastElementChild, number(kind ? items.filter((one) => one.kind === kind).length : items.length));
    }
    const before = this.names.size;
    for (const { pattern, name } of items) if (!this.names.has(pattern)) this.names.set(pattern, name);
    if (this.names.size === before) return;
    const { pattern: field } = this.fields;
    const sorted = [...this.names].sort(([, a], [, b]) => a.localeCompare(b));
    field.replaceChildren(h('option', { value: '' }, 'All patterns'), ...sorted.map(([id, name]) => h('option', { value: id }, name)));
    field.value = this.value.pattern;
  }

  passes(item) {
    const { symbol, timeframe, kind, pattern, direction, state, confidence } = this.value;
    if (symbol && !item.symbol.includes(symbol)) return false;
    if (timeframe && item.timeframe !== timeframe) return false;
    if (kind && item.kind !== kind) return false;
    if (pattern && item.pattern !== pattern) return false;
    if (direction && item.direction !== direction) return false;
    if (state === 'open') return ['forming', 'confirmed'].includes(item.state) && this.#isSure(item, confidence);
    return (!state || item.state === state) && this.#isSure(item, confidence);
  }

  #isSure(item, confidence) {
    return !confidence || (worthAt(item, this.horizon)?.confidence ?? 0) >= Number(confidence) / 100;
  }

  #select(key, label, options) {
    return selectField(label, options, { value: this.value[key], onchange: (value) => this.#take(key, value) });
  }

  #take(key, value) {
    this.value = { ...this.value, [key]: value };
    this.#changed();
  }

  #changed() {
    kept = { ...this.value };
    this.#paint();
    this.onchange();
  }

  #paint() {
    for (const [key, field] of Object.entries(this.fields)) field.classList.toggle('chosen', this.value[key] !== EMPTY[key]);
    for (const tab of this.tabs) {
      const isOn = tab.dataset.kind === this.value.kind;
      setClass(tab, 'on', isOn);
      setAttribute(tab, 'aria-pressed', String(isOn));
    }
    setAttribute(this.reset, 'aria-disabled', this.isEmpty ? 'true' : null);
  }
}
