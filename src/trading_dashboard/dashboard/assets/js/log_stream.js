// Log lines, over a socket of their own: an agent that writes without end must not delay what the
// page says about agents. It is open only while somebody reads a log.

import { LiveSocket } from './live_socket.js';

/** As many as the control API takes in one subscription. */
const MAX_AGENTS = 200;
const LEAST_LINES = 10;

export class LogStream {
  constructor() {
    this.names = [];
    this.subscription = null;
    this.socket = new LiveSocket('/api/control/ws', {
      silence: 13_000,
      onOpen: () => {},
      onMessage: (message) => this.#take(message),
      onState: () => {},
    });
  }

  /**
   * Receive log lines; returns what ends it. The server searches; the newest subscription counts.
   * @param {{agents: string[], lines: number, grep: ?string, level: ?string}} wanted no agents: all
   */
  subscribe(wanted, listener) {
    const subscription = { wanted, listener };
    this.subscription = subscription;
    this.socket.start();
    this.#ask();
    return () => {
      if (this.subscription !== subscription) return;
      this.subscription = null;
      this.socket.stop();
    };
  }

  #take(message) {
    if (message.type === 'log') this.subscription?.listener(message.line);
    else if (message.type === 'snapshot') this.#know(Object.keys(message.agents));
    else if (message.event?.kind === 'agent_added') this.#know([...this.names, message.event.agent]);
    else if (message.event?.kind === 'agent_removed') this.#know(this.names.filter((name) => name !== message.event.agent));
  }

  #know(names) {
    this.names = names;
    this.#ask();
  }

  #ask() {
    if (!this.subscription) return;
    const { agents, lines, grep, level } = this.subscription.wanted;
    const named = agents.length ? agents.filter((name) => this.names.includes(name)) : this.names;
    if (named.length === 0) return;
    const each = Math.max(LEAST_LINES, Math.floor(lines / named.length));
    this.socket.send({
      op: 'subscribe_logs', agents: named.slice(0, MAX_AGENTS), lines: each, grep: grep || null, level: level || null,
    });
  }
}
