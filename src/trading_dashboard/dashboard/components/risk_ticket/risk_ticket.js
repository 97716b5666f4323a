// The order ticket. What is typed is checked at once; placing it sends it, and its life is shown below.

import { post, words } from '/assets/js/api.js';
import { cleanup, h, mounted, setAttribute, setBlocked, setClass, setHidden, setText } from '/assets/js/dom.js';
import { field, input } from '/assets/js/fields.js';
import { market, risk } from '/assets/js/hub.js';
import { RISK_BASE } from '/assets/js/risk_store.js';
import { ORDER_TYPES, orderLife, orderText, orderTone, toneMark } from '/assets/js/risk_words.js';
import { ticketWish } from '/assets/js/ticket_wish.js';
import { CheckView } from './check_view.js';
import { Checking } from './checking.js';
import { complete, PRICES, readTicket } from './ticket_fields.js';

const DEADLINE = 15_000;
const SYMBOLS_SHOWN = 20;

/** Known to nobody else; sent again, it is the same order. */
function newOrderId() {
  return `desk-${[...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

class Ticket {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.side = 'buy';
    this.orderId = null;
    this.clientId = newOrderId();
    this.isSending = false;
    this.#build(parentElement);
    this.check = new CheckView();
    this.form.append(this.check.node, this.place, this.message, this.life.node);
    this.checking = new Checking(this.tasks, (state) => {
      this.check.paint(state);
      this.#paint();
    });
    this.tasks.add(risk.subscribe((change) => this.#follow(change)));
    this.tasks.add(ticketWish.subscribe((wish) => this.#fill(wish)));
    this.tasks.every(1000, () => this.#paint());
    const named = new URLSearchParams(location.search).get('symbol');
    this.#fill(named ? { symbol: named } : {}, { isQuiet: true });
    this.#suggest();
    this.#paint();
  }

  #build(parent) {
    this.symbols = h('datalist', { id: 'risk-ticket-symbols' });
    this.fields = {
      symbol: input({ maxlength: 32, list: 'risk-ticket-symbols', name: 'symbol', placeholder: 'AAPL' }),
      quantity: input({ inputmode: 'decimal', maxlength: 20, name: 'quantity', placeholder: '100' }),
      type: h('select', { class: 'input', name: 'type' }, ...ORDER_TYPES.map(([key, text]) => h('option', { value: key }, text))),
      time_in_force: h('select', { class: 'input', name: 'time_in_force' }, h('option', { value: 'day' }, 'day'), h('option', { value: 'gtc' }, 'until cancelled')),
      limit_price: input({ inputmode: 'decimal', maxlength: 20, name: 'limit_price' }),
      stop_price: input({ inputmode: 'decimal', maxlength: 20, name: 'stop_price' }),
      reduce_only: h('input', { type: 'checkbox', name: 'reduce_only' }),
    };
    this.sides = ['buy', 'sell'].map((side) => {
      const node = h('button', { class: `seg-button ${side}`, type: 'button', dataset: { side } }, side === 'buy' ? 'Buy' : 'Sell');
      node.addEventListener('click', () => this.#choose(side));
      return node;
    });
    const { fields } = this;
    this.prices = Object.fromEntries([['limit_price', 'Limit'], ['stop_price', 'Stop']].map(([name, label]) => [name, field(name, label, fields[name])]));
    this.place = h('button', { class: 'btn place', type: 'submit' });
    this.message = h('p', { class: 'message bad', role: 'alert', hidden: true });
    this.life = toneMark();
    this.life.node.classList.add('life');
    setAttribute(this.life.node, 'role', 'status');
    this.form = h('form', { class: 'ticket field-grid', novalidate: true },
      h('div', { class: 'seg sides', role: 'group', 'aria-label': 'Side' }, ...this.sides),
      field('symbol', 'Symbol', fields.symbol), field('quantity', 'Quantity', fields.quantity), field('type', 'Type', fields.type),
      field('time_in_force', 'Works', fields.time_in_force), this.prices.limit_price, this.prices.stop_price,
      h('label', { class: 'field check' }, fields.reduce_only, h('span', {}, 'only reduce the position')), this.symbols);
    this.card = h('section', { class: 'card desk-risk-ticket', 'aria-label': 'Order ticket' },
      h('h3', {}, 'Order ticket', h('span', { class: 'tag' }, 'paper account, no real money')), this.form);
    parent.append(this.card);
    for (const node of Object.values(fields)) node.addEventListener('input', () => this.#changed());
    fields.symbol.addEventListener('input', () => this.#suggest());
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  #choose(side) {
    this.side = side;
    this.#changed();
  }

  #fill({ symbol, side, quantity, isReducing }, { isQuiet = false } = {}) {
    const { fields } = this;
    if (symbol !== undefined) fields.symbol.value = symbol;
    if (side) this.side = side;
    if (quantity) fields.quantity.value = quantity;
    if (isReducing !== undefined) fields.reduce_only.checked = isReducing;
    if (!isQuiet) {
      fields.type.value = 'market';
      this.card.scrollIntoView({ block: 'nearest' });
      fields.quantity.focus();
      fields.quantity.select();
    }
    this.#changed();
  }

  /** Another ticket is another order. */
  #changed() {
    if (!this.isSending) this.clientId = newOrderId();
    setHidden(this.message, true);
    const read = readTicket(this.side, this.fields);
    this.checking.ask(read);
    this.#paint();
  }

  #follow({ type, order }) {
    if (type === 'order' && order.id === this.orderId) this.#paintLife(order);
    if (type === 'all' && this.orderId && risk.order(this.orderId)) this.#paintLife(risk.order(this.orderId));
    if (type === 'gate' || type === 'state' || type === 'all') this.#paint();
    if (type === 'gate' || type === 'all') this.checking.again();
  }

  #paint() {
    const { fields } = this;
    for (const node of this.sides) {
      const isOn = node.dataset.side === this.side;
      setClass(node, 'on', isOn);
      setAttribute(node, 'aria-pressed', String(isOn));
    }
    for (const name of PRICES) setHidden(this.prices[name], !fields.type.value.includes(name.split('_')[0]));
    const { ticket, problem, field: at } = readTicket(this.side, fields);
    for (const [name, node] of Object.entries(fields)) setAttribute(node, 'aria-invalid', problem && name === at && node.value !== '' ? 'true' : null);
    setText(this.place, ticket ? `Place: ${orderText(ticket)}` : `Place ${this.side} order`);
    setClass(this.place, 'sell', this.side === 'sell');
    const blocked = this.#whyNot(ticket, problem);
    setBlocked(this.place, Boolean(blocked));
    setAttribute(this.place, 'title', blocked || null);
  }

  #whyNot(ticket, problem) {
    if (this.isSending) return 'It is being sent.';
    if (!ticket) return complete(problem);
    const gate = risk.gateNow();
    if (!gate.isKnown) return `The gate is not known: ${gate.why}. Taken as halted.`;
    const { result } = this.checking.state;
    if (result && !result.allowed) return 'The check denies it.';
    return '';
  }

  async #send() {
    const { ticket } = readTicket(this.side, this.fields);
    if (!ticket || this.place.getAttribute('aria-disabled') === 'true') return;
    this.isSending = true;
    setHidden(this.message, true);
    this.#paint();
    try {
      const order = await post(`${RISK_BASE}/orders`, { ...ticket, client_order_id: this.clientId }, { signal: AbortSignal.timeout(DEADLINE) });
      this.orderId = order.id;
      this.#paintLife(risk.order(order.id) ?? order);
      this.clientId = newOrderId();
    } catch (error) {
      // Without an answer it may have been placed; sent again under the same id it is placed once.
      const isAnswered = error.status !== undefined && error.status < 500;
      if (isAnswered) this.clientId = newOrderId();
      setText(this.message, `${words(error)}${isAnswered ? '' : ' It may have been placed: see the orders, or press again, which places it once.'}`);
      setHidden(this.message, false);
    } finally {
      this.isSending = false;
      this.checking.again();
      this.#paint();
    }
  }

  #paintLife(order) {
    this.life.paint(orderTone(order), `${orderText(order)}: ${orderLife(order)}`);
    setAttribute(this.life.node, 'data-status', order.status);
  }

  /** Offer what is held, and what market data lists under the text. */
  async #suggest() {
    const text = this.fields.symbol.value.trim();
    const held = (risk.account?.positions ?? []).map(({ symbol }) => symbol);
    let listed = [];
    try {
      const answer = await market.symbols({ text, limit: String(SYMBOLS_SHOWN) });
      listed = (answer.symbols ?? []).map((one) => one.symbol ?? one);
    } catch {
      // Suggestions only; the check says whether a symbol is known.
    }
    if (text !== this.fields.symbol.value.trim()) return;
    this.symbols.replaceChildren(...[...new Set([...held, ...listed])].slice(0, SYMBOLS_SHOWN).map((symbol) => h('option', { value: symbol })));
  }

  destroy() {
    this.tasks.destroy();
  }
}

export default mounted((component) => new Ticket(component));
