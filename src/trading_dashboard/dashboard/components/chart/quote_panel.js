// The quote beside the chart.

import { market } from '/assets/js/hub.js';
import { h, setAttribute, setClass, setText } from '/assets/js/dom.js';
import { age, change, direction, NONE, number, price, volume } from '/assets/js/format.js';

const ROWS = [
  ['bidask', 'Bid × ask'], ['range', 'Day range'], ['open', 'Open'], ['previous', 'Previous close'],
  ['volume', 'Volume'], ['quality', 'Quality'], ['source', 'Source'], ['age', 'Age'],
];

function range(low, high) {
  return low === null || low === undefined ? NONE : `${price(low)} – ${price(high)}`;
}

function both(quote) {
  if (quote.bid === null || quote.bid === undefined) return NONE;
  return `${price(quote.bid)} × ${price(quote.ask)}`;
}

export function quotePanel() {
  const cells = {};
  const rows = ROWS.map(([key, label]) => {
    cells[key] = h('td', { class: key }, NONE);
    return h('tr', {}, h('th', { scope: 'row', class: 'k' }, label), cells[key]);
  });
  const note = h('p', { class: 'simulated', hidden: true });
  const node = h('section', { class: 'card desk-quote', 'aria-label': 'Quote' },
    h('h3', {}, 'Quote'), h('table', {}, h('tbody', {}, ...rows)), note);
  const last = h('span', { class: 'mid last' });
  let quote = null;

  const clear = () => {
    quote = null;
    Object.values(cells).forEach((cell) => setText(cell, NONE));
    setText(last, '');
  };
  const take = (value) => {
    quote = value;
    setText(cells.bidask, both(value));
    setText(cells.range, range(value.day_low, value.day_high));
    setText(cells.open, value.day_open ? price(value.day_open) : NONE);
    setText(cells.previous, value.previous_close ? price(value.previous_close) : NONE);
    setText(cells.volume, volume(value.volume));
    setText(cells.quality, value.quality_score === null || value.quality_score === undefined ? NONE : number(value.quality_score, 1));
    const simulated = value.intraday === 'simulated';
    setText(cells.source, `${value.source}${value.replay ? ', replay' : ''}`);
    note.hidden = !simulated;
    setText(note, simulated ? 'REPLAY: daily bars are real, ticks within a day are simulated.' : '');
    setText(last, `${price(value.price)} ${change(value.change_percent)}`);
    setAttribute(last, 'class', `mid last ${direction(value.change_percent)}`);
  };
  const paintAge = (condition) => {
    if (!quote) return;
    const isResting = ['paused', 'closed', 'finished'].includes(condition.kind);
    setText(cells.age, isResting ? condition.kind : age((performance.now() - quote.receivedAt) / 1000));
    setClass(cells.age, 'warn', !condition.isCurrent);
    setClass(node, 'is-stale', !condition.isCurrent);
    setClass(last, 'stale-text', !condition.isCurrent);
  };
  const start = (symbol) => {
    clear();
    const known = market.prices.get(symbol);
    if (known) take(known);
  };
  return { node, last, take, paintAge, start };
}
