// What the supervisor remembers: events, incidents, availability; read again when something happens.

import { get, words } from './api.js';
import { control } from './hub.js';

const RETRY_MILLISECONDS = 30_000;

/** GET /v1/<what> with those parameters that are set; lists repeat. */
export function readHistory(what, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const item of [value].flat()) if (item !== null && item !== undefined && item !== '') query.append(name, item);
  }
  const text = query.toString();
  return get(`/api/control/${what}${text ? `?${text}` : ''}`);
}

/**
 * Keeps something current: `read()` now, whenever the desk is connected to anew, and after events,
 * but not more often than every `pause` milliseconds and not while nobody looks.
 */
export class Refresher {
  constructor(tasks, { read, paint, pause, isNews = () => true }) {
    this.read = read;
    this.paint = paint;
    this.pause = pause;
    this.trouble = null;
    this.isLoaded = false;
    this.timer = null;
    this.lastAt = -Infinity;
    this.isReading = false;
    this.isDue = false;
    tasks.add(control.subscribe(({ type, event }) => {
      if (type === 'snapshot' || (event && event.kind !== 'agent_changed' && isNews(event))) this.soon();
    }));
    tasks.on(document, 'visibilitychange', () => this.isDue && this.soon());
    tasks.add(() => clearTimeout(this.timer));
    if (control.hasSnapshot) this.soon();
  }

  /** Read as soon as is decent. */
  soon() {
    this.isDue = true;
    if (this.timer || this.isReading || document.visibilityState === 'hidden') return;
    this.#after(Math.max(0, this.lastAt + this.pause - performance.now()));
  }

  /** Read at once: what is asked for has changed. */
  now() {
    this.lastAt = -Infinity;
    clearTimeout(this.timer);
    this.timer = null;
    this.soon();
  }

  #after(milliseconds) {
    this.timer = setTimeout(() => this.#run(), milliseconds);
  }

  async #run() {
    this.timer = null;
    this.isReading = true;
    this.isDue = false;
    this.lastAt = performance.now();
    try {
      await this.read();
      this.trouble = null;
      this.isLoaded = true;
    } catch (error) {
      this.trouble = words(error);
    }
    this.isReading = false;
    this.paint();
    if (this.trouble && control.isConnected) this.#after(RETRY_MILLISECONDS);
    else if (this.isDue) this.soon();
  }
}
