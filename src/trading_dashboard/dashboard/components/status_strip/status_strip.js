// The status strip.

import { control, market, risk, setTheme } from '/assets/js/hub.js';
import { isUp } from '/assets/js/agent_words.js';
import { cleanup, h, mounted, setAttribute, setClass, setHidden, setText } from '/assets/js/dom.js';
import { age as ageText, countdown, zoneName, zonedParts } from '/assets/js/format.js';
import { gatePill } from './gate_pill.js';
import { replayControls } from './replay_controls.js';
import { speedWords } from '/assets/js/replay_form.js';

let wasSignedOut = false;

function session(clock, now) {
  const name = clock.calendar;
  if (clock.finished) return [name, 'closed, replay finished'];
  if (clock.market === 'open') {
    const left = clock.next_close ? (Date.parse(clock.next_close) - now) / 1000 : null;
    return [name, left === null ? 'open' : `open, closes in ${countdown(left)}`];
  }
  if (!clock.next_open) return [name, 'closed'];
  const { weekday, time } = zonedParts(Date.parse(clock.next_open), clock.time_zone);
  return [name, `closed, opens ${weekday} ${time.slice(0, 5)} ${zoneName(clock.time_zone)}`];
}

function clockText(clock, now) {
  const { weekday, date, time } = zonedParts(now, clock.time_zone);
  return `${weekday} ${date} ${time} ${zoneName(clock.time_zone)}`;
}

function build() {
  const parts = {
    clock: h('span', { class: 'clock-text' }),
    session: h('span', { class: 'value' }),
    calendar: h('span', { class: 'k' }, 'Market'),
    data: h('span', { class: 'value' }),
    agents: h('span', { class: 'value' }),
    trouble: h('div', { class: 'desk-banner', role: 'alert', hidden: true }),
  };
  parts.gate = gatePill();
  parts.replay = h('button', {
    class: 'pill replay', type: 'button', hidden: true,
    'aria-haspopup': 'dialog', 'aria-expanded': 'false', title: 'Replay controls',
  }, parts.clock);
  parts.sessionItem = h('span', { class: 'item session' }, parts.calendar, ' ', parts.session);
  parts.dataItem = h('span', { class: 'item data' }, h('span', { class: 'k' }, 'Data'), ' ', parts.data);
  parts.agentsItem = h('span', { class: 'item agents' }, h('span', { class: 'k' }, 'Agents'), ' ', parts.agents);
  parts.theme = h('button', { class: 'btn q theme', type: 'button' });
  parts.link = h('span', { class: 'item link', role: 'status' });
  parts.bar = h('header', { class: 'desk-strip', 'aria-label': 'Desk status' },
    h('span', { class: 'brand' }, 'Trading Dashboard'), parts.gate.pill, parts.replay,
    parts.sessionItem, parts.dataItem, parts.agentsItem, parts.link, parts.theme, parts.gate.kill, parts.gate.said);
  return parts;
}

/** What is played, and whether its ticks are real. */
function kindWords({ recording, speed }, state) {
  const pace = `${speedWords(speed)}${state}`;
  return recording ? `RECORDING ${recording} ${pace}` : `REPLAY ${pace} · SIMULATED ticks`;
}

function paintClock(parts) {
  const { clock } = market;
  setHidden(parts.replay, !clock);
  if (!clock) {
    setText(parts.session, '–');
    return;
  }
  const now = market.now();
  const state = clock.finished ? ' finished' : clock.paused ? ' paused' : '';
  const label = clock.replay ? `${kindWords(clock, state)} · ` : '';
  setText(parts.clock, `${label}${clockText(clock, now)}`);
  const isCurrent = market.condition().isCurrent;
  setClass(parts.replay, 'is-stale', !isCurrent);
  setClass(parts.replay, 'live-clock', !clock.replay);
  const [calendar, text] = session(clock, now);
  setText(parts.calendar, calendar);
  setText(parts.session, isCurrent ? text : 'not known now');
}

function dataAge() {
  let newest = 0;
  for (const price of market.prices.values()) newest = Math.max(newest, price.receivedAt);
  return newest ? (performance.now() - newest) / 1000 : null;
}

function paintData(parts) {
  const condition = market.condition();
  const source = [...market.prices.values()][0]?.source ?? control.agent('market_data')?.data_source;
  let text = condition.short ?? condition.text;
  if (condition.kind === 'live') {
    const age = dataAge() ?? market.silence();
    text = `${source ?? 'live'}, ${ageText(age)}`;
  } else if (condition.isCurrent) text = `${source ?? ''}, ${text.toLowerCase()}`.replace(/^, /, '');
  setText(parts.data, text);
  setClass(parts.dataItem, 'warn', !condition.isCurrent);
}

function paintAgents(parts) {
  const enabled = control.tradingAgents().filter((agent) => agent.enabled);
  const up = enabled.filter(isUp);
  const isKnown = control.hasSnapshot && control.isConnected;
  setText(parts.agents, isKnown ? `${up.length}/${enabled.length}` : '?');
  setClass(parts.agentsItem, 'warn', !isKnown || up.length < enabled.length);
  const trouble = control.trouble();
  // Logged in again in another tab: Streamlit has given up by then, so begin anew.
  if (wasSignedOut && !trouble) location.reload();
  wasSignedOut = trouble ? wasSignedOut || trouble.kind === 'signed_out' : false;
  setHidden(parts.trouble, !trouble || trouble.kind === 'connecting');
  if (trouble && trouble.kind !== 'connecting') {
    const retry = trouble.kind === 'signed_out' ? '' : ` Retrying in ${countdown(control.retrySeconds())}.`;
    setText(parts.trouble, `${trouble.text}.${retry}`.replace('..', '.'));
  }
  setText(parts.link, trouble ? 'disconnected' : '');
  setClass(parts.link, 'warn', Boolean(trouble));
}

function paintTheme(parts) {
  const isLight = document.documentElement.dataset.theme === 'light';
  setText(parts.theme, isLight ? 'Dark' : 'Light');
  setAttribute(parts.theme, 'aria-label', `Switch to the ${isLight ? 'dark' : 'light'} theme`);
}

function create({ parentElement }) {
  const tasks = cleanup();
  const parts = build();
  const popover = replayControls(parts.replay);
  parentElement.append(parts.bar, parts.trouble, popover.node);
  let mounts = Number(document.documentElement.dataset.stripMounts ?? 0);
  document.documentElement.dataset.stripMounts = String((mounts += 1));

  const paint = () => {
    paintClock(parts);
    paintData(parts);
    paintAgents(parts);
    parts.gate.paint();
  };
  tasks.add(control.subscribe(paint));
  tasks.add(market.subscribe([], [], (message) => {
    if (message.type === 'clock') paintClock(parts);
    else if (message.type !== 'bar') paint();
    popover.paint();
  }));
  tasks.add(risk.subscribe(({ type }) => (type === 'account' || type === 'limits' ? null : parts.gate.paint())));
  tasks.every(250, paint);
  // A tab that slept shows what it knew then, until it is painted.
  tasks.on(document, 'visibilitychange', paint);
  parts.theme.addEventListener('click', () => {
    setTheme(document.documentElement.dataset.theme === 'light' ? 'dark' : 'light');
    paintTheme(parts);
  });
  tasks.add(popover.destroy);
  paintTheme(parts);
  paint();
  return {
    update: ({ data }) => setAttribute(parts.bar, 'data-run', data?.run),
    destroy: tasks.destroy,
  };
}

export default mounted(create);
