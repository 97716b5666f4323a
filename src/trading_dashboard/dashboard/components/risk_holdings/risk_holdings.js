// What holdings of one's own would risk: typed, of a file, or those of the account changed. Nothing is traded.

import { post, words } from '/assets/js/api.js';
import { cleanup, download, h, mounted, onPress, setAttribute, setBlocked, setHidden, setText } from '/assets/js/dom.js';
import { field, input, typed } from '/assets/js/fields.js';
import { NONE, number } from '/assets/js/format.js';
import { market, risk } from '/assets/js/hub.js';
import { headRow, labelled } from '/assets/js/risk_card.js';
import { report } from '/assets/js/risk_report.js';
import { RISK_BASE } from '/assets/js/risk_store.js';
import { inUnit, marketStamp, methodName, percentOf } from '/assets/js/risk_words.js';
import { csvOf, readHoldings, writeHoldings } from './holdings_text.js';

const DEADLINE = 90_000;
const MAX_BYTES = 60_000;
const COLUMNS = [['Method', 'l'], ['VaR', ''], ['Expected shortfall', ''], ['VaR of the account', '']];
/** Shown beside the value at risk; the account's own stand in the card of measures. */
const MEASURES = ['volatility.close_to_close', 'drawdown.maximum', 'ratio.sharpe', 'concentration.effective', 'concentration.largest'];

class Holdings {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.asked = 0;
    this.#build(parentElement);
    this.text.addEventListener('input', () => this.#forget());
    this.cash.addEventListener('input', () => this.#forget());
    onPress(this.own, () => this.#takeAccount());
    onPress(this.save, () => this.#save());
    this.file.addEventListener('change', () => this.#takeFile());
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#ask();
    });
  }

  #build(parent) {
    this.text = h('textarea', { class: 'input paste', rows: 5, spellcheck: 'false', name: 'holdings', placeholder: 'AAPL 100\nIBM −50' });
    this.cash = input({ inputmode: 'decimal', maxlength: 20, name: 'cash', placeholder: '0', class: 'input figure' });
    this.file = h('input', { class: 'input', type: 'file', accept: '.csv,.json,.txt,text/csv,application/json', name: 'file' });
    this.own = h('button', { class: 'btn q', type: 'button' }, 'Those held');
    this.save = h('button', { class: 'btn q', type: 'button' }, 'Save CSV');
    this.go = h('button', { class: 'btn whole', type: 'submit' }, 'Compute the risk');
    this.message = h('p', { class: 'message bad whole', role: 'alert', hidden: true });
    const holdings = field('holdings', 'Holdings, one a line', this.text);
    holdings.classList.add('whole');
    this.form = h('form', { class: 'field-grid', novalidate: true }, holdings, field('cash', 'Cash', this.cash), field('file', 'From a file', this.file), this.go, this.message);
    this.head = h('p', { class: 'k' });
    this.body = h('tbody');
    this.measures = h('p', { class: 'k' });
    this.notes = h('p', { class: 'warn' });
    this.result = h('div', { class: 'result', role: 'status', hidden: true }, this.head,
      h('div', { class: 'scroll' }, h('table', {}, h('caption', { class: 'sr' }, 'Value at risk of these holdings'), headRow(COLUMNS), this.body)), this.measures, this.notes);
    parent.append(h('section', { class: 'card desk-data desk-risk-holdings', 'aria-label': 'Own holdings' },
      h('h3', {}, h('span', { class: 'title' }, 'Own holdings', h('span', { class: 'tag' }, 'nothing is traded')), h('span', { class: 'actions' }, this.own, this.save)), this.form, this.result));
  }

  #forget() {
    this.asked += 1;
    setHidden(this.result, true);
    setAttribute(this.text, 'aria-invalid', null);
    this.#say('');
  }

