// The table of agents. State comes from the control socket; buttons post and then wait for the
// socket to tell the outcome.

import { control } from '/assets/js/hub.js';
import { words } from '/assets/js/api.js';
import { dataText, healthText, problem, statusCell } from '/assets/js/agent_words.js';
import {
  cleanup, h, mounted, onPress, setAttribute, setBlocked, setClass, setHidden, setText,
} from '/assets/js/dom.js';
import { bytes, countdown, duration, milliseconds, NONE, number, wallTime } from '/assets/js/format.js';

const COLUMNS = [
  ['Agent', 'name'], ['Status', 'l'], ['Health', 'l'], ['Data', 'l'], ['Managed', 'l wide-only'],
  ['Port', 'wide-only'], ['Pid', 'wide-only'], ['Up', ''], ['Restarts', ''], ['CPU', ''],
  ['Memory', ''], ['Probe', 'wide-only'], ['Checked', 'wide-only'], ['', 'acts'],
];
const BUSY = new Set(['starting', 'stopping']);

function makeButtons(row) {
  const button = (verb, label) => {
    const node = h('button', { class: 'btn', type: 'button', 'aria-label': `${label} ${row.name}` }, label);
    onPress(node, () => act(row, verb));
    return node;
  };
  return { start: button('start', 'Start'), restart: button('restart', 'Restart'), stop: button('stop', 'Stop') };
}

async function act(row, verb) {
  row.pending = verb;
  row.refusal = null;
  row.paint();
  try {
    const answer = await control.command(row.name, verb);
    if (answer && answer.ok === false && verb === 'stop') row.refusal = 'It could not be stopped. See its log.';
  } catch (error) {
    row.refusal = words(error);
  } finally {
    row.pending = null;
    row.paint();
  }
}

function makeRow(name) {
  const row = { name, pending: null, refusal: null };
  row.status = statusCell();
  row.cells = {};
  const cell = (key, kind = '', label = null) => {
    row.cells[key] = h('td', { class: kind, 'data-label': label }, NONE);
    return row.cells[key];
  };
  row.buttons = makeButtons(row);
  row.note = h('td', { class: 'l wrap note', colspan: COLUMNS.length - 1 });
  row.node = h('tr', { dataset: { agent: name } }, h('th', { scope: 'row', title: name }, name),
    h('td', { class: 'l' }, row.status.node), cell('health', 'l'), cell('data', 'l', 'Data'),
    cell('managed', 'l wide-only'), cell('port', 'wide-only'), cell('pid', 'wide-only'), cell('up', '', 'Up'),
    cell('restarts', '', 'Restarts'), cell('cpu', '', 'CPU'), cell('memory', '', 'Memory'), cell('probe', 'wide-only'), cell('checked', 'wide-only'),
    h('td', { class: 'acts' }, h('span', { class: 'actions' }, row.buttons.start, row.buttons.restart, row.buttons.stop)));
  row.noteNode = h('tr', { class: 'note-row', hidden: true }, h('td'), row.note);
  row.paint = () => {
    const agent = control.agent(name);
    if (agent) paintRow(row, agent);
  };
  return row;
}

function paintCells(cells, agent) {
  const isUp = agent.pid !== null;
  setText(cells.health, healthText(agent));
  setClass(cells.health, 'warn', agent.health === 'degraded' || agent.health === 'unhealthy');
  setText(cells.data, dataText(agent));
  setClass(cells.data, 'warn', agent.data_state === 'stale');
  setText(cells.managed, agent.enabled ? agent.management : NONE);
  setText(cells.port, agent.port ? String(agent.port) : NONE);
  setText(cells.pid, isUp ? String(agent.pid) : NONE);
  setText(cells.up, duration(control.uptime(agent)));
  setText(cells.restarts, String(agent.restarts));
  setText(cells.cpu, agent.cpu_percent === null ? NONE : `${number(agent.cpu_percent, 1)} %`);
  setText(cells.memory, bytes(agent.memory_bytes));
  setText(cells.probe, milliseconds(agent.probe_latency_seconds));
  setText(cells.checked, agent.last_health_check ? wallTime(agent.last_health_check) : NONE);
  for (const cell of Object.values(cells)) setClass(cell, 'none', cell.textContent === NONE);
}

function paintButtons(row, agent) {
  const { start, restart, stop } = row.buttons;
  const isOurs = agent.kind !== 'system' && agent.management !== 'external' && agent.enabled;
  const isDown = agent.status === 'stopped' || agent.status === 'error';
  const isBlocked = row.pending !== null || !control.isConnected;
  // A start that hangs must be stoppable.
  const isStopBlocked = row.pending === 'stop' || !control.isConnected;
  const focused = [start, restart, stop].find((button) => button === document.activeElement);
  setHidden(start, !isOurs || !(isDown || agent.status === 'backoff'));
  setHidden(restart, !isOurs || isDown || agent.status === 'backoff');
  setHidden(stop, !isOurs || isDown);
  setBlocked(start, isBlocked);
  setBlocked(restart, isBlocked || BUSY.has(agent.status));
  setBlocked(stop, isStopBlocked || agent.status === 'stopping');
  // The button just pressed gives way to its opposite: the keyboard stays in the row.
  if (focused?.hidden) [start, stop, restart].find((button) => !button.hidden)?.focus();
}

