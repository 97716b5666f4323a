// Why an agent has nothing to say, in words, by what the supervisor knows of it.

/** {kind, text, short?, isCurrent: false}; null when it should be answering. */
export function agentCondition(control, name, age = '') {
  if (!control.hasSnapshot) return null;
  const agent = control.agent(name);
  if (!agent) return { kind: 'disabled', text: `${name} is not configured`, isCurrent: false };
  if (!agent.enabled) {
    return { kind: 'disabled', text: `${name} is disabled in config/agents.yaml`, isCurrent: false };
  }
  const words = {
    starting: `${name} is starting${age}`,
    backoff: `${name} failed and restarts${age}`,
    stopping: `${name} is stopping${age}`,
    stopped: `${name} is stopped${age}. Start it on the Agents page.`,
    error: `${name} has failed${age}. See the Agents page.`,
  }[agent.status];
  const kind = { starting: 'starting', backoff: 'starting', error: 'failed' }[agent.status];
  return words ? { kind: kind ?? 'stopped', text: words, short: agent.status, isCurrent: false } : null;
}
