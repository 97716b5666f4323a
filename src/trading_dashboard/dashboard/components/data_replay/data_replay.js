// The market clock, and what steers it when it is a replay's.

import { market } from '/assets/js/hub.js';
import { cleanup, h, mounted, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { NONE, number, zoneName, zonedParts } from '/assets/js/format.js';
import { Poller } from '/assets/js/poller.js';
import { replayForm, speedWords } from '/assets/js/replay_form.js';

const PAUSE = 5000;
const ROWS = [
  ['mode', 'Mode'], ['now', 'Market time'], ['market', 'Market'], ['session', 'Session'], ['next', 'Next'], ['span', 'Data'],
];

function local(timestamp, timeZone) {
  const { weekday, date, time } = zonedParts(Date.parse(timestamp), timeZone);
  return `${weekday} ${date} ${time}`;
}

function modeWords({ replay, recording, speed, paused, finished, intraday }) {
  if (!replay) return 'live';
  const state = finished ? ', finished' : paused ? ', paused' : '';
  return `${recording ? `recording ${recording}` : 'replay'} at ${speedWords(speed)}${state}${intraday === 'simulated' ? ', ticks simulated' : ''}`;
}

function nextWords(clock) {
  if (clock.market === 'open' && clock.next_close) return `closes ${local(clock.next_close, clock.time_zone).slice(0, -3)}`;
  if (clock.next_open) return `opens ${local(clock.next_open, clock.time_zone).slice(0, -3)}`;
  return NONE;
}

function spanWords({ start, end }) {
  return start && end ? `${start.slice(0, 10)} to ${end.slice(0, 10)}` : NONE;
}

function create({ parentElement }) {
  const tasks = cleanup();
  const form = replayForm();
  const cells = {};
  const rows = ROWS.map(([key, label]) => {
    cells[key] = h('td', { class: key }, NONE);
    return h('tr', {}, h('th', { scope: 'row', class: 'k' }, label), cells[key]);
  });
  const table = h('table', {}, h('caption', { class: 'sr' }, 'Market clock'), h('tbody', {}, ...rows));
  const controls = h('div', { class: 'replay-form', hidden: true }, ...form.parts);
  const age = h('span', { class: 'quiet age' });
  const note = h('p', { class: 'empty note', role: 'status' });
  const card = h('section', { class: 'card desk-data desk-data-replay', 'aria-label': 'Market clock' },
    h('h3', {}, h('span', { class: 'title' }, 'Market clock'), age), table, controls, note);
  parentElement.append(card);
  let asked = null;

  const paint = () => {
    // The stream tells the time more often than it is asked for, and is the same clock.
    const clock = asked && { ...asked, ...(market.condition().isCurrent ? market.clock : null) };
    const isOld = Boolean(asked) && !poller.isCurrent;
    setHidden(table, !clock);
    setHidden(controls, !clock?.replay);
    setText(age, poller.ageText);
    setAttribute(age, 'class', `quiet age ${isOld ? 'warn' : ''}`);
    setAttribute(card, 'class', `card desk-data desk-data-replay ${isOld ? 'is-stale' : ''}`);
    const text = poller.trouble ? `${market.condition().isCurrent ? poller.trouble : `${market.condition().text}.`} Asked again by itself.` : clock ? '' : 'Reading the clock';
    setText(note, text);
    setHidden(note, !text);
    setAttribute(note, 'class', `empty note ${poller.trouble ? 'warn' : ''}`);
    if (!clock) return;
    const zone = zoneName(clock.time_zone);
    setText(cells.mode, modeWords(clock));
    setText(cells.now, `${local(clock.now, clock.time_zone)} ${zone}`);
    setText(cells.market, `${clock.calendar} ${clock.market}`);
    setText(cells.session, clock.session ?? NONE);
    setText(cells.next, nextWords(clock));
    setText(cells.span, spanWords(clock));
    form.paint();
  };
  const poller = new Poller(tasks, { path: '/clock', pause: PAUSE, take: (clock) => { asked = clock; }, paint: () => paint() });
  tasks.add(market.subscribe([], [], ({ type }) => (type === 'clock' || type === 'state') && paint()));
  paint();
  return { destroy: tasks.destroy };
}

export default mounted(create);
