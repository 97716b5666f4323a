// How big a position should be, with the reckoning in words. Places nothing; a size can go to the ticket.

import { post, words } from '/assets/js/api.js';
import { cleanup, h, mounted, onPress, setAttribute, setBlocked, setHidden, setText } from '/assets/js/dom.js';
import { field } from '/assets/js/fields.js';
import { number } from '/assets/js/format.js';
import { market, risk } from '/assets/js/hub.js';
import { headRow, labelled } from '/assets/js/risk_card.js';
import { RISK_BASE } from '/assets/js/risk_store.js';
import { marketStamp, percentOf } from '/assets/js/risk_words.js';
import { ticketWish } from '/assets/js/ticket_wish.js';
import { METHODS, sizeFields } from './size_fields.js';

const DEADLINE = 60_000;
const COLUMNS = [['Symbol', 'l'], ['Quantity', ''], ['Value', ''], ['Of equity', ''], ['At risk', ''], ['', '']];

class Size {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.asked = 0;
    this.fields = sizeFields();
    this.method = h('select', { class: 'input', name: 'method' }, ...METHODS.map(([key, text]) => h('option', { value: key }, text)));
    this.go = h('button', { class: 'btn whole', type: 'submit' }, 'Compute the size');
    this.message = h('p', { class: 'message bad whole', role: 'alert', hidden: true });
    const method = field('method', 'Method', this.method);
    method.classList.add('whole');
    this.form = h('form', { class: 'field-grid', novalidate: true }, method, ...this.fields.nodes, this.go, this.message);
    this.body = h('tbody');
    this.steps = h('ol', { class: 'steps' });
    this.warnings = h('ul', { class: 'warnings' });
    this.source = h('p', { class: 'k source' });
    this.result = h('div', { class: 'result', role: 'status', hidden: true },
      h('div', { class: 'scroll' }, h('table', {}, h('caption', { class: 'sr' }, 'Sizes'), headRow(COLUMNS), this.body)), this.steps, this.warnings, this.source);
    this.card = h('section', { class: 'card desk-data desk-risk-size', 'aria-label': 'Position size' },
      h('h3', {}, h('span', { class: 'title' }, 'Position size'), h('span', { class: 'tag' }, 'places nothing')), this.form, this.result);
    parentElement.append(this.card);
    this.form.addEventListener('input', () => this.#forget());
    this.method.addEventListener('change', () => this.fields.show(this.method.value));
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#ask();
    });
    this.fields.show(this.method.value);
  }

  /** Another question: the answer to the one before does not stand beside it. */
  #forget() {
    this.asked += 1;
    setHidden(this.result, true);
    this.#say('');
    for (const node of Object.values(this.fields.controls)) setAttribute(node, 'aria-invalid', null);
  }

  async #ask() {
    if (this.go.getAttribute('aria-disabled') === 'true') return;
    this.#forget();
    const mine = this.asked;
    const { question, problem, name } = this.fields.read(this.method.value);
    this.#say(problem ?? (risk.isUp() ? '' : `${risk.condition().text}.`));
    if (problem) {
      setAttribute(this.fields.controls[name], 'aria-invalid', 'true');
      this.fields.controls[name].focus();
    }
    if (problem || !risk.isUp()) return;
    setBlocked(this.go, true);
    setText(this.go, 'Computing');
    try {
      const answer = await post(`${RISK_BASE}/sizing`, question, { signal: AbortSignal.timeout(DEADLINE) });
      if (mine === this.asked) this.#show(answer, question.side);
    } catch (error) {
      if (mine === this.asked) this.#say(words(error));
    } finally {
      setBlocked(this.go, false);
      setText(this.go, 'Compute the size');
    }
  }

  #say(text) {
    setText(this.message, text);
    setHidden(this.message, !text);
  }

  #show({ method, sizes, steps, warnings, formula, citation, equity, as_of: asOf }, side = 'buy') {
    this.body.replaceChildren(...sizes.map((size) => sizeRow(size, side, method)));
    this.steps.replaceChildren(...steps.map((step) => h('li', {}, step)));
    this.warnings.replaceChildren(...warnings.map((one) => h('li', { class: 'warn' }, one)));
    setText(this.source, `${formula}. ${citation}. Equity ${number(equity, 2)} at ${marketStamp(asOf, market.timeZone)}.`);
    setHidden(this.result, false);
  }

  destroy() {
    this.asked += 1;
    this.tasks.destroy();
  }
}

function sizeRow({ symbol, quantity, notional, fraction, risk: atRisk }, side, method) {
  const shown = number(quantity, Number.isInteger(quantity) ? 0 : 8).replace(/(\.\d*?)0+$/, '$1');
  const lost = atRisk === null ? '–' : method === 'risk_parity' ? percentOf(atRisk, 1) : number(atRisk, 2);
  const take = h('button', { class: 'btn q', type: 'button', 'aria-label': `Write a ticket: ${side} ${shown} ${symbol}` }, 'To the ticket');
  setBlocked(take, quantity <= 0);
  onPress(take, () => ticketWish.ask({ symbol, side, quantity: String(quantity), isReducing: false }));
  const cell = (name, text) => h('td', { dataset: { cell: name } }, text);
  return labelled(h('tr', { dataset: { size: symbol } }, h('th', { scope: 'row' }, symbol), cell('quantity', shown), cell('notional', number(notional, 2)),
    cell('fraction', percentOf(fraction)), cell('risk', lost), h('td', { class: 'verbs' }, take)), COLUMNS);
}

export default mounted((component) => new Size(component));
