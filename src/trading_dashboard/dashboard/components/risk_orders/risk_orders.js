// Orders and fills of the paper account: what works, live, with its cancel; what is over; what was filled.

import { remove, words } from '/assets/js/api.js';
import { amount, decimalPrice, gain, gainClass, quantity } from '/assets/js/decimal.js';
import { ask } from '/assets/js/dialog.js';
import { cleanup, h, mounted, onPress, setAttribute, setBlocked, setClass, setHidden, setText } from '/assets/js/dom.js';
import { NONE, number } from '/assets/js/format.js';
import { market, risk } from '/assets/js/hub.js';
import { Poller } from '/assets/js/poller.js';
import { headRow, KeyedRows, labelled, LiveCard } from '/assets/js/risk_card.js';
import { riskReader } from '/assets/js/risk_reader.js';
import { RISK_BASE } from '/assets/js/risk_store.js';
import { marketStamp, orderLife, orderTone, toneMark } from '/assets/js/risk_words.js';

const PAUSE = 15_000;
const LIMIT = 50;
const ORDERS = [['Placed', 'when l'], ['Side', 'l'], ['Symbol', 'l'], ['Quantity', ''], ['Type', 'l'], ['At', ''], ['State', 'l state'], ['', '']];
const FILLS = [['Filled', 'when l'], ['Side', 'l'], ['Symbol', 'l'], ['Quantity', ''], ['Price', ''], ['Market', ''], ['Fee', ''], ['Realised', ''], ['Source', 'l']];
const EMPTY = {
  open: 'No order works. The ticket places one.', recent: 'No order was placed yet.', fills: 'Nothing was filled yet.',
};

function atWords({ limit_price: limit, stop_price: stop }) {
  return [stop ? `stop ${decimalPrice(stop)}` : '', limit ? decimalPrice(limit) : ''].filter(Boolean).join(', ') || NONE;
}

function makeOrder({ order: first }, cancelOrder) {
  const mark = toneMark();
  const cells = { filled: h('td'), at: h('td') };
  const cancel = h('button', { class: 'btn q', type: 'button', 'aria-label': `Cancel ${first.side} ${first.symbol}` }, 'Cancel');
  onPress(cancel, () => cancelOrder(first.id, cancel));
  const works = first.time_in_force === 'gtc' ? ', until cancelled' : '';
  const node = labelled(h('tr', { dataset: { order: first.id } }, h('td', { class: 'k' }, marketStamp(first.at, market.timeZone)),
    h('td', {}, first.side), h('th', { scope: 'row' }, first.symbol), cells.filled,
    h('td', {}, `${first.type.replaceAll('_', ' ')}${works}${first.reduce_only ? ', reduce only' : ''}`), cells.at, h('td', {}, mark.node), h('td', { class: 'verbs' }, cancel)), ORDERS);
  const paint = ({ order }) => {
    const isOpen = risk.orders.has(order.id);
    setText(cells.filled, order.status === 'partially_filled' ? `${quantity(order.filled_quantity)} of ${quantity(order.quantity)}` : quantity(order.quantity));
    setText(cells.at, atWords(order));
    mark.paint(orderTone(order), orderLife(order));
    setAttribute(node, 'data-status', order.status);
    setAttribute(node, 'title', [`by ${order.actor}`, order.note].filter(Boolean).join(': '));
    setHidden(cancel, !isOpen);
  };
  return { node, paint };
}

function makeFill({ fill }) {
  const realised = h('td', {}, gain(fill.realised));
  if (gainClass(fill.realised)) realised.classList.add(gainClass(fill.realised));
  const node = labelled(h('tr', { dataset: { fill: fill.id } }, h('td', { class: 'k' }, marketStamp(fill.at, market.timeZone)), h('td', {}, fill.side),
    h('th', { scope: 'row' }, fill.symbol), h('td', {}, quantity(fill.quantity)), h('td', {}, decimalPrice(fill.price)), h('td', { class: 'k' }, decimalPrice(fill.market_price)),
    h('td', {}, amount(fill.fee)), realised, h('td', { class: 'k' }, fill.source)), FILLS);
  return { node, paint: () => {} };
}

