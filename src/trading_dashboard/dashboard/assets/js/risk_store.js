// What the risk agent streams: the gate, the account, limits and orders. One socket for the page, on every
// page, since the strip shows the gate.
//
// Fail-closed: the gate is what the agent says on a living stream, and HALTED in every other case. A state
// that was told before is never shown once the stream is lost, silent, out of order or of an agent that is gone.

import { agentCondition } from './agent_condition.js';
import { get } from './api.js';
import { countdown } from './format.js';
import { LiveSocket } from './live_socket.js';
import { causeShort } from './risk_words.js';

export const RISK_AGENT = 'risk_management';
export const RISK_BASE = `/api/agents/${RISK_AGENT}`;
/** Seconds; the agent sends something at least each second. */
const STALE_AFTER = 2.5;
const MAX_FILLS = 50;
const OPEN = new Set(['working', 'partially_filled']);
const STATES = new Set(['active', 'reducing', 'halted']);

export class RiskStore {
  constructor(control) {
    this.control = control;
    this.gate = null;
    this.account = null;
    this.limits = null;
    this.orders = new Map();
    this.changed = new Map();
    this.fills = [];
    this.isSynced = false;
    this.refusal = null;
    this.seq = null;
    this.isOn = false;
    this.wasUp = false;
    this.listeners = new Set();
    this.socket = new LiveSocket(`${RISK_BASE}/stream`, {
      silence: 10_000,
      onOpen: () => this.#begin(),
      onMessage: (message) => this.#take(message),
      onState: ({ phase }) => {
        if (phase !== 'open') this.isSynced = false;
        this.#tell({ type: 'state' });
      },
    });
    control.subscribe(() => this.#steer());
  }

  /**
   * Call `listener(change)` on every change; its type is gate, account, limits, order (with `order` and
   * `fill`), all (a snapshot) or state. Returns what ends it.
   */
  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  read(path, { signal } = {}) {
    return get(`${RISK_BASE}${path}`, { signal });
  }

  /** Whether the agent can be expected to answer. */
  isUp() {
    return this.control.agent(RISK_AGENT)?.status === 'running';
  }

  /**
   * What may be traded, as far as this page can know now: {state, isKnown, why, causes}. Anything that keeps
   * the page from knowing is HALTED; `why` says it in a few words, of a known gate its main cause.
   */
  gateNow() {
    const blind = this.#blind();
    if (blind) return { state: 'halted', isKnown: false, why: blind, causes: [] };
    const { state, trading_allowed: isAllowed, causes } = this.gate;
    const isSound = STATES.has(state) && isAllowed === (state === 'active') && !(isAllowed && causes.some(({ lasts }) => lasts));
    if (!isSound) return { state: 'halted', isKnown: false, why: `${RISK_AGENT} contradicts itself`, causes };
    return { state, isKnown: true, why: mainCause(causes), causes };
  }

  /** {kind, text, isCurrent}: kind is live, stale, lost, connecting, starting, disabled, stopped or failed. */
  condition() {
    const silence = this.#silence();
    const isOpen = this.socket.phase === 'open';
    if (isOpen && this.refusal) return { kind: 'lost', text: `${RISK_AGENT} refused: ${this.refusal}`, isCurrent: false };
    if (isOpen && silence <= STALE_AFTER) {
      return this.isSynced ? { kind: 'live', text: 'Live', isCurrent: true } : { kind: 'connecting', text: `Waiting for ${RISK_AGENT}`, isCurrent: false };
    }
    if (isOpen) return { kind: 'stale', text: `Nothing heard of ${RISK_AGENT} for ${countdown(silence)}`, isCurrent: false };
    if (this.control.trouble() && this.control.trouble().kind !== 'connecting') {
      return { kind: 'lost', text: 'Not current', isCurrent: false };
    }
    const known = agentCondition(this.control, RISK_AGENT);
    if (known) return known;
    if (this.socket.phase !== 'lost' || (!this.socket.wasOpen && this.socket.attempt < 2)) {
      return { kind: 'connecting', text: `Connecting to ${RISK_AGENT}`, isCurrent: false };
    }
    const retry = this.socket.retryAt ? `, retry in ${countdown((this.socket.retryAt - performance.now()) / 1000)}` : '';
    return { kind: 'lost', text: `Connection to ${RISK_AGENT} lost${retry}`, isCurrent: false };
  }

  /** Take the gate from an answer; what the stream has told since is newer. */
  takeGate(gate) {
    if (!this.gate || gate.seq < this.gate.seq) return;
    this.gate = gate;
    this.#tell({ type: 'gate' });
  }

  /** Take the limits from an answer. */
  takeLimits(limits) {
    if (!limits?.limits || limits.seq < (this.limits?.seq ?? 0)) return;
    this.limits = limits;
    this.#tell({ type: 'limits' });
  }

  /** An order as it stands now, open or not, if it was heard of. */
  order(id) {
    return this.orders.get(id) ?? this.changed.get(id) ?? null;
  }

  #blind() {
    const agent = this.control.agent(RISK_AGENT);
    if (!this.control.isConnected) return 'supervisor not reachable';
    if (!agent) return `no ${RISK_AGENT}`;
    if (!agent.enabled) return `${RISK_AGENT} disabled`;
    if (agent.status !== 'running') return `${RISK_AGENT} ${agent.status}`;
    if (this.socket.phase === 'connecting' || this.socket.phase === 'stopped') return `connecting to ${RISK_AGENT}`;
    if (this.socket.phase !== 'open') return `${RISK_AGENT} not reachable`;
    if (this.refusal) return `${RISK_AGENT} refuses`;
    const silence = this.#silence();
    if (silence > STALE_AFTER) return `${RISK_AGENT} silent for ${countdown(Math.floor(silence))}`;
    return this.isSynced && this.gate ? null : `${RISK_AGENT} reports no gate`;
  }

