// What steers a replay: pause, speed, jump to a day. Acts on the agent's clock; the strip's popover and
// the Data view show it.

import { market } from './hub.js';
import { post, words } from './api.js';
import { h, onPress, setAttribute, setBlocked, setClass, setHidden, setText } from './dom.js';
import { zoneOffset } from './format.js';

const SPEEDS = [1, 10, 60, 300, 1000];
const CLOCK_PATH = '/api/agents/market_data/clock';
const OPENING = '09:30:00';
const NOTE = 'Daily bars are real. Ticks within a day are simulated.';

/** The instant of the opening bell on a date: the zone's offset differs over the year. */
function opening(date, timeZone) {
  const guess = Date.parse(`${date}T${OPENING}Z`);
  return new Date(guess - zoneOffset(guess, timeZone) * 1000).toISOString();
}

/** Returns {parts, pause, paint, begin}: `begin` starts with the date of the clock. */
export function replayForm() {
  const message = h('p', { class: 'message bad', role: 'status', hidden: true });
  const pause = h('button', { class: 'btn wide', type: 'button' }, 'Pause');
  const speeds = SPEEDS.map((speed) => h('button', {
    type: 'button', class: 'seg-button', 'aria-pressed': 'false', dataset: { speed },
  }, `${speed}×`));
  const date = h('input', { type: 'date', class: 'input', 'aria-label': 'Jump to date' });
  const jump = h('button', { class: 'btn', type: 'submit' }, 'Jump');
  const form = h('form', { class: 'row' }, date, jump);
  const note = h('p', { class: 'k note' });

  const paint = () => {
    const { clock } = market;
    if (!clock) return;
    setText(pause, clock.paused ? 'Resume' : 'Pause');
    setBlocked(pause, clock.finished);
    setText(note, clock.finished ? 'The replay has reached its end. Jump to an earlier day to go on.' : NOTE);
    for (const item of speeds) {
      const isOn = Number(item.dataset.speed) === clock.speed;
      setClass(item, 'on', isOn);
      setAttribute(item, 'aria-pressed', String(isOn));
    }
    if (clock.start) setAttribute(date, 'min', clock.start.slice(0, 10));
    if (clock.end) setAttribute(date, 'max', clock.end.slice(0, 10));
    if (!date.value && document.activeElement !== date) date.value = clock.session ?? clock.now.slice(0, 10);
  };
  const act = async (content, busyButton) => {
    setHidden(message, true);
    setBlocked(busyButton, true);
    try {
      await post(CLOCK_PATH, content);
    } catch (error) {
      setText(message, words(error));
      setHidden(message, false);
    } finally {
      setBlocked(busyButton, false);
      paint();
    }
  };
  onPress(pause, () => act({ paused: !market.clock?.paused }, pause));
  for (const item of speeds) onPress(item, () => act({ speed: Number(item.dataset.speed) }, item));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (date.value) act({ now: opening(date.value, market.timeZone) }, jump);
  });
  const parts = [
    h('div', { class: 'row spread' }, h('b', {}, 'Replay'), pause),
    h('div', { class: 'seg', role: 'group', 'aria-label': 'Speed' }, ...speeds),
    h('label', { class: 'k' }, 'Jump to the opening of'), form, note, message,
  ];
  const begin = () => {
    date.value = '';
    paint();
  };
  return { parts, pause, paint, begin };
}