class Orders {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.shown = 'open';
    this.recent = [];
    this.fills = [];
    this.totals = { recent: null, fills: null };
    this.tabs = Object.fromEntries([['open', 'Open'], ['recent', 'All'], ['fills', 'Fills']].map(([key, text]) => [key, this.#tab(key, text)]));
    this.cancelAll = h('button', { class: 'btn q', type: 'button' }, 'Cancel all');
    onPress(this.cancelAll, () => this.#cancelAll());
    this.message = h('p', { class: 'message bad', role: 'status', hidden: true });
    this.empty = h('p', { class: 'empty' });
    this.tables = { orders: this.#table('Orders', ORDERS, (item) => makeOrder(item, (id, button) => this.#cancel(id, button))), fills: this.#table('Fills', FILLS, makeFill) };
    this.card = new LiveCard(this.tasks, {
      name: 'orders', title: 'Orders', types: ['order'], reading: 'Reading the orders', hasData: () => risk.account !== null, paint: () => this.#paint(),
      controls: [this.cancelAll, h('div', { class: 'seg', role: 'group', 'aria-label': 'Which orders' }, ...Object.values(this.tabs).map(({ node }) => node))],
      body: [this.message, this.tables.orders.node, this.tables.fills.node, this.empty],
    });
    parentElement.append(this.card.node);
    const poll = (path, take) => new Poller(this.tasks, {
      reader: riskReader(({ type }) => type === 'order'), pause: PAUSE, path: () => (this.shown === 'open' ? null : path), paint: () => {},
      take: (answer) => {
        take(answer);
        this.card.paint();
      },
    });
    this.pollers = [
      poll(`/orders?limit=${LIMIT}`, ({ orders, total }) => { this.recent = orders; this.totals.recent = total; }),
      poll(`/fills?limit=${LIMIT}`, ({ fills, total }) => { this.fills = fills; this.totals.fills = total; }),
    ];
    this.card.paint();
  }

  #tab(key, text) {
    const count = h('span', { class: 'quiet' });
    const node = h('button', { class: 'seg-button', type: 'button', dataset: { tab: key } }, text, ' ', count);
    node.addEventListener('click', () => {
      this.shown = key;
      for (const poller of this.pollers) poller.now();
      this.card.paint();
    });
    return { node, count };
  }

  #table(label, columns, make) {
    const body = h('tbody');
    const node = h('div', { class: 'scroll scroll-both', tabindex: '0', role: 'group', 'aria-label': label }, h('table', {}, h('caption', { class: 'sr' }, label), headRow(columns), body));
    return { node, rows: new KeyedRows(body, make) };
  }

  async #cancel(id, button) {
    setBlocked(button, true);
    setHidden(this.message, true);
    try {
      await remove(`${RISK_BASE}/orders/${encodeURIComponent(id)}`);
    } catch (error) {
      setText(this.message, words(error));
      setHidden(this.message, false);
    } finally {
      setBlocked(button, false);
    }
  }

  async #cancelAll() {
    const count = risk.orders.size;
    const isWanted = await ask({ title: `Cancel ${count === 1 ? 'the open order' : `all ${number(count)} open orders`}?`, text: 'What is filled already stays.', confirm: 'Cancel them', keep: 'Keep them' });
    if (!isWanted) return;
    setBlocked(this.cancelAll, true);
    setHidden(this.message, true);
    try {
      await remove(`${RISK_BASE}/orders`);
    } catch (error) {
      setText(this.message, words(error));
      setHidden(this.message, false);
    } finally {
      setBlocked(this.cancelAll, false);
    }
  }

  #paint() {
    const newest = (orders) => [...orders].sort((a, b) => (a.recorded_at < b.recorded_at ? 1 : -1));
    const isFills = this.shown === 'fills';
    const orders = this.shown === 'open' ? newest(risk.orders.values()) : this.recent.map((order) => risk.order(order.id) ?? order);
    const known = new Set(risk.fills.map(({ id }) => id));
    const fills = [...risk.fills, ...this.fills.filter(({ id }) => !known.has(id))].slice(0, LIMIT);
    this.tables.orders.rows.set(isFills ? [] : orders.map((order) => ({ key: order.id, order })));
    this.tables.fills.rows.set(isFills ? fills.map((fill) => ({ key: fill.id, fill })) : []);
    const count = isFills ? fills.length : orders.length;
    setHidden(this.tables.orders.node, isFills || count === 0);
    setHidden(this.tables.fills.node, !isFills || count === 0);
    setText(this.empty, EMPTY[this.shown]);
    setHidden(this.empty, count > 0);
    setHidden(this.cancelAll, risk.orders.size === 0);
    setText(this.tabs.open.count, number(risk.orders.size));
    setText(this.tabs.recent.count, this.totals.recent === null ? '' : number(this.totals.recent));
    setText(this.tabs.fills.count, this.totals.fills === null ? '' : number(this.totals.fills));
    for (const [key, { node }] of Object.entries(this.tabs)) {
      setClass(node, 'on', key === this.shown);
      setAttribute(node, 'aria-pressed', String(key === this.shown));
    }
  }

  destroy() {
    this.tasks.destroy();
  }
}

export default mounted((component) => new Orders(component));
