// What happened, in words: one sentence and a tone for each kind of event.

import { duration, wallTime } from './format.js';

const TONES = { backoff: 'warn', degraded: 'warn', stale: 'warn', error: 'bad', unhealthy: 'bad' };

function tone(state) {
  return TONES[state] ?? '';
}

function after(text) {
  return text ? `: ${text}` : '';
}

function number(count, word) {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

const WORDS = {
  transition: (data) => [`${data.from} → ${data.to}${after(data.reason)}`, tone(data.to)],
  health_changed: (data) => [`health ${data.from} → ${data.to}${after(data.message)}`, tone(data.to)],
  probe_changed: (data) => {
    const isFailing = data.to === 'failing';
    return [`${data.role} probe ${data.to}${isFailing ? after(data.message) : ''}`, isFailing ? 'warn' : ''];
  },
  data_state_changed: (data) => {
    const age = data.age_seconds ? ` (${duration(data.age_seconds)})` : '';
    return [`data ${data.from} → ${data.to}${age}${after(data.message)}`, tone(data.to)];
  },
  restart_scheduled: (data) => {
    const delay = data.delay_seconds > 0 ? `in ${duration(data.delay_seconds)}` : 'at once';
    return [`restarts ${delay}, attempt ${data.attempt}${after(data.reason)}`, 'warn'];
  },
  restarts_withheld: (data) => [
    `is not restarted with what it depends on: ${data.max_restarts} such restarts within ${duration(data.window_seconds)}`, 'warn',
  ],
  maintenance_changed: (data) => {
    if (!data.on) return [`maintenance ended${after(data.reason)}`, ''];
    const until = data.until ? ` until ${wallTime(data.until)}` : '';
    return [`maintenance${until}${data.by ? `, by ${data.by}` : ''}${after(data.reason)}`, ''];
  },
  operator_acted: (data) => {
    const who = [data.user, data.origin, data.from].filter(Boolean).join(', ');
    return [`${String(data.action).replaceAll('_', ' ')} requested (${who})`, ''];
  },
  agent_added: () => ['added to the configuration', ''],
  agent_removed: () => ['removed from the configuration', ''],
  configuration_changed: (data) => {
    const changes = data.total ?? data.changes?.length ?? 0;
    return [`The configuration was reloaded: ${number(changes, 'change')}`, ''];
  },
  configuration_invalid: (data) => {
    const mistakes = data.total ?? data.mistakes?.length ?? 0;
    return [`The configuration on disk has ${number(mistakes, 'mistake')}; what was loaded stays in force`, 'warn'];
  },
  configuration_mended: () => ['The configuration on disk has no mistakes any more', ''],
  supervisor_started: () => ['The desk was started', ''],
  supervisor_stopping: () => ['The desk is stopping', 'warn'],
  events_lost: (data) => [`${number(data.count ?? 0, 'event')} could not be written`, 'warn'],
};

/** [text, tone] of an event; the agent's name is not in it. */
export function eventWords(event) {
  const words = WORDS[event.kind]?.(event.data ?? {});
  if (words) return words;
  const said = event.data?.text ?? event.data?.message ?? event.data?.reason;
  return [`${event.kind.replaceAll('_', ' ')}${after(said)}`, tone(event.data?.to)];
}

/** Kinds a person chooses among, in groups. */
export const KIND_GROUPS = [
  ['States', ['transition']],
  ['Health', ['health_changed', 'probe_changed']],
  ['Data', ['data_state_changed']],
  ['Restarts', ['restart_scheduled', 'restarts_withheld']],
  ['Operators', ['operator_acted', 'maintenance_changed']],
  ['Configuration', [
    'configuration_changed', 'configuration_invalid', 'configuration_mended', 'agent_added', 'agent_removed',
  ]],
  ['The desk', ['supervisor_started', 'supervisor_stopping', 'events_lost']],
];
