// What steers a replay: pause, speed, jump to a day. Acts on the agent's clock; the strip's popover and
// the Data view show it.

import { market } from './hub.js';
import { post, words } from './api.js';
import { h, onPress, setAttribute, setBlocked, setClass, setHidden, setText } from './dom.js';
import { number, zoneOffset } from './format.js';

const FASTEST = 1_000_000;
/** The last one: as fast as possible, which only a recording can be played. */
const SPEEDS = [0.1, 1, 10, 60, 300, 1000, FASTEST];
const DEMO_MAX_SPEED = 1000;
const CLOCK_PATH = '/api/agents/market_data/clock';
const OPENING = '09:30:00';
const NOTE = 'Daily bars are real. Ticks within a day are simulated.';
const RECORDING_NOTE = 'A recording is lived through again: nothing later than its clock is known.';
const STEPS = 1000;

export function speedWords(speed) {
  return speed === FASTEST ? 'max' : `${number(speed, speed < 1 ? 1 : 0)}×`;
}

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
  }, speedWords(speed)));
  const date = h('input', { type: 'date', class: 'input', 'aria-label': 'Jump to date' });
  const jump = h('button', { class: 'btn', type: 'submit' }, 'Jump');
  const form = h('form', { class: 'row' }, date, jump);
  const place = h('input', { type: 'range', class: 'place', min: '0', max: String(STEPS), 'aria-label': 'Place in the recording' });
  const label = h('label', { class: 'k' }, 'Jump to the opening of');
  const note = h('p', { class: 'k note' });

  let isHeld = false;
  const paint = () => {
    const { clock } = market;
    if (!clock) return;
    setText(pause, clock.paused ? 'Resume' : 'Pause');
    setBlocked(pause, clock.finished);
    const max = clock.max_speed ?? DEMO_MAX_SPEED;
    const isRecording = Boolean(clock.recording);
    setText(note, clock.finished ? 'The replay has reached its end. Jump back to go on.' : isRecording ? RECORDING_NOTE : NOTE);
    setHidden(form, isRecording);
    setHidden(place, !isRecording);
    if (isRecording) {
      const [start, end, now] = [clock.start, clock.end, clock.now].map(Date.parse);
      if (!isHeld) place.value = String(Math.round(((now - start) / Math.max(end - start, 1)) * STEPS));
      setText(label, `Place: ${clock.start.slice(0, 16).replace('T', ' ')} to ${clock.end.slice(0, 16).replace('T', ' ')} UTC`);
    }
    for (const item of speeds) {
      setHidden(item, Number(item.dataset.speed) > max);
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
  place.addEventListener('input', () => { isHeld = true; });
  place.addEventListener('change', async () => {
    const [start, end] = [market.clock.start, market.clock.end].map(Date.parse);
    await act({ now: new Date(start + ((end - start) * Number(place.value)) / STEPS).toISOString() }, place);
    isHeld = false;
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (date.value) act({ now: opening(date.value, market.timeZone) }, jump);
  });
  const parts = [
    h('div', { class: 'row spread' }, h('b', {}, 'Replay'), pause),
    h('div', { class: 'seg', role: 'group', 'aria-label': 'Speed' }, ...speeds),
    label, form, place, note, message,
  ];
  const begin = () => {
    date.value = '';
    paint();
  };
  return { parts, pause, paint, begin };
}
