// Stress: what history's falls would do to these holdings, what a shock by hand would, and what loses so much.

import { post, words } from '/assets/js/api.js';
import { cleanup, h, mounted, setAttribute, setBlocked, setClass, setHidden, setText } from '/assets/js/dom.js';
import { NONE } from '/assets/js/format.js';
import { Poller } from '/assets/js/poller.js';
import { headRow, KeyedRows, labelled } from '/assets/js/risk_card.js';
import { riskReader } from '/assets/js/risk_reader.js';
import { RISK_BASE } from '/assets/js/risk_store.js';
import { inUnit, percentOf } from '/assets/js/risk_words.js';
import { stressForm } from './stress_form.js';

const PAUSE = 60_000;
const DEADLINE = 30_000;
const MAX_KEPT = 20;
const COLUMNS = [['Scenario', 'l'], ['Kind', 'l'], ['P&L', ''], ['Of equity', ''], ['Worst day', ''], ['Drawdown', ''], ['VaR then', ''], ['Coverage', '']];
const KINDS = { historical: 'history', shock: 'by hand', reverse: 'reverse' };

function lossWords(value) {
  return value === null ? NONE : `${value < 0 ? '▼ ' : value > 0 ? '▲ +' : ''}${inUnit(value, 'currency', 0)}`;
}

function makeRow() {
  const cells = Object.fromEntries(['kind', 'pnl', 'share', 'day', 'drawdown', 'var', 'coverage'].map((name) => [name, h('td', { dataset: { cell: name } })]));
  const name = h('summary', {});
  const explanation = h('p', { class: 'k' });
  const symbols = h('p', { class: 'by-symbol' });
  const details = h('details', {}, name, explanation, symbols);
  const node = labelled(h('tr', {}, h('th', { scope: 'row' }, details), ...Object.values(cells)), COLUMNS);
  const paint = ({ row }) => {
    setAttribute(node, 'data-scenario', row.id);
    setText(name, row.name);
    setText(explanation, [row.explanation, row.start ? `${row.start} to ${row.end}.` : '', row.missing.length ? `Without data, not counted: ${row.missing.join(', ')}.` : ''].filter(Boolean).join(' '));
    setText(symbols, Object.entries(row.by_symbol).map(([symbol, value]) => `${symbol} ${value === null ? 'no data' : inUnit(value, 'currency', 0)}`).join(' · '));
    setText(cells.kind, KINDS[row.kind] ?? row.kind);
    setText(cells.pnl, lossWords(row.pnl));
    cells.pnl.classList.remove('up', 'down');
    if (row.pnl) cells.pnl.classList.add(row.pnl < 0 ? 'down' : 'up');
    setText(cells.share, percentOf(row.pnl_fraction));
    setText(cells.day, percentOf(row.worst_day));
    setText(cells.drawdown, percentOf(row.worst_drawdown));
    setText(cells.var, row.var_after === null ? NONE : `${inUnit(row.var_after, 'currency', 0)} (now ${inUnit(row.var_before, 'currency', 0)})`);
    setText(cells.coverage, percentOf(row.coverage, 0));
    setClass(cells.coverage, 'warn', row.coverage !== null && row.coverage < 0.999);
  };
  return { node, paint };
}

class Stress {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.answer = null;
    this.own = [];
    this.count = 0;
    this.body = h('tbody');
    this.rows = new KeyedRows(this.body, makeRow);
    this.age = h('span', { class: 'quiet age' });
    this.note = h('p', { class: 'empty note', role: 'status' });
    this.message = h('p', { class: 'message', role: 'status', hidden: true });
    this.says = h('p', { class: 'k' });
    this.form = stressForm((question, button) => this.#ask(question, button), () => this.#clear());
    this.scroll = h('div', { class: 'scroll scroll-both', tabindex: '0', role: 'group', 'aria-label': 'Stress scenarios' },
      h('table', {}, h('caption', { class: 'sr' }, 'Stress scenarios'), headRow(COLUMNS), this.body));
    this.card = h('section', { class: 'card desk-data desk-risk-stress', 'aria-label': 'Stress' },
      h('h3', {}, h('span', { class: 'title' }, 'Stress'), this.age), this.form.node, this.message, this.scroll, this.says, this.note);
    parentElement.append(this.card);
    this.poller = new Poller(this.tasks, {
      reader: riskReader(({ type, fill }) => type === 'order' && Boolean(fill)), pause: PAUSE, path: () => '/risk/stress',
      take: (answer) => {
        this.answer = answer;
        this.#paint();
      },
      paint: () => this.#paintState(),
    });
    this.#paint();
  }

  async #ask(question, button) {
    setBlocked(button, true);
    this.#say('Computing', 'k');
    try {
      const { scenarios, notes } = await post(`${RISK_BASE}/risk/stress`, question, { signal: AbortSignal.timeout(DEADLINE) });
      const made = scenarios.filter(({ kind }) => kind !== 'historical').map((row) => ({ ...row, key: `own-${(this.count += 1)}` }));
      this.own = [...made, ...this.own].slice(0, MAX_KEPT);
      this.#say(notes.join(' '), 'k');
      this.#paint();
    } catch (error) {
      this.#say(words(error), 'bad');
    } finally {
      setBlocked(button, false);
    }
  }

  #clear() {
    this.own = [];
    this.#say('');
    this.#paint();
  }

  #say(text, kind = 'k') {
    setText(this.message, text);
    setAttribute(this.message, 'class', `message ${kind}`);
    setHidden(this.message, !text);
  }

  #paint() {
    const told = (this.answer?.scenarios ?? []).map((row) => ({ ...row, key: row.id }));
    this.rows.set([...this.own, ...told].map(({ key, ...row }) => ({ key, row })));
    this.isEmpty = this.own.length + told.length === 0;
    setText(this.says, (this.answer?.notes ?? []).join(' '));
    this.form.paint(this.own.length > 0);
    this.#paintState();
  }

  #paintState() {
    const { poller } = this;
    setHidden(this.scroll, this.isEmpty ?? true);
    if (!poller) return;
    const isOld = poller.isLoaded && !poller.isCurrent;
    setText(this.age, poller.ageText);
    setAttribute(this.age, 'class', `quiet age ${isOld ? 'warn' : ''}`);
    this.card.classList.toggle('is-stale', isOld);
    const trouble = poller.blocked || poller.trouble;
    const text = trouble || (this.isEmpty ? (this.answer ? 'No scenario: nothing is held.' : 'Reading the scenarios') : '');
    setText(this.note, text);
    setHidden(this.note, !text);
    setAttribute(this.note, 'class', `empty note ${trouble ? 'warn' : ''}`);
  }

  destroy() {
    this.tasks.destroy();
  }
}

export default mounted((component) => new Stress(component));
