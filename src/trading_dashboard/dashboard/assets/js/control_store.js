// What the supervisor says: agents and events. One socket for the whole page.

import { CLOSE, LiveSocket } from './live_socket.js';

const MAX_EVENTS = 200;

export class ControlStore {
  constructor() {
    this.supervisor = null;
    this.agents = new Map();
    this.events = [];
    this.hasSnapshot = false;
    this.listeners = new Set();
    this.socket = new LiveSocket('/api/control/ws', {
      silence: 13_000,
      onOpen: () => {},
      onMessage: (message) => this.#take(message),
      onState: () => this.#notify({ type: 'state' }),
    });
  }

  start() {
    this.socket.start();
  }

  /** Call `listener(change)` on every change; returns what ends it. */
  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  get isConnected() {
    return this.socket.phase === 'open';
  }

  /** Why nothing can be known about the agents, null while it can. */
  trouble() {
    const { phase, code, reason, wasOpen } = this.socket;
    if (phase === 'open') return null;
    if (reason === 'signed_out') {
      return { kind: 'signed_out', text: 'Your session has ended. Run trading-dashboard login and open its link.' };
    }
    if (phase === 'connecting' && !wasOpen) return { kind: 'connecting', text: 'Connecting to the desk' };
    const isGone = code === CLOSE.NOT_SUPERVISED || code === CLOSE.UPSTREAM_LOST;
    const text = isGone
      ? 'The supervisor is gone. Nothing here is current. Start the desk again: trading-dashboard up'
      : 'The dashboard does not answer. Nothing here is current.';
    return { kind: isGone ? 'supervisor_gone' : 'dashboard_gone', text };
  }

  /** Seconds until the next attempt to connect. */
  retrySeconds() {
    return this.socket.retryAt ? Math.max(0, (this.socket.retryAt - performance.now()) / 1000) : 0;
  }

  agent(name) {
    return this.agents.get(name) ?? null;
  }

  /** Agents proper: the dashboard itself is part of the desk, not of the trade. */
  tradingAgents() {
    return [...this.agents.values()].filter((agent) => agent.kind !== 'system');
  }

  /** Uptime now, though the supervisor said it a while ago. */
  uptime(agent) {
    if (agent.uptime_seconds === null || agent.status !== 'running') return null;
    return agent.uptime_seconds + (performance.now() - agent.receivedAt) / 1000;
  }

  #take(message) {
    if (message.type === 'snapshot') this.#replace(message);
    else if (message.type === 'update') this.#update(message);
  }

  #replace(message) {
    const receivedAt = performance.now();
    this.supervisor = message.supervisor;
    this.agents = new Map(Object.entries(message.agents).map(([name, agent]) => [name, { ...agent, receivedAt }]));
    for (const event of message.events ?? []) this.#remember(event);
    this.hasSnapshot = true;
    this.#notify({ type: 'snapshot' });
  }

  #update({ event, agent }) {
    if (event?.kind === 'agent_removed') this.agents.delete(event.agent);
    else if (agent) this.agents.set(agent.name, { ...agent, receivedAt: performance.now() });
    if (event && event.kind !== 'agent_changed') this.#remember(event);
    if (event?.kind === 'supervisor_stopping' && this.supervisor) {
      this.supervisor = { ...this.supervisor, state: 'stopping' };
    }
    this.#notify({ type: 'update', event, agent });
  }

  #remember(event) {
    if (event.kind === 'agent_changed') return;
    if (this.events.some((known) => known.seq === event.seq && known.time === event.time)) return;
    // By time first: a new run counts from anew.
    const item = { ...event, at: Date.parse(event.time) };
    this.events.unshift(item);
    this.events.sort((a, b) => b.at - a.at || b.seq - a.seq);
    this.events.length = Math.min(this.events.length, MAX_EVENTS);
  }

  #notify(change) {
    for (const listener of this.listeners) listener(change);
  }
}
