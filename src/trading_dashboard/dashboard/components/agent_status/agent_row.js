// One agent's row of the table, and the line below it that says what is going on.

import { actions, DOING, whyNot, whyUntouchable } from '/assets/js/agent_actions.js';
import { perform } from '/assets/js/agent_verbs.js';
import {
  dataText, healthText, isDataUnheard, isMemoryHigh, isResting, maintenanceText, memoryText, problem, statusCell, wavering,
} from '/assets/js/agent_words.js';
import { h, onPress, setAttribute, setBlocked, setClass, setHidden, setText } from '/assets/js/dom.js';
import { countdown, duration, milliseconds, NONE, number, wallTime } from '/assets/js/format.js';
import { control } from '/assets/js/hub.js';
import { selection } from '/assets/js/selection.js';

export const COLUMNS = [
  ['Agent', 'name'], ['Status', 'l'], ['Health', 'l'], ['Data', 'l'], ['Managed', 'l wide-only'],
  ['Port', 'wide-only'], ['Pid', 'roomy'], ['Up', ''], ['Restarts', ''], ['CPU', 'roomy'],
  ['Memory', ''], ['Probe', 'wide-only'], ['Checked', 'wide-only'], ['', 'acts'],
];
const CELLS = [
  ['health', 'l', null], ['data', 'l', 'Data'], ['managed', 'l wide-only', null], ['port', 'wide-only', null],
  ['pid', 'roomy', 'Pid'], ['up', '', 'Up'], ['restarts', '', 'Restarts'], ['cpu', 'roomy', 'CPU'],
  ['memory', '', 'Memory'], ['probe', 'wide-only', null], ['checked', 'wide-only', null],
];
const VERBS = [['start', 'Start'], ['restart', 'Restart'], ['stop', 'Stop']];

export class AgentRow {
  constructor(name) {
    this.name = name;
    this.status = statusCell();
    this.cells = {};
    for (const [key, kind, label] of CELLS) this.cells[key] = h('td', { class: kind, 'data-label': label }, NONE);
    this.opener = h('button', {
      class: 'name', type: 'button', title: name, 'aria-expanded': 'false', 'aria-controls': 'desk-agent-detail',
    }, name);
    this.badge = h('span', { class: 'tag', hidden: true }, 'maintenance');
    this.buttons = {};
    for (const [verb, label] of VERBS) this.#addButton(verb, label);
    this.note = h('td', { class: 'l wrap note', colspan: COLUMNS.length - 1 });
    this.node = h('tr', { dataset: { agent: name } }, h('th', { scope: 'row' }, this.opener),
      h('td', { class: 'l' }, this.status.node, this.badge), ...Object.values(this.cells),
      h('td', { class: 'acts' }, h('span', { class: 'actions' }, ...Object.values(this.buttons))));
    this.noteNode = h('tr', { class: 'note-row', hidden: true }, h('td'), this.note);
    const toggle = () => selection.choose(selection.name === name ? null : name);
    onPress(this.opener, toggle);
    this.node.addEventListener('click', (event) => {
      if (!event.target.closest('button') && !String(getSelection())) toggle();
    });
  }

  get nodes() {
    return [this.node, this.noteNode];
  }

  remove() {
    for (const node of this.nodes) node.remove();
  }

  show(isShown) {
    setHidden(this.node, !isShown);
    if (!isShown) setHidden(this.noteNode, true);
  }

  paint() {
    const agent = control.agent(this.name);
    if (!agent || this.node.hidden) return;
    this.status.paint(agent);
    setHidden(this.badge, !agent.maintenance);
    this.#paintCells(agent);
    this.#paintButtons(agent);
    this.#paintNote(agent);
    const isChosen = selection.name === this.name;
    setAttribute(this.node, 'class', [agent.enabled ? '' : 'off', isChosen ? 'chosen' : ''].join(' ').trim() || null);
    setAttribute(this.opener, 'aria-expanded', String(isChosen));
  }