  #silence() {
    const at = this.socket.lastMessageAt;
    return at === null ? null : (performance.now() - at) / 1000;
  }

  #steer() {
    const isUp = this.isUp();
    if (isUp && !this.isOn) this.socket.start();
    else if (!isUp && this.isOn) this.socket.stop();
    else if (isUp && !this.wasUp) this.socket.retryNow();
    this.isOn = isUp;
    this.wasUp = isUp;
    this.#tell({ type: 'state' });
  }

  #begin() {
    this.seq = null;
    this.isSynced = false;
    this.refusal = null;
  }

  #take(message) {
    if (this.seq !== null && message.seq !== this.seq + 1) {
      // Something is missing, and it may be that the gate has closed: begin anew, with a snapshot.
      this.isSynced = false;
      this.socket.stop();
      this.socket.start();
      return;
    }
    this.seq = message.seq;
    TAKES[message.type]?.(this, message);
    if (message.type !== 'heartbeat') this.#tell({ type: message.type === 'snapshot' ? 'all' : message.type, order: message.order, fill: message.fill });
  }

  takeSnapshot({ gate, account, limits, orders }) {
    this.gate = gate;
    this.account = account;
    this.limits = limits;
    this.orders = new Map(orders.map((order) => [order.id, order]));
    this.isSynced = true;
    this.refusal = null;
  }

  takeOrder({ order, fill }) {
    if (OPEN.has(order.status)) this.orders.set(order.id, order);
    else this.orders.delete(order.id);
    this.changed.delete(order.id);
    this.changed.set(order.id, order);
    if (this.changed.size > MAX_FILLS) this.changed.delete(this.changed.keys().next().value);
    if (fill) this.fills = [fill, ...this.fills.filter(({ id }) => id !== fill.id)].slice(0, MAX_FILLS);
  }

  #tell(change) {
    for (const listener of this.listeners) listener(change);
  }
}

const TAKES = {
  snapshot: (store, message) => store.takeSnapshot(message),
  gate: (store, { gate }) => { store.gate = gate; },
  account: (store, { account }) => { store.account = account; },
  limits: (store, { limits }) => { store.limits = limits; },
  order: (store, message) => store.takeOrder(message),
  error: (store, { error }) => { store.refusal = error?.message ?? 'the connection'; },
};

/** The gravest cause, those that last first, in a few words; how many more there are. */
function mainCause(causes) {
  if (causes.length === 0) return '';
  const weight = ({ closes_to: to, lasts }) => (to === 'halted' ? 0 : 2) + (lasts ? 0 : 1);
  const [first] = [...causes].sort((a, b) => weight(a) - weight(b) || (a.since < b.since ? -1 : 1));
  return `${causeShort(first)}${causes.length > 1 ? ` +${causes.length - 1}` : ''}`;
}