  #say(text) {
    setText(this.message, text);
    setHidden(this.message, !text);
  }

  /** The typed holdings, or null after saying what is wrong with them. */
  #read() {
    this.#forget();
    const { holdings, problem } = readHoldings(this.text.value);
    if (!problem) return holdings;
    setAttribute(this.text, 'aria-invalid', 'true');
    this.#say(problem);
    return null;
  }

  #takeAccount() {
    const { account } = risk;
    this.#forget();
    if (!account?.positions.length) {
      this.#say('The account holds nothing.');
      return;
    }
    this.text.value = writeHoldings(account.positions);
    this.cash.value = account.cash;
  }

  async #takeFile() {
    const [chosen] = this.file.files;
    if (!chosen) return;
    this.#forget();
    if (chosen.size > MAX_BYTES) {
      this.#say(`The page takes at most ${number(MAX_BYTES / 1000)} kB. Send larger ones to POST /risk/calculate of the agent.`);
      return;
    }
    this.text.value = await chosen.text();
    const holdings = this.#read();
    if (holdings) this.text.value = writeHoldings(holdings);
  }

  #save() {
    const holdings = this.#read();
    if (holdings) download('holdings.csv', new Blob([csvOf(holdings)], { type: 'text/csv' }));
  }

  async #ask() {
    if (this.go.getAttribute('aria-disabled') === 'true') return;
    const holdings = this.#read();
    if (!holdings) return;
    const cash = typed(this.cash.value) ?? 0;
    if (Number.isNaN(cash)) return this.#say('Cash: a number.');
    if (!risk.isUp()) return this.#say(`${risk.condition().text}.`);
    const mine = this.asked;
    const { confidence, horizon_days: horizon, window } = report.chosen;
    setBlocked(this.go, true);
    setText(this.go, 'Computing');
    try {
      const question = { holdings, cash, confidence: Number(confidence), horizon_days: Number(horizon), window: Number(window) };
      const answer = await post(`${RISK_BASE}/risk/calculate`, question, { signal: AbortSignal.timeout(DEADLINE) });
      if (mine === this.asked) this.#show(answer);
    } catch (error) {
      if (mine === this.asked) this.#say(words(error));
    } finally {
      setBlocked(this.go, false);
      setText(this.go, 'Compute the risk');
    }
  }

  #show(answer) {
    const { confidence, horizon_days: horizon, equity, gross, net, as_of: asOf } = answer;
    const days = `${number(horizon)} ${horizon === 1 ? 'day' : 'days'}`;
    setText(this.head, `${percentOf(confidence)}, ${days}, as chosen for value at risk. Worth ${number(equity, 2)}, gross ${number(gross, 2)}, net ${number(net, 2)} at ${marketStamp(asOf, market.timeZone)}.`);
    this.body.replaceChildren(...answer.var.map((row) => varRow(row, accountRow(row))));
    const told = MEASURES.map((id) => answer.measures.find((one) => one.id === id && !one.subject)).filter((one) => one && one.value !== null);
    setText(this.measures, told.map((one) => `${one.name} ${inUnit(one.value, one.unit)}`).join(' · '));
    const missing = [...new Set(answer.var.flatMap(({ var: one }) => one.window?.missing ?? []))];
    const notes = [...answer.notes, missing.length ? `Not counted for lack of history: ${missing.join(', ')}.` : '', answer.is_stale ? 'Prices are stale.' : ''].filter(Boolean);
    setText(this.notes, notes.join(' '));
    setHidden(this.notes, notes.length === 0);
    setHidden(this.result, false);
  }

  destroy() {
    this.asked += 1;
    this.tasks.destroy();
  }
}

/** The account's value at risk by the same method and terms, where the page knows it. */
function accountRow({ method, confidence, horizon_days: horizon }) {
  return (report.answer?.var ?? []).find((row) => row.method === method && row.confidence === confidence && row.horizon_days === horizon) ?? null;
}

function varRow({ method, var: value, expected_shortfall: shortfall }, account) {
  const cell = (name, measure) => h('td', { dataset: { cell: name } }, measure ? inUnit(measure.value, measure.unit) : NONE);
  return labelled(h('tr', { dataset: { own: method } }, h('th', { scope: 'row' }, methodName(method)), cell('var', value), cell('es', shortfall), cell('account', account?.var)), COLUMNS);
}

export default mounted((component) => new Holdings(component));
