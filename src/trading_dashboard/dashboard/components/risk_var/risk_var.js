// Value at risk and expected shortfall by method, each with the test of its own past.

import { words } from '/assets/js/api.js';
import { cleanup, h, mounted, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { NONE, number } from '/assets/js/format.js';
import { risk } from '/assets/js/hub.js';
import { Poller } from '/assets/js/poller.js';
import { selectField } from '/assets/js/pattern_filter.js';
import { headRow, KeyedRows, labelled } from '/assets/js/risk_card.js';
import { riskReader } from '/assets/js/risk_reader.js';
import { CHOICES, report, reportCard } from '/assets/js/risk_report.js';
import { inUnit, LIGHTS, methodName, percentOf, toneMark, windowWords } from '/assets/js/risk_words.js';
import { backtestPlot } from './backtest_plot.js';

const COLUMNS = [
  ['Method', 'l'], ['VaR', ''], ['Of equity', ''], ['Expected shortfall', ''], ['Violations', ''], ['Kupiec p', ''], ['Christoffersen p', ''], ['Traffic light', 'l'],
];
/** The test walks through years of days: it is asked for when something changes, and seldom else. */
const TEST_PAUSE = 300_000;
const TEST_DEADLINE = 30_000;

function probability(test) {
  if (!test) return NONE;
  if (test.p_value === null) return 'none';
  return `${number(test.p_value, 3)}${test.rejected ? ' rejected' : ''}`;
}

function testNamed(backtest, name) {
  return backtest?.tests.find((test) => test.name === name) ?? null;
}

function makeRow(first, choose) {
  const light = toneMark();
  const cells = Object.fromEntries(['var', 'share', 'es', 'violations', 'kupiec', 'christoffersen'].map((name) => [name, h('td', { dataset: { cell: name } })]));
  const name = h('button', { class: 'head', type: 'button', 'aria-label': `Show the back-test of ${methodName(first.row.method)}` }, methodName(first.row.method));
  const node = labelled(h('tr', { dataset: { method: first.row.method } }, h('th', { scope: 'row' }, name), ...Object.values(cells), h('td', {}, light.node)), COLUMNS);
  node.addEventListener('click', () => choose(first.row.method));
  const paint = ({ row, backtest, equity, isChosen, wait }) => {
    setText(cells.var, inUnit(row.var.value, row.var.unit));
    setText(cells.share, row.var.value === null || !equity ? NONE : percentOf(row.var.value / equity, 2));
    setText(cells.es, inUnit(row.expected_shortfall.value, row.expected_shortfall.unit));
    setAttribute(cells.var, 'title', measureTitle(row.var));
    setAttribute(cells.es, 'title', measureTitle(row.expected_shortfall));
    setText(cells.violations, backtest ? `${number(backtest.violations)} of ${number(backtest.expected, 1)}` : wait);
    setText(cells.kupiec, backtest ? probability(testNamed(backtest, 'kupiec')) : NONE);
    setText(cells.christoffersen, backtest ? probability(testNamed(backtest, 'christoffersen_independence')) : NONE);
    setAttribute(cells.christoffersen, 'title', backtest ? `Independence; conditional coverage p ${probability(testNamed(backtest, 'christoffersen_conditional'))}` : null);
    light.paint(LIGHTS[backtest?.traffic_light] ?? 'off', backtest?.traffic_light ?? NONE);
    setAttribute(node, 'aria-selected', String(isChosen));
  };
  return { node, paint };
}

function measureTitle({ formula, citation, note, standard_error: error, window }) {
  const said = error === null ? '' : `Standard error ${number(error, 2)}.`;
  return [note, said, formula, citation, windowWords(window)].filter(Boolean).join('\n');
}

class VarCard {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.#forget();
    this.method = null;
    this.body = h('tbody');
    this.rows = new KeyedRows(this.body, (item) => makeRow(item, (method) => this.#choose(method)));
    const choice = (key, label) => selectField(label, CHOICES[key], { value: report.chosen[key], onchange: (value) => this.#change(key, value) });
    const filters = h('div', { class: 'filters', role: 'group', 'aria-label': 'What is asked' }, choice('confidence', 'Confidence'), choice('horizon_days', 'Horizon'), choice('window', 'Window'));
    this.age = h('span', { class: 'quiet age' });
    this.note = h('p', { class: 'empty note', role: 'status' });
    this.says = h('p', { class: 'k says' });
    this.table = h('div', { class: 'scroll scroll-both', tabindex: '0', role: 'group', 'aria-label': 'Value at risk by method' },
      h('table', {}, h('caption', { class: 'sr' }, 'Value at risk by method'), headRow(COLUMNS), this.body));
    this.plot = backtestPlot();
    this.shown = h('div', {}, this.table, this.says, this.plot.node);
    this.card = h('section', { class: 'card desk-data desk-risk-var', 'aria-label': 'Value at risk' },
      h('h3', {}, h('span', { class: 'title' }, 'Value at risk and its back-test'), h('span', { class: 'actions' }, filters, this.age)), this.shown, this.note);
    parentElement.append(this.card);
    this.poller = new Poller(this.tasks, {
      reader: riskReader(({ type, fill }) => type === 'order' && Boolean(fill)), pause: TEST_PAUSE, path: () => `/risk/backtest?${this.query}`,
      take: (answer) => {
        this.#forget();
        this.tests = answer;
      }, paint: () => this.#paintRows(),
    });
    reportCard(this.tasks, {
      card: this.card, age: this.age, note: this.note, body: this.shown, reading: 'Computing value at risk', paint: (answer) => this.#paint(answer),
      isEmpty: ({ var: rows }) => rows.length === 0, empty: 'No value at risk: the account holds nothing that has enough history.',
    });
  }

  #change(key, value) {
    report.choose(key, value);
    if (key !== 'horizon_days') {
      this.#forget();
      this.poller.forget();
      this.poller.now();
    }
    this.#paintRows();
  }

  /** Show a method's test; one that takes longer is not made for all, but when it is looked at. */
  async #choose(method) {
    this.method = method;
    this.#paintRows();
    const { query } = this;
    if (!this.tests || this.tests.backtests.some((one) => one.method === method) || this.asked.has(method)) return;
    this.asked.add(method);
    this.#paintRows();
    try {
      const answer = await risk.read(`/risk/backtest?${query}&method=${encodeURIComponent(method)}`, { signal: AbortSignal.timeout(TEST_DEADLINE) });
      if (query === this.query) this.more = [...this.more, ...answer.backtests];
    } catch (error) {
      if (query === this.query) this.refusals.set(method, words(error));
    }
    this.asked.delete(method);
    this.#paintRows();
  }

  get query() {
    const { confidence, window } = report.chosen;
    return new URLSearchParams({ confidence, window }).toString();
  }

  #forget() {
    this.tests = null;
    this.more = [];
    this.asked = new Set();
    this.refusals = new Map();
  }

  #paint(answer) {
    this.answer = answer;
    this.method ??= answer.var[0]?.method ?? null;
    const missing = [...new Set(answer.var.flatMap(({ var: one }) => one.window?.missing ?? []))];
    const parts = [windowWords(answer.var[0]?.var.window), missing.length ? `not counted for lack of history: ${missing.join(', ')}` : '', ...answer.notes];
    setText(this.says, parts.filter(Boolean).join(' · '));
    this.#paintRows();
  }

  #paintRows() {
    if (!this.answer || !report.answer) return;
    const { poller } = this;
    const waits = (method) => {
      if (this.refusals.has(method)) return 'not tested';
      if (this.asked.has(method) || (!this.tests && !poller.trouble)) return 'testing';
      return poller.trouble ? 'not tested' : 'on request';
    };
    const byMethod = new Map([...(this.tests?.backtests ?? []), ...this.more].map((one) => [one.method, one]));
    this.rows.set(this.answer.var.map((row) => ({
      key: row.method, row, backtest: byMethod.get(row.method) ?? null, equity: this.answer.equity, isChosen: row.method === this.method, wait: waits(row.method),
    })));
    this.plot.paint(byMethod.get(this.method) ?? null, this.refusals.get(this.method) ?? (poller.trouble || poller.blocked));
    setHidden(this.plot.node, !this.method);
  }

  destroy() {
    this.tasks.destroy();
  }
}

export default mounted((component) => new VarCard(component));
