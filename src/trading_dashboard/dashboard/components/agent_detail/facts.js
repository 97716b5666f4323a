// Everything known about one agent, in groups of name and value.

import { dependents } from '/assets/js/agent_actions.js';
import { dataText, healthText, memoryText, retrySeconds } from '/assets/js/agent_words.js';
import { arrange, h, setClass, setHidden, setText } from '/assets/js/dom.js';
import { countdown, dayTime, duration, milliseconds, NONE, number, wallTime } from '/assets/js/format.js';
import { control } from '/assets/js/hub.js';

function moment(text) {
  return text ? wallTime(text) : NONE;
}

function list(names) {
  return names.length ? names.join(', ') : NONE;
}

function restarts(agent) {
  return agent.last_exit ? `${agent.restarts}, last end: ${agent.last_exit}` : String(agent.restarts);
}

function schedule({ schedule: hours }) {
  if (!hours) return null;
  const next = hours.is_open ? hours.next_stop_at : hours.next_start_at;
  const boundary = next ? `, ${hours.is_open ? 'stops' : 'starts'} ${dayTime(next)} here` : '';
  const override = hours.overridden_until ? `, overridden until ${dayTime(hours.overridden_until)}` : '';
  return `${hours.text}${boundary}${override}`;
}

function command({ start_command: words }) {
  return words.length ? words.map((word) => (/^[\w@%+=:,./{}*-]+$/.test(word) ? word : `'${word}'`)).join(' ') : NONE;
}

/** [name, value of an agent (null: not shown), whether it is code]. */
const GROUPS = [
  ['Process', [
    ['Pid', (agent) => (agent.pid === null ? NONE : String(agent.pid))],
    ['Up', (agent) => duration(control.uptime(agent))],
    ['Started', (agent) => (agent.pid === null ? NONE : moment(agent.started_at))],
    ['Generation', (agent) => `${agent.generation} ${agent.generation === 1 ? 'process' : 'processes'} in this run`],
    ['Restarts', restarts],
    ['Next retry', (agent) => (agent.next_retry_at ? `in ${countdown(retrySeconds(agent))}` : null)],
    ['Held', (agent) => agent.held_restart ?? null],
    ['CPU', (agent) => (agent.cpu_percent === null ? NONE : `${number(agent.cpu_percent, 1)} % of a core`)],
    ['Memory', memoryText],
  ]],
  ['Service', [
    ['Health', (agent) => [healthText(agent), agent.health_message].filter(Boolean).join(': ')],
    ['Data', (agent) => [dataText(agent), agent.data_source, agent.data_message].filter(Boolean).join(', ')],
    ['Newest datum', (agent) => (agent.data_newest_at ? moment(agent.data_newest_at) : null)],
    ['Checked', (agent) => moment(agent.last_health_check)],
    ['Probe', (agent) => milliseconds(agent.probe_latency_seconds)],
    ['Address', (agent) => `${agent.url}${agent.health_endpoint}`, true],
    ['Port', (agent) => String(agent.port)],
    ['Version', (agent) => agent.version ?? NONE],
  ]],
  ['Setup', [
    ['Managed', (agent) => agent.management],
    ['Starts by itself', (agent) => (agent.enabled && agent.auto_start ? 'yes' : 'no')],
    ['Schedule', schedule],
    ['Depends on', (agent) => list(agent.depends_on)],
    ['Needed by', (agent) => list(dependents(agent.name))],
    ['Waits for', (agent) => (agent.waiting_for.length ? list(agent.waiting_for) : null)],
    ['Command', command, true],
    ['Directory', (agent) => agent.path, true],
    ['Log file', (agent) => agent.log_path ?? NONE, true],
  ]],
];

export function facts() {
  const painters = [];
  const groups = GROUPS.map(([title, items]) => {
    const body = h('dl');
    const nodes = items.map(([name, value, isCode]) => {
      const text = h('dd', { class: isCode ? 'code' : '' });
      const node = h('div', { class: 'fact' }, h('dt', {}, name), text);
      painters.push((agent) => {
        const said = value(agent);
        setHidden(node, said === null);
        setText(text, said ?? '');
        setClass(text, 'k', said === NONE);
      });
      return node;
    });
    arrange(body, nodes);
    return h('section', { class: 'group' }, h('h4', {}, title), body);
  });
  return { nodes: groups, paint: (agent) => painters.forEach((paint) => paint(agent)) };
}