  #addButton(verb, label) {
    const node = h('button', { class: 'btn', type: 'button', 'aria-label': `${label} ${this.name}` }, label);
    onPress(node, () => perform(this.name, verb));
    this.buttons[verb] = node;
  }

  #paintCells(agent) {
    const { cells } = this;
    setText(cells.health, healthText(agent));
    setClass(cells.health, 'warn', agent.health === 'degraded' || agent.health === 'unhealthy');
    setText(cells.data, dataText(agent));
    setClass(cells.data, 'warn', agent.data_state === 'stale' || isDataUnheard(agent));
    setText(cells.managed, agent.enabled ? agent.management : NONE);
    setText(cells.port, agent.port ? String(agent.port) : NONE);
    setText(cells.pid, agent.pid === null ? NONE : String(agent.pid));
    setText(cells.up, duration(control.uptime(agent)));
    setText(cells.restarts, String(agent.restarts));
    setText(cells.cpu, agent.cpu_percent === null ? NONE : `${number(agent.cpu_percent, 1)} %`);
    setText(cells.memory, memoryText(agent));
    setClass(cells.memory, 'warn', isMemoryHigh(agent));
    setText(cells.probe, milliseconds(agent.probe_latency_seconds));
    setText(cells.checked, agent.last_health_check ? wallTime(agent.last_health_check) : NONE);
    for (const cell of Object.values(cells)) setClass(cell, 'none', cell.textContent === NONE);
  }

  #paintButtons(agent) {
    const { start, restart, stop } = this.buttons;
    const isOurs = whyUntouchable(agent) === null;
    const isDown = agent.status === 'stopped' || agent.status === 'error';
    const focused = Object.values(this.buttons).find((button) => button === document.activeElement);
    setHidden(start, !isOurs || !(isDown || agent.status === 'backoff'));
    setHidden(restart, !isOurs || isDown || agent.status === 'backoff');
    setHidden(stop, !isOurs || isDown);
    for (const [verb, button] of Object.entries(this.buttons)) setBlocked(button, whyNot(agent, verb) !== null);
    // The button just pressed gives way to its opposite: the keyboard stays in the row.
    if (focused?.hidden) [start, stop, restart].find((button) => !button.hidden)?.focus();
  }

  #paintNote(agent) {
    const [text, kind] = noteText(agent);
    setText(this.note, text);
    setAttribute(this.note, 'class', `l wrap note ${kind}`);
    setAttribute(this.note, 'role', kind === 'bad' ? 'alert' : null);
    setHidden(this.noteNode, !text);
  }
}

function noteText(agent) {
  const refusal = actions.refusal(agent.name);
  if (refusal) return [refusal, 'bad'];
  const pending = actions.underWay(agent.name);
  if (pending) return [`${DOING[pending.verb]} for ${countdown((performance.now() - pending.since) / 1000)}`, 'k'];
  if (!agent.enabled) return ['disabled in config/agents.yaml', 'k'];
  return troubleText(agent) ?? calmText(agent);
}

function troubleText(agent) {
  const trouble = problem(agent);
  if (!trouble && agent.held_restart) return [`Restart held: ${agent.held_restart}`, 'warn'];
  const failing = wavering(agent);
  if (failing) return [sentence(failing), 'warn'];
  if (!trouble) return null;
  const isDown = agent.status === 'error' || agent.status === 'backoff';
  const log = isDown && agent.log_path && !trouble.includes(agent.log_path) ? ` Full log: ${agent.log_path}` : '';
  return [`${log ? ended(trouble) : trouble}${log}`, agent.status === 'error' ? 'bad' : 'warn'];
}

/** What is worth knowing though nothing is wrong. */
function calmText(agent) {
  if (agent.maintenance) return [maintenanceText(agent.maintenance), 'k'];
  if (agent.waiting_for.length) return [`Waiting for ${agent.waiting_for.map(awaited).join(', ')}`, 'k'];
  if (agent.status === 'starting' && agent.started_at) {
    return [`Starting for ${countdown((Date.now() - Date.parse(agent.started_at)) / 1000)}`, 'k'];
  }
  if (isResting(agent)) return [sentence(agent.schedule.text), 'k'];
  if (agent.schedule?.overridden_until) return [`Against its schedule: ${agent.schedule.text}`, 'k'];
  if (agent.kind === 'system') return ['Part of the desk: this page. It stops with the desk.', 'k'];
  if (agent.management === 'external') return ['Started by someone else: watched, never stopped from here.', 'k'];
  if (agent.status === 'running' && agent.restarts && agent.last_exit) {
    return [`Previous process ended with ${agent.last_exit}`, 'k'];
  }
  if (agent.status === 'stopped' && agent.last_exit) return [`Its process ended with ${agent.last_exit}`, 'k'];
  return ['', ''];
}

/** "feed, idle until Mon 14:15 UTC" where that is why. */
function awaited(name) {
  const other = control.agent(name);
  return other && isResting(other) ? `${name}, ${other.schedule.text}` : name;
}

function ended(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
