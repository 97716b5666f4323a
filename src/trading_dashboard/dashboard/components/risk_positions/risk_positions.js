// What the paper account holds, live. A row's button writes the order that closes it into the ticket.

import { amount, decimalPrice, gain, gainClass, quantity, signOf, withoutSign } from '/assets/js/decimal.js';
import { cleanup, h, mounted, onPress, setAttribute, setClass, setHidden, setText } from '/assets/js/dom.js';
import { age, NONE, number } from '/assets/js/format.js';
import { risk } from '/assets/js/hub.js';
import { headRow, KeyedRows, labelled, LiveCard } from '/assets/js/risk_card.js';
import { percentOf } from '/assets/js/risk_words.js';
import { ticketWish } from '/assets/js/ticket_wish.js';

const COLUMNS = [
  ['Symbol', 'l'], ['Quantity', ''], ['Average cost', ''], ['Price', ''], ['Age', 'age'], ['Value', ''], ['Weight', 'weight'], ['Unrealised', ''], ['Today', ''],
  ['Realised', 'realised'], ['', ''],
];

function makeRow({ position: first }) {
  const { symbol } = first;
  const names = ['quantity', 'cost', 'price', 'age', 'value', 'weight', 'unrealised', 'today', 'realised'];
  const cells = Object.fromEntries(names.map((name) => [name, h('td', { dataset: { cell: name } })]));
  const close = h('button', { class: 'btn q', type: 'button', 'aria-label': `Write a ticket that closes ${symbol}` }, 'Close…');
  const link = h('a', { href: `/chart?symbol=${encodeURIComponent(symbol)}` }, symbol);
  const node = labelled(h('tr', { dataset: { position: symbol } }, h('th', { scope: 'row' }, link), ...Object.values(cells), h('td', { class: 'verbs' }, close)), COLUMNS);
  let shown = first;
  onPress(close, () => ticketWish.ask({
    symbol, side: signOf(shown.quantity) < 0 ? 'buy' : 'sell', quantity: withoutSign(shown.quantity), isReducing: true,
  }));
  const coloured = (cell, value) => {
    setText(cell, gain(value));
    cell.classList.remove('up', 'down');
    if (gainClass(value)) cell.classList.add(gainClass(value));
  };
  const paint = ({ position }) => {
    shown = position;
    const isShort = signOf(position.quantity) < 0;
    setText(cells.quantity, `${quantity(position.quantity)}${isShort ? ' short' : ''}`);
    setText(cells.cost, decimalPrice(position.average_cost));
    setText(cells.price, position.price === null ? 'no price' : decimalPrice(position.price));
    setText(cells.age, position.price === null ? NONE : `${position.is_stale ? 'stale ' : ''}${age(position.price_age_seconds)}`);
    setClass(cells.age, 'warn', position.is_stale);
    setClass(cells.price, 'warn', position.price === null || position.is_stale);
    setText(cells.value, amount(position.market_value));
    setText(cells.weight, percentOf(position.weight));
    coloured(cells.unrealised, position.unrealised);
    coloured(cells.today, position.day_change);
    coloured(cells.realised, position.realised);
    setAttribute(cells.price, 'title', position.price_at ? `${position.price} as of ${position.price_at}` : 'No price is known');
    setAttribute(cells.cost, 'title', `${position.average_cost}, fees not included; ${number(position.lots?.length ?? 0)} lots`);
    setAttribute(node, 'title', position.is_sample ? 'Of the sample portfolio' : null);
  };
  return { node, paint };
}

function create({ parentElement }) {
  const tasks = cleanup();
  const body = h('tbody');
  const rows = new KeyedRows(body, makeRow);
  const table = h('div', { class: 'scroll scroll-both', tabindex: '0', role: 'group', 'aria-label': 'Positions' },
    h('table', {}, h('caption', { class: 'sr' }, 'Positions'), headRow(COLUMNS), body));
  const empty = h('p', { class: 'empty' }, 'No position. Place a paper order, or import positions.');
  const card = new LiveCard(tasks, {
    name: 'positions', title: 'Positions', types: ['account'], reading: 'Reading the positions', body: [table, empty],
    hasData: () => risk.account !== null,
    paint: () => {
      const { positions, stale, unpriced } = risk.account;
      rows.set(positions.map((position) => ({ key: position.symbol, position })));
      setHidden(table, positions.length === 0);
      setHidden(empty, positions.length > 0);
      const parts = [number(positions.length), stale.length ? `${stale.length} stale` : '', unpriced.length ? `${unpriced.length} without a price` : ''];
      setText(card.count, positions.length ? parts.filter(Boolean).join(' · ') : '');
    },
  });
  parentElement.append(card.node);
  card.paint();
  return { destroy: tasks.destroy };
}

export default mounted(create);
