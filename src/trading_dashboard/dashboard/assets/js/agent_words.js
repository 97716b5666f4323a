// How an agent's state is put into words and shapes; shared by the views that show agents.

import { h, setAttribute, setText } from './dom.js';
import { countdown, duration } from './format.js';

const SHAPES = {
  running: 'ok', starting: 'busy', stopping: 'busy', backoff: 'warn', error: 'halt', stopped: 'off',
};

function statusText(agent) {
  if (!agent.enabled) return 'disabled';
  if (agent.management === 'external' && agent.status === 'running') return 'external';
  return agent.status;
}

function shape(agent) {
  if (!agent.enabled) return 'off';
  if (agent.status === 'running' && agent.management === 'external') return 'accent';
  if (agent.status === 'running' && agent.health === 'unhealthy') return 'halt';
  if (agent.status === 'running' && agent.health === 'degraded') return 'warn';
  return SHAPES[agent.status] ?? 'off';
}

/** A dot and a word. */
export function statusCell() {
  const dot = h('i', { class: 'dot', 'aria-hidden': 'true' });
  const text = h('span');
  const node = h('span', { class: 'status' }, dot, text);
  const paint = (agent) => {
    setAttribute(dot, 'class', `dot ${shape(agent)}`);
    setText(text, statusText(agent));
  };
  return { node, paint };
}

export function healthText(agent) {
  return agent.status === 'running' || agent.health !== 'unknown' ? agent.health : '–';
}

export function dataText(agent) {
  if (!agent.data_state || agent.data_state === 'unknown') return '–';
  if (agent.data_state === 'idle') return 'idle, market closed';
  const age = agent.data_age_seconds === null ? '' : ` ${duration(agent.data_age_seconds)}`;
  return `${agent.data_state}${age}`;
}

/** What is wrong and what to do, null if nothing is. */
export function problem(agent) {
  if (!agent.enabled) return null;
  if (agent.status === 'backoff') {
    const wait = agent.next_retry_at ? (Date.parse(agent.next_retry_at) - Date.now()) / 1000 : 0;
    const reason = agent.error_message ?? agent.last_exit ?? 'failed';
    return `Restarts in ${countdown(wait)}. ${reason}`;
  }
  if (agent.status === 'error') return agent.error_message ?? 'Failed.';
  if (agent.status === 'running' && ['degraded', 'unhealthy'].includes(agent.health)) {
    return agent.health_message ?? `The agent calls itself ${agent.health}.`;
  }
  return null;
}
