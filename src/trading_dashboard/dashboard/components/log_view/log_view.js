// The live log. A bounded list in memory, a bounded part of it on the page, drawn once per frame.

import { control } from '/assets/js/hub.js';
import { cleanup, h, mounted, setAttribute, setClass, setHidden, setText } from '/assets/js/dom.js';
import { logTime } from '/assets/js/format.js';

const KEPT = 3000;
const SHOWN = 500;
const BACKLOG = 300;
const LEVELS = ['debug', 'info', 'warning', 'error'];
const CLASSES = { warning: 'w', error: 'e', debug: 'd' };

/** Who logged a line, as its agent names it, and what it says. */
function readable(line) {
  return line.logger ? `${line.logger.split('.').at(-1)}: ${line.text}` : line.text;
}

function lineNode(line) {
  const level = LEVELS.includes(line.level) ? line.level : 'info';
  return h('div', { class: `line ${CLASSES[level] ?? ''}` },
    h('span', { class: 'time' }, logTime(line.time)), h('span', { class: 'who' }, line.agent),
    h('span', { class: 'level' }, level === 'warning' ? 'warn' : level), h('span', { class: 'text' }, readable(line)));
}

function controls() {
  const agent = h('select', { class: 'input', 'aria-label': 'Agent' }, h('option', { value: '' }, 'all agents'));
  const level = h('select', { class: 'input', 'aria-label': 'Lowest level' },
    ...LEVELS.map((name) => h('option', { value: name, selected: name === 'info' }, name)));
  const search = h('input', { class: 'input search', type: 'search', placeholder: 'search', 'aria-label': 'Search the log' });
  const follow = h('button', { class: 'btn', type: 'button', 'aria-pressed': 'true' }, 'Following');
  return { agent, level, search, follow };
}

function create({ parentElement }) {
  const tasks = cleanup();
  const parts = controls();
  const list = h('div', { class: 'log', role: 'log', 'aria-live': 'off', tabindex: '0', 'aria-label': 'Log lines' });
  const empty = h('p', { class: 'empty' });
  const card = h('section', { class: 'card desk-log', 'aria-label': 'Log' },
    h('h3', {}, h('span', {}, 'Log'), h('span', { class: 'actions' }, parts.agent, parts.level, parts.search, parts.follow)),
    list, empty);
  parentElement.append(card);
  let lines = [];
  let fresh = [];
  let isFollowing = true;
  let endLogs = null;
  let frame = null;
  const newest = new Map();

  const isShown = (line) => {
    const isLoud = LEVELS.indexOf(line.level) >= LEVELS.indexOf(parts.level.value) || !LEVELS.includes(line.level);
    const words = parts.search.value.toLowerCase();
    return isLoud && (!words || `${line.agent} ${readable(line)}`.toLowerCase().includes(words));
  };
  const paintEmpty = () => {
    setHidden(empty, list.childElementCount > 0);
    const why = lines.length ? 'No line matches the filter.' : 'No lines yet.';
    setText(empty, control.trouble()?.text ?? why);
  };
  const toEnd = () => {
    if (isFollowing) list.scrollTop = list.scrollHeight;
  };
  const repaint = () => {
    fresh = [];
    list.replaceChildren(...lines.filter(isShown).slice(-SHOWN).map(lineNode));
    paintEmpty();
    toEnd();
  };
  const append = () => {
    frame = null;
    if (!isFollowing) {
      setText(parts.follow, fresh.length ? `Follow (${fresh.length} new)` : 'Follow');
      return;
    }
    list.append(...fresh.filter(isShown).slice(-SHOWN).map(lineNode));
    fresh = [];
    while (list.childElementCount > SHOWN) list.firstElementChild.remove();
    paintEmpty();
    toEnd();
  };
  const take = (line) => {
    // The backlog comes again after a reconnect; a run that restarted counts from anew.
    const last = newest.get(line.agent);
    if (last && line.seq <= last.seq && line.time <= last.time) return;
    newest.set(line.agent, line);
    lines.push(line);
    fresh.push(line);
    if (lines.length > KEPT) lines = lines.slice(-KEPT + 500);
    if (fresh.length > KEPT) fresh = fresh.slice(-KEPT);
    frame ??= requestAnimationFrame(append);
  };
  const follow = (isOn) => {
    isFollowing = isOn;
    setText(parts.follow, isOn ? 'Following' : 'Follow');
    setAttribute(parts.follow, 'aria-pressed', String(isOn));
    if (isOn) repaint();
  };
  const resubscribe = () => {
    endLogs?.();
    lines = [];
    newest.clear();
    const name = parts.agent.value;
    endLogs = control.subscribeLogs(name ? [name] : [], BACKLOG, take);
    repaint();
  };
  const paintAgents = () => {
    const known = new Set([...parts.agent.options].map((option) => option.value));
    for (const name of control.agents.keys()) {
      if (!known.has(name)) parts.agent.append(h('option', { value: name }, name));
    }
    setClass(card, 'is-stale', Boolean(control.trouble()));
    if (list.childElementCount === 0) paintEmpty();
  };

  parts.agent.addEventListener('change', resubscribe);
  parts.level.addEventListener('change', repaint);
  parts.search.addEventListener('input', repaint);
  parts.follow.addEventListener('click', () => follow(!isFollowing));
  list.addEventListener('scroll', () => {
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 24;
    if (!isAtEnd && isFollowing && list.matches(':hover, :focus-within, :focus')) follow(false);
  });
  tasks.add(control.subscribe(paintAgents));
  tasks.add(() => endLogs?.());
  tasks.add(() => frame && cancelAnimationFrame(frame));
  resubscribe();
  paintAgents();
  return { destroy: tasks.destroy };
}

export default mounted(create);
