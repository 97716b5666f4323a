// The quote beside the chart.

import { market } from '/assets/js/hub.js';
import { cleanup, h, setAttribute, setClass, setText } from '/assets/js/dom.js';
import { paintGrade } from '/assets/js/data_words.js';
import { goesTo } from '/assets/js/place.js';
import { bySymbol, Poller } from '/assets/js/poller.js';
import { ticketWish } from '/assets/js/ticket_wish.js';
import { age, change, direction, NONE, number, price, volume } from '/assets/js/format.js';

const ROWS = [
  ['bidask', 'Bid × ask'], ['range', 'Day range'], ['open', 'Open'], ['previous', 'Previous close'],
  ['volume', 'Volume'], ['quality', 'Quality'], ['source', 'Source'], ['traded', 'Session'], ['age', 'Age'],
];

const GRADE_PAUSE = 30_000;

/** The score of the source that the price is from; of a symbol's several sources each has its own. */
export function scoreOf(scores, source) {
  return scores.find((score) => score.source === source) ?? null;
}

function range(low, high) {
  return low === null || low === undefined ? NONE : `${price(low)} – ${price(high)}`;
}

function sessionWords({ session }, clock) {
  if (!session) return NONE;
  return clock?.session === session && clock.market ? `${session}, ${clock.market}` : session;
}

function both(quote) {
  if (quote.bid === null || quote.bid === undefined) return NONE;
  return `${price(quote.bid)} × ${price(quote.ask)}`;
}

export function quotePanel() {
  const tasks = cleanup();
  const grade = h('span', { class: 'grade off' }, NONE);
  const figure = h('span', { class: 'figure' });
  const cells = {};
  const rows = ROWS.map(([key, label]) => {
    cells[key] = h('td', { class: key }, NONE);
    return h('tr', {}, h('th', { scope: 'row', class: 'k' }, label), cells[key]);
  });
  cells.quality.replaceChildren(figure, ' ', grade);
  const note = h('p', { class: 'simulated', hidden: true });
  const trade = h('a', { class: 'btn q trade', href: '/risk' }, 'Paper order');
  trade.addEventListener('click', () => quote && ticketWish.ask({ symbol: quote.symbol }));
  goesTo(trade, 'risk');
  const node = h('section', { class: 'card desk-quote', 'aria-label': 'Quote' },
    h('h3', {}, 'Quote', trade), h('table', {}, h('tbody', {}, ...rows)), note);
  const last = h('span', { class: 'mid last' });
  let quote = null;
  let scores = [];
  const paintScore = () => {
    const score = quote && scoreOf(scores, quote.source);
    paintGrade(grade, score?.grade ?? null);
    setAttribute(grade, 'title', score ? `Score ${number(score.score, 1)} of ${quote.symbol} from ${quote.source}` : 'Not scored');
  };
  // Only a symbol that has a price is asked for: of others there is no score.
  const poller = new Poller(tasks, {
    path: () => quote && bySymbol('/quality', quote.symbol), pause: GRADE_PAUSE,
    take: (answer) => { scores = answer.symbol === quote?.symbol ? answer.scores : []; }, paint: paintScore,
  });

  const clear = () => {
    quote = null;
    scores = [];
    Object.entries(cells).forEach(([key, cell]) => key !== 'quality' && setText(cell, NONE));
    setText(figure, NONE);
    paintScore();
    setText(last, '');
  };
  const take = (value) => {
    const isFirst = !quote;
    quote = value;
    if (isFirst) poller.now();
    setText(cells.bidask, both(value));
    setText(cells.range, range(value.day_low, value.day_high));
    setText(cells.open, value.day_open ? price(value.day_open) : NONE);
    setText(cells.previous, value.previous_close ? price(value.previous_close) : NONE);
    setText(cells.volume, volume(value.volume));
    setText(figure, value.quality_score === null || value.quality_score === undefined ? NONE : number(value.quality_score, 1));
    const simulated = value.intraday === 'simulated';
    setText(cells.source, `${value.source}${value.replay ? ', replay' : ''}`);
    setText(cells.traded, sessionWords(value, market.clock));
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
  return { node, last, take, paintAge, start, destroy: tasks.destroy };
}
