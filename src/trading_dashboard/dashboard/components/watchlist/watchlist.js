// The watchlist. Rows are made once; ticks change texts only.

import { market, control } from '/assets/js/hub.js';
import { cleanup, h, mounted, setAttribute, setClass, setHidden, setText } from '/assets/js/dom.js';
import { gradeBadge, paintGrade } from '/assets/js/data_words.js';
import { Poller } from '/assets/js/poller.js';
import { age as ageText, change, direction, NONE, number, price, volume } from '/assets/js/format.js';

const DAYS = 30;
const GRADE_PAUSE = 60_000;
const WIDTH = 110;
const HEIGHT = 26;
const SVG = 'http://www.w3.org/2000/svg';

function sparkline() {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute('class', 'sparkline');
  svg.setAttribute('aria-hidden', 'true');
  const line = document.createElementNS(SVG, 'polyline');
  svg.append(line);
  return { svg, line };
}

function drawSparkline(line, values) {
  if (values.length < 2) {
    line.setAttribute('points', '');
    return;
  }
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const step = WIDTH / (values.length - 1);
  const points = values.map((value, index) => {
    const y = HEIGHT - 2 - ((value - low) / span) * (HEIGHT - 4);
    return `${(index * step).toFixed(1)},${y.toFixed(1)}`;
  });
  line.setAttribute('points', points.join(' '));
}

function makeRow(symbol, open) {
  const { svg, line } = sparkline();
  const link = h('a', { href: `/chart?symbol=${encodeURIComponent(symbol)}` }, symbol);
  const cells = {
    last: h('td', { class: 'last' }, NONE), change: h('td', {}, NONE),
    volume: h('td', { class: 'volume' }, NONE), age: h('td', { class: 'k age' }, NONE),
    source: h('td', { class: 'k l source' }, NONE), session: h('td', { class: 'k traded' }, NONE),
  };
  const grade = gradeBadge();
  const node = h('tr', { dataset: { symbol } }, h('th', { scope: 'row' }, link), cells.last,
    cells.change, h('td', { class: 'l spark' }, svg), cells.volume, h('td', { class: 'l' }, grade),
    cells.source, cells.session, cells.age);
  node.addEventListener('click', (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    // Whoever marks a price to copy it does not want the chart.
    if (!getSelection().isCollapsed && getSelection().containsNode(node, true)) return;
    open(symbol);
  });
  return { symbol, node, cells, grade, line, svg, closes: [], session: null, price: null, note: '' };
}

function paintRow(row) {
  const { price: quote, cells } = row;
  if (!quote) {
    setText(cells.last, row.note || NONE);
    setClass(cells.last, 'quiet', true);
    return;
  }
  setClass(cells.last, 'quiet', false);
  setText(cells.last, price(quote.price));
  setText(cells.change, change(quote.change_percent));
  setAttribute(cells.change, 'class', direction(quote.change_percent));
  setText(cells.volume, volume(quote.volume));
  setText(cells.source, quote.source);
  setText(cells.session, quote.session ? quote.session.slice(5) : NONE);
  setAttribute(cells.session, 'title', quote.session);
}

function paintAge(row, condition) {
  const { age } = row.cells;
  if (!row.price) return;
  const seconds = (performance.now() - row.price.receivedAt) / 1000;
  const isResting = ['paused', 'closed', 'finished'].includes(condition.kind);
  setText(age, isResting ? condition.kind : ageText(seconds));
  setClass(age, 'warn', !condition.isCurrent);
}

/** The grade of the source that the price is from. */
function paintQuality({ symbol, price: quote, grade }, scores) {
  const score = scores.find((one) => one.symbol === symbol && one.source === quote?.source);
  paintGrade(grade, score?.grade ?? null);
  setAttribute(grade, 'title', score ? `Score ${number(score.score, 1)}` : 'Not scored');
}

/** Daily closes up to yesterday, adjusted: a split is no crash. Today's point is the live price. */
async function loadCloses(row) {
  try {
    const history = await market.history(row.symbol, { interval: '1d', limit: DAYS });
    row.closes = history.data.filter((bar) => bar.closed !== false);
    row.note = '';
  } catch (error) {
    row.note = error.code === 'unknown_symbol' ? 'unknown symbol' : '';
    row.closes = [];
  }
  drawRowLine(row);
  paintRow(row);
}

