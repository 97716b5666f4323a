// Asks one thing of an agent again and again, as long as somebody looks.
//
// Owns the pace: one request at a time, a pause after each, longer ones after failures, none while the
// tab is hidden; and how old the newest answer is. Drawing is the reader's.

import { get, symbolInPath, words } from './api.js';
import { countdown } from './format.js';
import { market } from './hub.js';

const BASE = '/api/agents/market_data';
const MAX_PAUSE = 60_000;
const TIMEOUT = 20_000;
/** Answers older than so many pauses are not current. */
const STALE_PAUSES = 3;

/** The address of what is asked about a symbol. */
export function bySymbol(route, symbol) {
  return `${route}/${symbolInPath(symbol)}`;
}

export function readMarket(path, { signal } = {}) {
  return get(`${BASE}${path}`, { signal });
}

/**
 * How an agent is asked. `follow(tasks, listener)` calls when it is worth asking at once; while
 * `isAsked()` is false nothing is asked, and `condition()` says why. `staleness(answer)`, if there is
 * one, says why an answer that has just come is old all the same.
 */
export const marketReader = {
  read: readMarket,
  isAsked: () => true,
  condition: () => market.condition(),
  follow: (tasks, listener) => tasks.add(market.subscribe([], [], ({ type, phase }) => {
    if (type === 'reset' || (type === 'state' && phase === 'open')) listener();
  })),
};

export class Poller {
  /** @param path What to ask for, or a function that says so; null asks for nothing. */
  constructor(tasks, { path, pause, take, paint, reader = marketReader }) {
    this.reader = reader;
    this.path = typeof path === 'function' ? path : () => path;
    this.pause = pause;
    this.take = take;
    this.paint = paint;
    this.answeredAt = null;
    this.trouble = null;
    this.staleness = '';
    this.failures = 0;
    this.timer = null;
    this.request = null;
    tasks.on(document, 'visibilitychange', () => this.#visible());
    reader.follow(tasks, () => this.now());
    tasks.every(1000, () => this.paint());
    tasks.add(() => this.#stop());
    this.now();
  }

  get isLoaded() {
    return this.answeredAt !== null;
  }

  get isCurrent() {
    return this.isLoaded && !this.trouble && !this.blocked && !this.staleness && this.#age() * 1000 < STALE_PAUSES * this.pause + TIMEOUT;
  }

  /** Why the agent is not even asked, in words; empty when it is. */
  get blocked() {
    return this.reader.isAsked() ? '' : this.reader.condition().text;
  }

  /** How old the newest answer is, in words. */
  get ageText() {
    return this.isLoaded ? `read ${countdown(Math.floor(this.#age()))} ago${this.staleness ? `, ${this.staleness}` : ''}` : '';
  }

  /** Ask at once: what is asked for has changed, the agent is back, or a person wants it. */
  now() {
    this.failures = 0;
    this.#stop();
    this.#ask();
  }

  /** Forget the answer: it is of something else. */
  forget() {
    this.answeredAt = null;
    this.trouble = null;
    this.staleness = '';
  }

  #age() {
    return (performance.now() - this.answeredAt) / 1000;
  }

  #visible() {
    if (document.visibilityState === 'hidden') this.#stop();
    else this.now();
  }

  #stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.request?.abort();
    this.request = null;
  }

  async #ask() {
    const path = this.path();
    if (path === null || document.visibilityState === 'hidden' || !this.reader.isAsked()) return;
    const request = new AbortController();
    this.request = request;
    const limit = setTimeout(() => request.abort(new Error('timeout')), TIMEOUT);
    try {
      const answer = await this.reader.read(path, { signal: request.signal });
      if (this.request !== request) return;
      this.answeredAt = performance.now();
      this.trouble = null;
      this.staleness = this.reader.staleness?.(answer) ?? '';
      this.failures = 0;
      this.take(answer);
    } catch (error) {
      if (this.request !== request) return;
      this.failures += 1;
      this.trouble = request.signal.aborted ? `No answer within ${TIMEOUT / 1000} s.` : words(error);
    } finally {
      clearTimeout(limit);
    }
    this.request = null;
    this.timer = setTimeout(() => this.#ask(), Math.min(this.pause * 2 ** this.failures, Math.max(MAX_PAUSE, this.pause)));
    this.paint();
  }
}
