// One WebSocket to our own origin that keeps itself alive.
//
// Owns connecting, backing off, noticing silence and saying in which state it is. What is sent
// over it is its owner's business.

const FIRST_DELAY = 250;
const MAX_DELAY = 10_000;

/** Close codes of the gateway (socket_proxy.py). */
export const CLOSE = { UNKNOWN_AGENT: 4404, UPSTREAM_LOST: 4502, NOT_SUPERVISED: 4503 };

export class LiveSocket {
  /**
   * @param {string} path such as /api/control/ws
   * @param {{onOpen: Function, onMessage: Function, onState: Function, silence: number}} options
   *   `silence`: milliseconds without any message after which the connection counts as dead.
   */
  constructor(path, { onOpen, onMessage, onState, silence }) {
    this.path = path;
    this.onOpen = onOpen;
    this.onMessage = onMessage;
    this.onState = onState;
    this.silence = silence;
    this.phase = 'connecting';
    this.code = null;
    this.reason = '';
    this.attempt = 0;
    this.retryAt = null;
    this.lastMessageAt = null;
    this.wasOpen = false;
    this.socket = null;
    addEventListener('online', () => this.retryNow());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.retryNow();
    });
    setInterval(() => this.#watch(), 1000);
  }

  start() {
    if (!this.socket && !this.retryTimer) this.#connect();
  }

  /** Close it; `start` opens it again. */
  stop() {
    clearTimeout(this.retryTimer);
    this.retryTimer = null;
    this.retryAt = null;
    const socket = this.socket;
    this.socket = null;
    this.attempt = 0;
    if (socket) {
      socket.onclose = null;
      socket.onmessage = null;
      // Closed before it is there, the browser would complain of it in the console.
      socket.onopen = () => socket.close();
      if (socket.readyState !== WebSocket.CONNECTING) socket.close();
    }
    this.#enter('stopped');
  }

  send(message) {
    if (this.phase !== 'open') return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** Do not wait for the backoff: something changed. */
  retryNow() {
    if (this.phase !== 'lost') return;
    clearTimeout(this.retryTimer);
    this.#connect();
  }

  #connect() {
    this.retryTimer = null;
    this.retryAt = null;
    this.hasAnswered = false;
    const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${this.path}`;
    const socket = new WebSocket(url);
    this.socket = socket;
    this.connectingSince = performance.now();
    socket.onmessage = (event) => {
      if (socket !== this.socket) return;
      this.lastMessageAt = performance.now();
      if (!this.hasAnswered) this.#opened();
      this.onMessage(JSON.parse(event.data), event.data);
    };
    // The gateway accepts before it reaches upstream, so "open" is only believed with the first
    // message; what has to be said first is said here.
    socket.onopen = () => {
      if (socket !== this.socket) return;
      this.onOpen((message) => socket.send(JSON.stringify(message)));
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.#lost(event.code, event.reason);
    };
  }

  #opened() {
    this.hasAnswered = true;
    this.attempt = 0;
    this.code = null;
    this.reason = '';
    this.wasOpen = true;
    this.#enter('open');
  }

  async #lost(code, reason) {
    this.socket = null;
    this.code = code;
    this.reason = reason;
    const delay = Math.min(MAX_DELAY, FIRST_DELAY * 2 ** this.attempt);
    this.attempt += 1;
    const jittered = delay * (0.75 + Math.random() / 2);
    this.retryAt = performance.now() + jittered;
    this.retryTimer = setTimeout(() => this.#connect(), jittered);
    this.#enter('lost');
    if (code === 1006) await this.#explain();
  }

  /** A refused handshake looks like a dead server to a page; a request tells them apart. */
  async #explain() {
    try {
      const answer = await fetch('/api/session', { headers: { accept: 'application/json' } });
      if (this.phase !== 'lost') return;
      this.reason = answer.status === 401 ? 'signed_out' : '';
    } catch {
      this.reason = 'dashboard_gone';
    }
    if (this.phase === 'lost') this.onState(this);
  }

  #watch() {
    const now = performance.now();
    if (this.phase === 'open' && now - this.lastMessageAt > this.silence) this.#giveUp('silent');
    const isHanging = this.socket && !this.hasAnswered && now - this.connectingSince > 8000;
    if (isHanging) this.#giveUp('no answer');
  }

  #giveUp(reason) {
    const socket = this.socket;
    this.socket = null;
    socket.onclose = null;
    socket.onmessage = null;
    socket.close();
    this.#lost(CLOSE.UPSTREAM_LOST, reason);
  }

  #enter(phase) {
    this.phase = phase;
    this.onState(this);
  }
}