function drawRowLine(row) {
  // Once a day has ended, its own bar is among the closed ones.
  const days = row.closes.filter((bar) => bar.timestamp.slice(0, 10) !== row.price?.session);
  const closes = days.map((bar) => bar.adjusted_close ?? bar.close);
  const values = (row.price ? [...closes, row.price.price] : closes).slice(-DAYS);
  drawSparkline(row.line, values);
  // Its own colour: thirty days may fall while today rises.
  const sign = values.length > 1 ? Math.sign(values.at(-1) - values[0]) : 0;
  setAttribute(row.svg, 'class', `sparkline ${direction(sign)}`);
}

function create({ parentElement, data, setTriggerValue }) {
  const tasks = cleanup();
  const symbols = data.symbols;
  const note = h('span', { class: 'condition', role: 'status' });
  const open = (symbol) => setTriggerValue('open', symbol);
  const rows = new Map(symbols.map((symbol) => [symbol, makeRow(symbol, open)]));
  const head = h('tr', {}, h('th', { scope: 'col' }, 'Symbol'), h('th', { scope: 'col' }, 'Last'),
    h('th', { scope: 'col' }, 'Change'), h('th', { scope: 'col', class: 'l spark' }, '30 days'),
    h('th', { scope: 'col', class: 'volume' }, 'Volume'),
    h('th', { scope: 'col', class: 'l' }, 'Quality'), h('th', { scope: 'col', class: 'l source' }, 'Source'),
    h('th', { scope: 'col', class: 'traded' }, 'Session'), h('th', { scope: 'col', class: 'age' }, 'Age'));
  const table = h('table', { class: 'watchlist-table' }, h('caption', { class: 'sr' }, 'Watchlist'),
    h('thead', {}, head), h('tbody', {}, ...[...rows.values()].map((row) => row.node)));
  const empty = h('p', { class: 'empty' },
    'The watchlist is empty. Name symbols under dashboard.watchlist in config/agents.yaml.');
  const card = h('section', { class: 'card desk-watchlist', 'aria-label': 'Watchlist' },
    h('h3', {}, 'Watchlist ', note), symbols.length ? table : empty);
  parentElement.append(card);

  const loadAll = () => rows.forEach((row) => loadCloses(row));
  const paintAll = () => {
    const condition = market.condition();
    setText(note, condition.kind === 'live' ? '' : condition.text);
    setClass(note, 'warn', !condition.isCurrent);
    setClass(card, 'is-stale', !condition.isCurrent);
    rows.forEach((row) => paintAge(row, condition));
    setHidden(empty, symbols.length > 0);
  };
  tasks.add(market.subscribe(symbols, [], (message) => {
    const row = message.symbol ? rows.get(message.symbol) : null;
    if (row && message.price) {
      const isNewSession = row.session && row.session !== message.price.session;
      row.session = message.price.session;
      row.price = message.price;
      paintRow(row);
      drawRowLine(row);
      if (isNewSession) loadCloses(row);
    } else if (row && message.type === 'error') {
      row.note = message.error?.code ?? '';
    } else if (message.type === 'reset' || (message.type === 'state' && message.phase === 'open')) {
      loadAll();
    }
    if (message.type === 'state') paintAll();
  }));
  tasks.add(control.subscribe(paintAll));
  tasks.every(250, paintAll);
  for (const row of rows.values()) {
    row.price = market.prices.get(row.symbol) ?? null;
    paintRow(row);
  }
  let scores = [];
  new Poller(tasks, {
    path: symbols.length ? '/quality/report' : null, pause: GRADE_PAUSE,
    take: (answer) => { scores = answer.scores.filter(({ symbol }) => rows.has(symbol)); },
    paint: () => rows.forEach((row) => paintQuality(row, scores)),
  });
  if (market.socket.phase === 'open') loadAll();
  paintAll();
  return { destroy: tasks.destroy };
}

export default mounted(create);
