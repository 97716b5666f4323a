// How an agent's state is put into words and shapes; shared by the views that show agents.

import { h, setAttribute, setText } from './dom.js';
import { bytes, countdown, dayTime, duration, NONE, number } from './format.js';

const SHAPES = {
  running: 'ok', starting: 'busy', stopping: 'busy', backoff: 'warn', error: 'halt', stopped: 'off',
};

/** Whether others may rely on it: as `AgentInfo.is_up` says. */
export function isUp({ status, health }) {
  return status === 'running' && (health === 'healthy' || health === 'degraded');
}

/** Whether its schedule, and nobody else, keeps it from running. */
export function isResting(agent) {
  return agent.status === 'stopped' && Boolean(agent.schedule?.next_start_at) && !agent.schedule.is_open;
}

export function statusText(agent) {
  if (!agent.enabled) return 'disabled';
  if (agent.management === 'external' && agent.status === 'running') return 'external';
  return isResting(agent) ? 'idle' : agent.status;
}

export function shape(agent) {
  if (!agent.enabled) return 'off';
  if (agent.status === 'running' && agent.management === 'external') return 'accent';
  if (agent.status === 'running' && agent.health === 'unhealthy') return 'halt';
  if (agent.status === 'running' && (agent.health === 'degraded' || agent.data_state === 'stale')) return 'warn';
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
  return agent.status === 'running' || agent.health !== 'unknown' ? agent.health : NONE;
}

/** What is known of its data now: the supervisor said it a while ago, and it goes on ageing. */
export function dataNow(agent) {
  const since = Math.max(0, performance.now() - agent.receivedAt) / 1000;
  const later = (seconds, by = since) => (typeof seconds === 'number' ? seconds + by : null);
  const age = later(agent.data_age_seconds, agent.data_is_ageing ? since : 0);
  const toldAgo = later(agent.data_told_seconds_ago);
  const isLate = toldAgo !== null && toldAgo > agent.data_holds_seconds;
  const isTooOld = Boolean(agent.data_allowed_age_seconds) && age > agent.data_allowed_age_seconds;
  const isGood = agent.data_state === 'fresh' || agent.data_state === 'idle';
  const state = isGood && (isLate || isTooOld) ? 'unknown' : agent.data_state ?? 'unknown';
  return { state, age, toldAgo };
}

/** Whether it told of its data, and too long ago to tell anything of now. */
export function isDataUnheard(agent) {
  const { state, toldAgo } = dataNow(agent);
  return state === 'unknown' && toldAgo !== null;
}

export function dataText(agent) {
  const { state, age, toldAgo } = dataNow(agent);
  if (state === 'unknown') {
    if (toldAgo === null) return NONE;
    const known = agent.data_told_age_seconds;
    return known === null ? `unknown for ${duration(toldAgo)}` : `last known ${duration(known)}, ${duration(toldAgo)} ago`;
  }
  if (state === 'idle') return 'idle, market closed';
  if (age === null) return state;
  const allowed = agent.data_allowed_age_seconds ? ` of ${duration(agent.data_allowed_age_seconds)}` : '';
  return `${state} ${duration(age)}${allowed}`;
}

/** "142 of 512 MiB" where there is a limit. */
export function memoryText(agent) {
  if (!agent.memory_limit_bytes || agent.memory_bytes === null) return bytes(agent.memory_bytes);
  return `${number(agent.memory_bytes / 2 ** 20)} of ${bytes(agent.memory_limit_bytes)}`;
}

export function isMemoryHigh(agent) {
  return Boolean(agent.memory_limit_bytes) && agent.memory_bytes > 0.9 * agent.memory_limit_bytes;
}

export function maintenanceText({ until, by, reason }) {
  const end = until ? `until ${dayTime(until)}` : 'until somebody ends it';
  return `In maintenance ${end}${by ? `, by ${by}` : ''}${reason ? `: ${reason}` : ''}.`;
}

/** Whether a person should look at it. */
export function isInTrouble(agent) {
  return agent.enabled && (problem(agent) !== null || agent.data_state === 'stale');
}

/** Why it may soon be called unhealthy: it ran well, and its newest probes failed. */
export function wavering(agent) {
  if (agent.status !== 'running' || agent.maintenance) return null;
  const failed = (agent.probes ?? []).find((probe) => probe.is_passing && probe.failures > 0);
  return failed ? `${failed.role} probe failed ${failed.failures}×${failed.message ? `: ${failed.message}` : ''}` : null;
}

/** Seconds until the supervisor tries again. */
export function retrySeconds(agent) {
  return agent.next_retry_at ? Math.max(0, (Date.parse(agent.next_retry_at) - Date.now()) / 1000) : null;
}

/** What is wrong and what to do, null if nothing is. */
export function problem(agent) {
  if (!agent.enabled) return null;
  if (agent.status === 'backoff') {
    const reason = agent.error_message ?? agent.last_exit ?? 'failed';
    if (agent.held_restart) return `Restart held: ${agent.held_restart} ${reason}`;
    return `Restarts in ${countdown(retrySeconds(agent) ?? 0)}. ${reason}`;
  }
  if (agent.status === 'error') return agent.error_message ?? 'Failed.';
  if (agent.status === 'running' && ['degraded', 'unhealthy'].includes(agent.health)) {
    return agent.health_message ?? `The agent calls itself ${agent.health}.`;
  }
  if (agent.status === 'running' && agent.data_state === 'stale') return agent.data_message ?? null;
  return null;
}
