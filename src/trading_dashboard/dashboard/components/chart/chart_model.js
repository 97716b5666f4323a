// What the chart shows: history joined with the stream, without gaps and without jumps.
//
// Owns loading, paging backwards, joining after a lost connection, filling gaps, forgetting. Knows nothing of the page; it
// tells its `view` what to draw.

import { market } from '/assets/js/hub.js';
import { zonedParts } from '/assets/js/format.js';
import { BarSeries, DAILY } from './bar_series.js';

const FIRST_PAGE = 600;
const OLDER_PAGE = 1000;
const MAX_LIMIT = 10_000;
const VISIBLE = 140;
const OLDER_MARGIN = 40;
const GAP_PAGE = 4000;
const GAP_DELAY = 500;
/** Seconds at 60× are 216,000 bars an hour: beyond so many the oldest go; scrolling back reads them. */
const MAX_BARS = 40_000;
const KEPT_BARS = 25_000;

export class ChartModel {
  /** @param view {bars, update, loading, ready, failed, quote, condition} */
  constructor(view) {
    this.view = view;
    this.symbol = null;
    this.interval = null;
    this.series = null;
    this.load = null;
    this.isLoadingOlder = false;
    this.hasOlder = true;
    this.from = Infinity;
    this.gapTimer = null;
    this.wholeDays = new Set();
    this.pending = [];
    this.end = null;
  }

  show(symbol, interval) {
    if (symbol === this.symbol && interval === this.interval) return;
    this.end?.();
    this.symbol = symbol;
    this.interval = interval;
    this.end = market.subscribe([symbol], [interval], (message) => this.#take(message));
    this.reload();
  }

  /** Read everything anew: another symbol, another interval, a jump of the clock. */
  async reload() {
    this.load?.abort();
    const load = new AbortController();
    this.load = load;
    this.series = null;
    this.pending = [];
    this.hasOlder = true;
    this.wholeDays.clear();
    this.view.loading();
    try {
      const history = await this.#read({ limit: FIRST_PAGE, include_partial: true }, load);
      if (load.signal.aborted) return;
      this.series = new BarSeries(this.interval, market.timeZone);
      this.series.merge(history.data);
      this.history = history;
      for (const bar of this.pending.splice(0)) this.series.push(bar);
      this.view.bars(this.series.bars, null);
      this.view.ready(this.series, VISIBLE);
    } catch (error) {
      if (load.signal.aborted) return;
      this.view.failed(error);
    } finally {
      if (this.load === load) this.load = null;
    }
  }

  /** The connection is back: read what was missed and go on, the view untouched. */
  async #join() {
    if (!this.series || this.load) {
      if (!this.series && !this.load) this.reload();
      return;
    }
    const { series } = this;
    const load = new AbortController();
    this.load = load;
    try {
      const history = await this.#read({ limit: OLDER_PAGE, include_partial: true }, load);
      if (load.signal.aborted || this.series !== series) return;
      this.load = null;
      if (this.#isTorn(history.data)) {
        this.reload();
        return;
      }
      for (const bar of history.data) this.#push(bar);
      for (const bar of this.pending.splice(0)) this.#push(bar);
    } catch {
      // Lost again; the next connection tries anew.
    } finally {
      if (this.load === load) this.load = null;
    }
  }

