// What the supervisor says: agents, events, logs. One socket for the whole page.

import { post } from './api.js';
import { CLOSE, LiveSocket } from './live_socket.js';

const MAX_EVENTS = 200;
/** How long a command's answer may take; it goes on regardless. */
const COMMAND_SECONDS = 120;

export class ControlStore {
  constructor() {
    this.supervisor = null;
    this.agents = new Map();
    this.events = [];
    this.hasSnapshot = false;
    this.listeners = new Set();
    this.logListeners = new Set();
    this.receivedAt = 0;
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

  /** Receive log lines of `agents` (empty: all); returns what ends it. */
  subscribeLogs(agents, lines, listener) {
    const subscription = { agents, lines, listener };
    this.logListeners.add(subscription);
    this.#askForLogs();
    return () => {
      this.logListeners.delete(subscription);
      if (this.logListeners.size === 0) this.socket.send({ op: 'unsubscribe_logs' });
    };
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
    return agent.uptime_seconds + (performance.now() - (agent.receivedAt ?? this.receivedAt)) / 1000;
  }

  command(name, verb) {
    return post(`/api/control/agents/${name}/${verb}`, { wait_seconds: COMMAND_SECONDS });
  }

  commandAll(verb) {
    return post(`/api/control/${verb}`);
  }

  #take(message) {
    if (message.type === 'snapshot') this.#replace(message);
    else if (message.type === 'update') this.#update(message);
    else if (message.type === 'log') this.#log(message.line);
  }

  #replace(message) {
    this.receivedAt = performance.now();
    this.supervisor = message.supervisor;
    this.agents = new Map(Object.entries(message.agents));
    for (const event of message.events ?? []) this.#remember(event);
    this.hasSnapshot = true;
    this.#askForLogs();
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
    this.events.unshift(event);
    this.events.sort((a, b) => b.seq - a.seq || (a.time < b.time ? 1 : -1));
    this.events.length = Math.min(this.events.length, MAX_EVENTS);
  }

  #log(line) {
    for (const { agents, listener } of this.logListeners) {
      if (agents.length === 0 || agents.includes(line.agent)) listener(line);
    }
  }

  /** One subscription per socket: the union of what the page shows. */
  #askForLogs() {
    if (this.logListeners.size === 0 || this.agents.size === 0) return;
    const subscriptions = [...this.logListeners];
    const isAll = subscriptions.some(({ agents }) => agents.length === 0);
    const named = isAll ? this.agents.keys() : subscriptions.flatMap((item) => item.agents);
    const lines = Math.max(...subscriptions.map((item) => item.lines));
    this.socket.send({ op: 'subscribe_logs', agents: [...new Set(named)], lines });
  }

  #notify(change) {
    for (const listener of this.listeners) listener(change);
  }
}