function noteText(row, agent) {
  if (row.refusal) return [row.refusal, 'bad'];
  if (row.pending) return [{ start: 'Starting', stop: 'Stopping', restart: 'Restarting' }[row.pending], 'k'];
  if (!agent.enabled) return ['disabled in config/agents.yaml', 'k'];
  const trouble = problem(agent);
  if (trouble) {
    const log = agent.log_path ? ` Full log: ${agent.log_path}` : '';
    const isBad = agent.status === 'error' || agent.status === 'backoff';
    return [`${trouble}${isBad && !trouble.includes(agent.log_path ?? '\0') ? log : ''}`, agent.status === 'error' ? 'bad' : 'warn'];
  }
  if (agent.waiting_for.length) return [`Waiting for ${agent.waiting_for.join(', ')}`, 'k'];
  if (agent.status === 'starting' && agent.started_at) {
    return [`Starting for ${countdown((Date.now() - Date.parse(agent.started_at)) / 1000)}`, 'k'];
  }
  if (agent.kind === 'system') return ['Part of the desk: this page. It stops with the desk.', 'k'];
  if (agent.management === 'external') return ['Started by someone else: watched, never stopped from here.', 'k'];
  if (agent.status === 'running' && agent.restarts && agent.last_exit) return [`Previous process ended with ${agent.last_exit}`, 'k'];
  return ['', ''];
}

function paintRow(row, agent) {
  row.status.paint(agent);
  paintCells(row.cells, agent);
  paintButtons(row, agent);
  setAttribute(row.node, 'class', agent.enabled ? '' : 'off');
  const [text, kind] = noteText(row, agent);
  setText(row.note, text);
  setAttribute(row.note, 'class', `l wrap note ${kind}`);
  setAttribute(row.note, 'role', kind === 'bad' ? 'alert' : null);
  setHidden(row.noteNode, !text);
}

function makeAllButtons(paintNote) {
  const startAll = h('button', { class: 'btn', type: 'button' }, 'Start all');
  const stopAll = h('button', { class: 'btn', type: 'button' }, 'Stop all');
  const confirm = h('button', { class: 'btn danger', type: 'button' }, 'Stop every agent');
  const cancel = h('button', { class: 'btn q', type: 'button' }, 'Keep running');
  const question = h('span', { class: 'confirm', role: 'alertdialog', 'aria-label': 'Stop all agents?', hidden: true },
    'Stop all agents? ', confirm, cancel);
  const ask = (isAsking) => {
    setHidden(question, !isAsking);
    setHidden(stopAll, isAsking);
    (isAsking ? cancel : stopAll).focus();
  };
  const run = async (verb, button) => {
    setBlocked(button, true);
    paintNote(verb === 'start-all' ? 'Starting all agents' : 'Stopping all agents', 'k');
    try {
      const { results } = await control.commandAll(verb);
      const failed = Object.entries(results).filter(([, isDone]) => !isDone).map(([name]) => name);
      paintNote(failed.length ? `Not done: ${failed.join(', ')}. See their rows.` : '', 'warn');
    } catch (error) {
      paintNote(words(error), 'bad');
    } finally {
      setBlocked(button, !control.isConnected);
    }
  };
  onPress(startAll, () => run('start-all', startAll));
  onPress(stopAll, () => ask(true));
  cancel.addEventListener('click', () => ask(false));
  question.addEventListener('keydown', (event) => event.key === 'Escape' && ask(false));
  confirm.addEventListener('click', () => {
    ask(false);
    run('stop-all', stopAll);
  });
  let wasLost = false;
  const paint = (isLost) => {
    if (isLost === wasLost) return;
    wasLost = isLost;
    [startAll, stopAll].forEach((button) => setBlocked(button, isLost));
  };
  return { nodes: [question, startAll, stopAll], paint };
}

function create({ parentElement }) {
  const tasks = cleanup();
  const rows = new Map();
  const note = h('p', { class: 'message', role: 'status', hidden: true });
  const paintNote = (text, kind) => {
    setText(note, text);
    setAttribute(note, 'class', `message ${kind}`);
    setHidden(note, !text);
  };
  const all = makeAllButtons(paintNote);
  const body = h('tbody');
  const head = h('tr', {}, ...COLUMNS.map(([text, kind]) => h('th', { scope: 'col', class: kind }, text)));
  const empty = h('p', { class: 'empty' });
  const table = h('table', { class: 'agents-table' }, h('caption', { class: 'sr' }, 'Agents'), h('thead', {}, head), body);
  const card = h('section', { class: 'card desk-agents', 'aria-label': 'Agents' },
    h('h3', {}, h('span', {}, 'Agents'), h('span', { class: 'actions' }, ...all.nodes)), note,
    h('div', { class: 'scroll-x' }, table), empty);
  parentElement.append(card);

  const paint = () => {
    const agents = [...control.agents.values()].sort((a, b) => (a.kind === 'system') - (b.kind === 'system'));
    for (const agent of agents) {
      if (!rows.has(agent.name)) {
        const row = makeRow(agent.name);
        rows.set(agent.name, row);
        body.append(row.node, row.noteNode);
      }
      paintRow(rows.get(agent.name), agent);
    }
    for (const [name, row] of rows) {
      if (control.agent(name)) continue;
      row.node.remove();
      row.noteNode.remove();
      rows.delete(name);
    }
    const trouble = control.trouble();
    all.paint(Boolean(trouble));
    setClass(card, 'is-stale', Boolean(trouble));
    setHidden(table, rows.size === 0);
    setHidden(empty, rows.size > 0);
    setText(empty, trouble?.text ?? 'No agent is configured. Add one in config/agents.yaml.');
  };
  tasks.add(control.subscribe(paint));
  tasks.every(1000, paint);
  paint();
  return { destroy: tasks.destroy };
}

export default mounted(create);