  /** More was missed than one page holds, or the clock went back. */
  #isTorn(bars) {
    const { last } = this.series;
    if (!last || bars.length === 0) return true;
    const first = this.series.axisTime(bars[0].timestamp);
    const newest = this.series.axisTime(bars.at(-1).timestamp);
    return first > last.time || newest < last.time;
  }

  /** Called when the oldest bar comes into view. */
  async needOlder(from) {
    this.from = from;
    const { series } = this;
    if (from > OLDER_MARGIN || !series || this.load || this.isLoadingOlder || !this.hasOlder) return;
    if (!series.first) return;
    this.isLoadingOlder = true;
    try {
      const page = await this.#olderPage(series);
      if (this.series !== series) return;
      const added = series.merge(page);
      this.hasOlder = added > 0;
      if (added > 0) this.view.bars(series.bars, added);
    } catch {
      // Scrolling again asks again.
    } finally {
      this.isLoadingOlder = false;
    }
  }

  async #olderPage(series) {
    const day = this.#dayOf(series.first);
    if (!DAILY.has(this.interval) && !this.wholeDays.has(day)) {
      const rest = (await this.#wholeDay(day)).filter((bar) => bar.timestamp < series.first.timestamp);
      this.wholeDays.add(day);
      if (rest.length > 0) return rest;
    }
    const before = new Date(Date.parse(`${day}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);
    return (await this.#read({ end_date: before, limit: OLDER_PAGE })).data;
  }

  /** All bars of one session; seconds do not fit one answer. */
  async #wholeDay(day) {
    const bars = [];
    let page = this.interval === '1s' ? 'first' : null;
    do {
      const range = { start_date: day, end_date: day, limit: MAX_LIMIT, ...(page ? { page } : {}) };
      const answer = await this.#read(range);
      bars.push(...answer.data);
      page = answer.next_page;
    } while (page);
    return bars;
  }

  #dayOf(bar) {
    if (DAILY.has(this.interval)) return bar.timestamp.slice(0, 10);
    return zonedParts(Date.parse(bar.timestamp), market.timeZone).date;
  }

  #read(parameters, load) {
    const query = { interval: this.interval, ...parameters };
    return market.history(this.symbol, query, { signal: load?.signal });
  }

  #take(message) {
    const { type } = message;
    if (message.price) this.view.quote(message.price);
    if (type === 'bar') this.#bar(message.bar, message);
    else if (type === 'snapshot') this.#bar(message.bars?.[this.interval]);
    else if (type === 'reset') this.reload();
    else if (type === 'state') {
      if (message.phase === 'open') this.#join();
      this.view.condition();
    }
  }

  #bar(bar, message = null) {
    if (!bar) return;
    // Said of a closed bar: so many closed ones before it were dropped because we read too slowly.
    if (bar.closed && message?.conflated) this.#fillSoon();
    if (!this.series || this.load) this.pending.push(bar);
    else this.#push(bar, message);
  }

  #push(bar, message = null) {
    const drawn = this.series.push(bar);
    if (!drawn) return;
    this.view.update(drawn, this.series);
    this.#forget();
    // Measurements look here (bench/dashboard.py).
    if (message) globalThis.deskProbe?.(message);
  }

  #fillSoon() {
    this.gapTimer ??= setTimeout(() => {
      this.gapTimer = null;
      if (this.load) this.#fillSoon();
      else this.#fill();
    }, GAP_DELAY);
  }

  async #fill() {
    const { series } = this;
    if (!series?.first) return;
    try {
      const { data } = await this.#read({ limit: GAP_PAGE });
      if (this.series !== series || data.length === 0) return;
      if (series.axisTime(data[0].timestamp) > series.last.time) {
        this.reload();
        return;
      }
      const added = series.fill(data);
      if (added > 0) this.view.bars(series.bars, added);
    } catch {
      // Lost; the next connection joins.
    }
  }

  /** Memory stays flat; what someone is looking at stays as long as that can be. */
  #forget() {
    const { series } = this;
    const surplus = series.bars.length - KEPT_BARS;
    if (series.bars.length <= MAX_BARS) return;
    if (this.from < surplus && series.bars.length < 3 * MAX_BARS) return;
    const gone = series.trim(KEPT_BARS);
    this.hasOlder = true;
    this.wholeDays.clear();
    this.view.bars(series.bars, -gone);
  }

  destroy() {
    clearTimeout(this.gapTimer);
    this.load?.abort();
    this.end?.();
  }
}
