// Value at risk and expected shortfall by method, each with the test of its own past.

import { words } from '/assets/js/api.js';
import { cleanup, h, mounted, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { NONE, number } from '/assets/js/format.js';
import { risk } from '/assets/js/hub.js';
import { selectField } from '/assets/js/pattern_filter.js';
import { headRow, KeyedRows, labelled } from '/assets/js/risk_card.js';
import { CHOICES, report, reportCard } from '/assets/js/risk_report.js';
import { inUnit, LIGHTS, methodName, percentOf, toneMark, windowWords } from '/assets/js/risk_words.js';
import { backtestPlot } from './backtest_plot.js';

const COLUMNS = [
  ['Method', 'l'], ['VaR', ''], ['Of equity', ''], ['Expected shortfall', ''], ['Violations, all days', ''], ['Kupiec p', ''], ['Christoffersen p', ''], ['Traffic light, last 250 days (Basel)', 'l'],
];
/** The test walks through years of days: it is asked for when something changes, and seldom else. */
const TEST_PAUSE = 300_000;
const TEST_DEADLINE = 60_000;
/** A large order fills in many parts. */
const SETTLED = 2_000;

function probability(test) {
  if (!test) return NONE;
  if (test.p_value === null) return 'none';
  const value = test.p_value < 0.001 ? '<0.001' : number(test.p_value, 3);
  return `${value}${test.rejected ? ' rejected' : ''}`;
}

/** "yellow, 6 days": how many of the last 250 are beyond. */
function lightWords(backtest) {
  const { traffic_light: light, traffic_violations: days } = backtest ?? {};
  if (!light) return NONE;
  return days === null || days === undefined ? light : `${light}, ${number(days)} ${days === 1 ? 'day' : 'days'}`;
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
    light.paint(LIGHTS[backtest?.traffic_light] ?? 'off', lightWords(backtest));
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
    this.tests = new Map();
    this.refusals = new Map();
    this.isTesting = false;
    this.run = 0;
    this.asked = null;
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
    this.tasks.every(TEST_PAUSE, () => this.#again());
    this.tasks.add(() => { this.run += 1; });
    let filled = null;
    this.tasks.add(() => clearTimeout(filled));
    this.tasks.add(risk.subscribe(({ type, fill }) => {
      if (type !== 'order' || !fill) return;
      clearTimeout(filled);
      filled = setTimeout(() => this.#again(), SETTLED);
    }));
    reportCard(this.tasks, {
      card: this.card, age: this.age, note: this.note, body: this.shown, reading: 'Computing value at risk', paint: (answer) => this.#paint(answer),
      isEmpty: ({ var: rows }) => rows.length === 0, empty: 'No value at risk: the account holds nothing that has enough history.',
    });
  }

  #change(key, value) {
    report.choose(key, value);
    if (key !== 'horizon_days') this.#again();
    this.#paintRows();
  }

  /** Show a method's test, and have it made next. */
  #choose(method) {
    this.method = method;
    this.#paintRows();
    this.#testAll();
  }

  /** Ask for one test after another, the one that is looked at first: some take seconds. */
  async #testAll() {
    if (this.isTesting) return;
    this.isTesting = true;
    const { run } = this;
    for (let method = this.#untested(); method && run === this.run; method = this.#untested()) {
      this.asked = method;
      this.#paintRows();
      const [test, refusal] = await this.#tested(method);
      if (run !== this.run) return;
      if (test) this.tests.set(method, test);
      else this.refusals.set(method, refusal);
    }
    this.isTesting = false;
    this.asked = null;
    this.#paintRows();
  }

  async #tested(method) {
    const { confidence, window } = report.chosen;
    const query = new URLSearchParams({ confidence, window, method });
    try {
      const { backtests } = await risk.read(`/risk/backtest?${query}`, { signal: AbortSignal.timeout(TEST_DEADLINE) });
      return [backtests[0] ?? null, 'The agent has none.'];
    } catch (error) {
      return [null, words(error)];
    }
  }

  #untested() {
    const methods = (this.answer?.var ?? []).map(({ method }) => method);
    const left = methods.filter((method) => !this.tests.has(method) && !this.refusals.has(method));
    if (!risk.isUp() || left.length === 0) return null;
    return left.includes(this.method) ? this.method : left[0];
  }

  /** Something has changed: what was tested does not hold any more. */
  #again() {
    this.run += 1;
    this.isTesting = false;
    this.tests = new Map();
    this.refusals = new Map();
    this.#testAll();
  }

  #paint(answer) {
    this.answer = answer;
    this.method ??= answer.var[0]?.method ?? null;
    const missing = [...new Set(answer.var.flatMap(({ var: one }) => one.window?.missing ?? []))];
    const parts = [windowWords(answer.var[0]?.var.window), missing.length ? `not counted for lack of history: ${missing.join(', ')}` : '', ...answer.notes];
    setText(this.says, parts.filter(Boolean).join(' · '));
    this.#paintRows();
    this.#testAll();
  }

  #paintRows() {
    if (!this.answer || !report.answer) return;
    const waits = (method) => {
      if (this.refusals.has(method)) return 'not tested';
      return method === this.asked ? 'testing' : 'waits';
    };
    this.rows.set(this.answer.var.map((row) => ({
      key: row.method, row, backtest: this.tests.get(row.method) ?? null, equity: this.answer.equity, isChosen: row.method === this.method, wait: waits(row.method),
    })));
    this.plot.paint(this.tests.get(this.method) ?? null, this.refusals.get(this.method) ?? (risk.isUp() ? '' : 'risk_management does not run.'));
    setHidden(this.plot.node, !this.method);
  }

  destroy() {
    this.tasks.destroy();
  }
}

export default mounted((component) => new VarCard(component));
