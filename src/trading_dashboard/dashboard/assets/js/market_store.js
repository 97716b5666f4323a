// What the market data agent streams: prices, bars, the market clock. One socket for the page.
//
// Owns subscriptions (the union of what the page shows) and the answer to "is this current?",
// judged by the page's own clock since the last message and by what the agent says.

import { agentCondition } from './agent_condition.js';
import { dataNow } from './agent_words.js';
import { get, symbolInPath } from './api.js';
import { LiveSocket } from './live_socket.js';
import { countdown, duration } from './format.js';

const AGENT = 'market_data';
const BASE = `/api/agents/${AGENT}`;
/** The agent sends something at least each second. */
const STALE_AFTER = 3;

export class MarketStore {
  constructor(control) {
    this.control = control;
    this.prices = new Map();
    this.clock = null;
    this.clockAt = 0;
    this.latestTick = 0;
    this.wanted = new Map();
    this.listeners = new Set();
    this.socket = new LiveSocket(`${BASE}/stream`, {
      silence: 20_000,
      onOpen: (send) => this.#resubscribe(send),
      onMessage: (message, text) => this.#take(message, text),
      onState: (socket) => this.#notify({ type: 'state', phase: socket.phase }),
    });
    control.subscribe((change) => this.#followAgent(change));
  }

  start() {
    this.socket.start();
  }

  /**
   * Follow a symbol. `listener(message)` gets what the stream says about it, and every clock,
   * reset and state message. Returns what ends it.
   */
  subscribe(symbols, intervals, listener) {
    const subscription = { symbols: new Set(symbols), intervals, listener };
    this.listeners.add(subscription);
    for (const symbol of symbols) this.#want(symbol, intervals);
    this.socket.send({ op: 'subscribe', symbols, intervals });
    return () => {
      this.listeners.delete(subscription);
      this.#forget(symbols, intervals);
    };
  }

  history(symbol, parameters, options) {
    const query = new URLSearchParams(parameters);
    return get(`${BASE}/historical/${symbolInPath(symbol)}?${query}`, options);
  }

  /** Splits and dividends effective by the market clock. */
  actions(symbol, options) {
    return get(`${BASE}/actions/${symbolInPath(symbol)}`, options);
  }

  price(symbol) {
    return get(`${BASE}/price/${symbolInPath(symbol)}`);
  }

  /** What is listed and fits: {text, limit, offset}. */
  symbols(parameters = {}, options = {}) {
    return get(`${BASE}/symbols?${new URLSearchParams(parameters)}`, options);
  }

  get timeZone() {
    return this.clock?.time_zone ?? 'America/New_York';
  }

  /** Market time in milliseconds, never ahead of what the agent has said. */
  now() {
    if (!this.clock) return null;
    return Math.max(Date.parse(this.clock.now), this.latestTick);
  }

  /** Seconds since the agent said anything, null if it never did. */
  silence() {
    const at = this.socket.lastMessageAt;
    return at === null ? null : (performance.now() - at) / 1000;
  }

  /**
   * {kind, text, short?, isCurrent}: kind is live, paused, closed, stale, lost, starting, disabled,
   * stopped, failed or connecting. Anything but the first three greys the prices out.
   */
  condition() {
    const silence = this.silence();
    const agent = this.control.agent(AGENT);
    if (this.socket.phase === 'open' && silence <= STALE_AFTER) return this.#liveCondition(agent);
    if (this.socket.phase === 'open') {
      return { kind: 'stale', text: `No data for ${countdown(silence)}`, isCurrent: false };
    }
    const trouble = this.control.trouble();
    const age = silence === null ? '' : `, no data for ${countdown(silence)}`;
    if (trouble && trouble.kind !== 'connecting') {
      // Why is said once, in the banner of the strip.
      return { kind: 'lost', text: `Not current${age}`, short: 'not current', isCurrent: false };
    }
    const known = agentCondition(this.control, AGENT, age);
    if (known) return known;
    if (!this.socket.wasOpen && this.socket.attempt < 2) {
      return { kind: 'connecting', text: 'Connecting to market data', isCurrent: false };
    }
    const retry = this.socket.retryAt ? `, retry in ${countdown((this.socket.retryAt - performance.now()) / 1000)}` : '';
    return {
      kind: 'lost', text: `Connection to ${AGENT} lost${age}${retry}`, short: `lost${age}`, isCurrent: false,
    };
  }

  #liveCondition(agent) {
    if (agent?.data_state === 'stale') {
      const now = dataNow(agent).age;
      const age = now === null ? '' : ` (${duration(now)})`;
      return { kind: 'stale', text: `${AGENT} reports stale data${age}`, isCurrent: false };
    }
    if (this.clock?.finished) return { kind: 'finished', text: 'The replay has reached its end', short: 'finished', isCurrent: true };
    if (this.clock?.paused) return { kind: 'paused', text: 'Replay paused', short: 'paused', isCurrent: true };
    if (this.clock?.market === 'closed') return { kind: 'closed', text: 'Market closed', isCurrent: true };
    return { kind: 'live', text: 'Live', isCurrent: true };
  }

  #take(message, text) {
    const { type } = message;
    if (type === 'tick' || type === 'snapshot') this.#takePrice(message);
    else if (type === 'clock') {
      this.clock = message.clock;
      this.clockAt = performance.now();
    } else if (type === 'reset') {
      this.latestTick = 0;
      // What was not listed before the jump may be now.
      this.#resubscribe((wish) => this.socket.send(wish));
    }
    this.#notify(message, text);
  }

  #takePrice({ symbol, price }) {
    // A tick may still be on its way when the last one who followed the symbol has left; kept, it
    // would pass for the newest price for as long as nobody follows anything.
    if (!price || !this.wanted.has(symbol)) return;
    price.receivedAt = performance.now();
    this.prices.set(symbol, price);
    const time = Date.parse(price.timestamp);
    if (time > this.latestTick) this.latestTick = time;
  }

  #want(symbol, intervals) {
    const counts = this.wanted.get(symbol) ?? new Map();
    for (const interval of ['', ...intervals]) counts.set(interval, (counts.get(interval) ?? 0) + 1);
    this.wanted.set(symbol, counts);
  }

  #forget(symbols, intervals) {
    for (const symbol of symbols) {
      const counts = this.wanted.get(symbol);
      const gone = [];
      for (const interval of ['', ...intervals]) {
        const left = counts.get(interval) - 1;
        if (left > 0) counts.set(interval, left);
        else {
          counts.delete(interval);
          if (interval) gone.push(interval);
        }
      }
      if (counts.size === 0) {
        this.wanted.delete(symbol);
        this.prices.delete(symbol);
        this.socket.send({ op: 'unsubscribe', symbols: [symbol] });
      } else if (gone.length > 0) {
        this.socket.send({ op: 'unsubscribe', symbols: [symbol], intervals: gone });
      }
    }
  }

  #resubscribe(send) {
    for (const [symbol, counts] of this.wanted) {
      const intervals = [...counts.keys()].filter(Boolean);
      send({ op: 'subscribe', symbols: [symbol], intervals });
    }
  }

  #followAgent(change) {
    const agent = change.agent ?? null;
    const hasCome = agent?.name === AGENT && agent.status === 'running';
    if (hasCome || change.type === 'snapshot') this.socket.retryNow();
  }

  #notify(message, text) {
    for (const { symbols, intervals, listener } of this.listeners) {
      if (message.symbol && !symbols.has(message.symbol)) continue;
      if (message.type === 'bar' && !intervals.includes(message.interval)) continue;
      listener(message, text);
    }
  }
}
