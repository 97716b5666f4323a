// What the pattern agent streams: patterns as they form, are confirmed, reach their target or fail.
//
// Owns one socket, open only while somebody looks and the agent runs, and the answer to "is this
// current?". A new connection begins with a snapshot, so what was missed is there with it.

import { agentCondition } from './agent_condition.js';
import { get, symbolInPath } from './api.js';
import { countdown } from './format.js';
import { LiveSocket } from './live_socket.js';

const AGENT = 'pattern_recognition';
const BASE = `/api/agents/${AGENT}`;
/** The agent sends something at least each second. */
const STALE_AFTER = 3;
/** Beyond so many, those that are over go first. */
const MAX_KEPT = 20_000;
const KEPT = 16_000;
/** After a start the agent tells patterns before it has learnt their worth; then it is asked again. */
const ASK_AGAIN = [5_000, 10_000, 20_000, 40_000, 60_000];
const OVER = new Set(['target_reached', 'failed', 'expired']);

export class PatternStore {
  constructor(control) {
    this.control = control;
    this.found = new Map();
    this.hasSnapshot = false;
    this.isStale = false;
    this.reason = null;
    this.asOf = null;
    this.subscription = null;
    this.watchers = new Set();
    this.refusal = null;
    this.leftOut = 0;
    this.asked = 0;
    this.worthTimer = null;
    this.isOn = false;
    this.wasUp = false;
    this.socket = new LiveSocket(`${BASE}/stream`, {
      silence: 20_000,
      onOpen: (send) => {
        this.asked = 0;
        if (this.subscription) send({ op: 'subscribe', ...this.subscription.wanted });
      },
      onMessage: (message) => this.#take(message),
      onState: () => this.#tell({ type: 'state' }),
    });
    control.subscribe(() => this.#steer());
  }

  /**
   * Follow patterns; the newest subscription counts, the one before ends. `listener(change)` gets
   * {type: 'all'}, {type: 'one', detection, isNew, was} and {type: 'state'}. Returns what ends it.
   * @param {{symbols: string[], timeframes: string[], kinds: string[]}} wanted
   */
  subscribe(wanted, listener) {
    const subscription = { wanted, listener };
    this.subscription = subscription;
    this.#forget();
    this.#close();
    this.#steer();
    return () => {
      if (this.subscription !== subscription) return;
      this.subscription = null;
      this.#forget();
      this.#close();
    };
  }

  #close() {
    if (this.isOn) this.socket.stop();
    this.isOn = false;
  }

  /** Call when all that was read before is old: market data went or came back, or the clock was set. */
  watch(listener) {
    this.watchers.add(listener);
    return () => this.watchers.delete(listener);
  }

  read(path, { signal } = {}) {
    return get(`${BASE}${path}`, { signal });
  }

  /** The address of what is asked about a symbol: of('/levels', 'BTC/USDT', {timeframe}). */
  of(route, symbol, parameters) {
    return `${route}/${symbolInPath(symbol)}?${new URLSearchParams(parameters)}`;
  }

  /** Whether the agent can be expected to answer. */
  isUp() {
    return this.control.agent(AGENT)?.status === 'running';
  }

  /** {kind, text, isCurrent}; kind is live, stale, lost, connecting, starting, disabled, stopped or failed. */
  condition() {
    const silence = this.#silence();
    const isOpen = this.socket.phase === 'open';
    if (isOpen && this.refusal) return { kind: 'lost', text: `pattern_recognition refused: ${this.refusal}`, isCurrent: false };
    if (isOpen && silence <= STALE_AFTER) return this.#ownCondition();
    if (isOpen) return { kind: 'stale', text: `Nothing heard of ${AGENT} for ${countdown(silence)}`, isCurrent: false };
    if (this.control.trouble() && this.control.trouble().kind !== 'connecting') {
      return { kind: 'lost', text: 'Not current', isCurrent: false };
    }
    const known = agentCondition(this.control, AGENT);
    if (known) return known;
    if (this.socket.phase !== 'lost' || (!this.socket.wasOpen && this.socket.attempt < 2)) {
      return { kind: 'connecting', text: `Connecting to ${AGENT}`, isCurrent: false };
    }
    const retry = this.socket.retryAt ? `, retry in ${countdown((this.socket.retryAt - performance.now()) / 1000)}` : '';
    return { kind: 'lost', text: `Connection to ${AGENT} lost${retry}`, isCurrent: false };
  }

