// What a person may do to agents: which verbs make sense now, which are under way, what was refused.
//
// One place for the table and the detail panel, so that both always say the same.

import { post, words } from './api.js';
import { control } from './hub.js';

/** How long a command's answer may take; it goes on regardless. */
const COMMAND_SECONDS = 120;
const BUSY = new Set(['starting', 'stopping']);
const DOWN = new Set(['stopped', 'error']);

export const DOING = {
  start: 'Starting', stop: 'Stopping', restart: 'Restarting', maintenance: 'Changing maintenance',
};

class AgentActions {
  constructor() {
    this.pending = new Map();
    this.refusals = new Map();
    this.listeners = new Set();
  }

  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** {verb, since} of what was asked for and is not answered yet. */
  underWay(name) {
    return this.pending.get(name) ?? null;
  }

  refusal(name) {
    return this.refusals.get(name) ?? null;
  }

  forgetRefusal(name) {
    if (this.refusals.delete(name)) this.#notify(name);
  }

  /** Ask for a verb; the outcome is seen on the control socket, a refusal here. */
  async run(name, verb, content = { wait_seconds: COMMAND_SECONDS }) {
    const mine = { verb, since: performance.now() };
    this.pending.set(name, mine);
    this.refusals.delete(name);
    this.#notify(name);
    try {
      const answer = await post(`/api/control/agents/${name}/${verb}`, content);
      const text = this.#shortfall(verb, answer);
      if (text && this.pending.get(name) === mine) this.refusals.set(name, text);
      return true;
    } catch (error) {
      this.refusals.set(name, words(error));
      return false;
    } finally {
      // A stop that was asked for while a start hung owns the entry by then.
      if (this.pending.get(name) === mine) this.pending.delete(name);
      this.#notify(name);
    }
  }

  #shortfall(verb, answer) {
    if (answer?.pending) return `${DOING[verb]} takes longer than ${COMMAND_SECONDS} s. It goes on; see its log.`;
    if (verb === 'stop' && answer?.ok === false) return 'It could not be stopped. See its log.';
    return null;
  }

  #notify(name) {
    for (const listener of this.listeners) listener(name);
  }
}

export const actions = new AgentActions();

/** Agents that depend on `name`, directly or not. */
export function dependents(name) {
  const found = new Set();
  const look = (of) => {
    for (const agent of control.agents.values()) {
      if (agent.depends_on.includes(of) && !found.has(agent.name)) {
        found.add(agent.name);
        look(agent.name);
      }
    }
  };
  look(name);
  found.delete(name);
  return [...found];
}

/** Those of them that are up or on their way. */
export function activeDependents(name) {
  return dependents(name).filter((item) => !DOWN.has(control.agent(item)?.status));
}

/** Why nothing at all may be done to an agent, null if something may. */
export function whyUntouchable(agent) {
  if (agent.kind === 'system') return 'Part of the desk: this page. It stops with the desk.';
  if (!agent.enabled) return 'Disabled in the configuration. Set enabled: true, then reload.';
  if (agent.management === 'external') return 'Started by someone else: watched, never stopped from here.';
  return null;
}

/** Why a verb makes no sense now, null if it does. */
export function whyNot(agent, verb) {
  const reason = whyUntouchable(agent);
  if (reason) return reason;
  if (!control.isConnected) return 'The supervisor is not reachable.';
  const pending = actions.underWay(agent.name);
  // A start that hangs must be stoppable.
  if (pending && !(verb === 'stop' && pending.verb !== 'stop')) return `${DOING[pending.verb]}.`;
  return WHY_NOT[verb]?.(agent.status) ?? null;
}

const WHY_NOT = {
  start: (status) => {
    if (status === 'running') return 'It runs.';
    return BUSY.has(status) ? `It is ${status}.` : null;
  },
  restart: (status) => {
    if (DOWN.has(status)) return 'It does not run: start it.';
    if (status === 'backoff') return 'It waits for its next restart: start it at once, or stop it.';
    return BUSY.has(status) ? `It is ${status}.` : null;
  },
  stop: (status) => {
    if (DOWN.has(status)) return 'It does not run.';
    return status === 'stopping' ? 'It is stopping.' : null;
  },
};