  #ownCondition() {
    if (!this.isStale) return { kind: 'live', text: 'Live', isCurrent: true };
    const why = (this.reason || 'market data is away').replace(/\.$/, '');
    return { kind: 'stale', text: `Stale: ${why}. It goes on by itself`, isCurrent: false };
  }

  #silence() {
    const at = this.socket.lastMessageAt;
    return at === null ? null : (performance.now() - at) / 1000;
  }

  #steer() {
    const isWanted = Boolean(this.subscription) && this.isUp();
    if (isWanted && !this.isOn) this.socket.start();
    else if (!isWanted && this.isOn) this.socket.stop();
    else if (isWanted && !this.wasUp) this.socket.retryNow();
    this.isOn = isWanted;
    this.wasUp = this.isUp();
    this.#tell({ type: 'state' });
  }

  #forget() {
    clearTimeout(this.worthTimer);
    this.found = new Map();
    this.hasSnapshot = false;
    this.refusal = null;
  }

  #take(message) {
    const { type } = message;
    if (type === 'snapshot') {
      this.found = new Map(message.patterns.map((detection) => [detection.id, detection]));
      this.hasSnapshot = true;
      this.leftOut = message.left_out ?? 0;
      this.#condition(message);
      this.#tell({ type: 'all' });
      this.#askForWorth();
    } else if (type === 'pattern') this.#one(message);
    else if (type === 'condition') {
      this.#condition(message);
      this.#tell({ type: 'state' });
    } else if (type === 'reset') {
      // What was amended is replaced by the snapshot; of another time or source nothing holds.
      if (message.reason !== 'amended') {
        this.#forget();
        this.#tell({ type: 'all' });
        this.#warn();
      }
    } else if (type === 'error' && message.error?.code === 'unknown_symbol') {
      // It is not followed: nothing of it will be told, but the agent answers for it when it is asked.
      this.hasSnapshot = true;
      this.#tell({ type: 'all' });
    } else if (type === 'error') {
      this.refusal = message.error?.message ?? 'the subscription';
      this.#tell({ type: 'state' });
    }
  }

  /** A snapshot that lacks worths is asked for anew, some times. */
  #askForWorth() {
    clearTimeout(this.worthTimer);
    const lacks = [...this.found.values()].some((one) => one.confirmed_at && one.direction !== 'neutral' && one.worth.length === 0);
    if (!lacks || this.asked >= ASK_AGAIN.length) return;
    this.worthTimer = setTimeout(() => {
      this.asked += 1;
      if (this.subscription) this.socket.send({ op: 'subscribe', ...this.subscription.wanted });
    }, ASK_AGAIN[this.asked]);
  }

  #condition({ stale, reason = this.reason, as_of: asOf }) {
    if (stale !== this.isStale) this.#warn();
    this.isStale = stale;
    // A snapshot does not say why; the condition before it did.
    this.reason = stale ? reason : null;
    this.asOf = asOf;
    this.refusal = null;
  }

  #one({ detection, is_new: isNew, was }) {
    this.found.set(detection.id, detection);
    const at = detection.changes.at(-1)?.at ?? detection.known_at;
    if (this.asOf === null || Date.parse(at) > Date.parse(this.asOf)) this.asOf = at;
    if (this.found.size > MAX_KEPT) this.#trim();
    this.#tell({ type: 'one', detection, isNew, was });
  }

  #trim() {
    const over = [...this.found.values()].filter(({ state, kind }) => OVER.has(state) || kind === 'candlestick');
    over.sort((a, b) => (a.known_at < b.known_at ? -1 : 1));
    for (const { id } of over.slice(0, this.found.size - KEPT)) this.found.delete(id);
  }

  #warn() {
    for (const listener of [...this.watchers]) listener();
  }

  #tell(change) {
    this.subscription?.listener(change);
  }
}
