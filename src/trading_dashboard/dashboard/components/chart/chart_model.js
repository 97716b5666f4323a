// What the chart shows: history joined with the stream, without gaps and without jumps.
//
// Owns loading, paging backwards, joining after a lost connection, filling gaps, forgetting, and reading anew
// when a split or dividend changes the past. Knows nothing of the page; it tells its `view` what to draw.

import { market } from '/assets/js/hub.js';
import { zonedParts } from '/assets/js/format.js';
import { dayNumber, isOutdated } from './adjustment.js';
import { BarSeries, DAILY } from './bar_series.js';
import { LongBar } from './long_bar.js';

const FIRST_PAGE = 600;
const OLDER_PAGE = 1000;
const MAX_LIMIT = 10_000;
/** Bars that the stream gives as traded over several sessions. */
const LONG = new Set(['1w', '1M']);
const VISIBLE = 140;
const OLDER_MARGIN = 40;
/** Pages that are read at once to reach a bar far back. */
const MAX_REACH = 8;
const GAP_PAGE = 4000;
const GAP_DELAY = 500;
/** Seconds at 60× are 216,000 bars an hour: beyond so many the oldest go; scrolling back reads them. */
const MAX_BARS = 40_000;
const KEPT_BARS = 25_000;

export class ChartModel {
  /** @param view {bars, update, loading, ready, reread, failed, quote, condition} */
  constructor(view) {
    this.view = view;
    this.symbol = null;
    this.interval = null;
    this.adjusted = null;
    this.series = null;
    this.longBar = null;
    /** The session as of which the bars are adjusted, in days since 1970. */
    this.day = null;
    this.mustJoin = false;
    this.load = null;
    this.isLoadingOlder = false;
    this.hasOlder = true;
    this.from = Infinity;
    this.gapTimer = null;
    this.wholeDays = new Set();
    this.pending = [];
    this.end = null;
  }

  show(symbol, interval, adjusted) {
    const isSame = symbol === this.symbol && interval === this.interval;
    if (isSame && adjusted === this.adjusted) return;
    this.adjusted = adjusted;
    if (isSame) {
      this.#reread();
      return;
    }
    this.end?.();
    this.symbol = symbol;
    this.interval = interval;
    const intervals = LONG.has(interval) ? [interval, '1d'] : [interval];
    this.end = market.subscribe([symbol], intervals, (message) => this.#take(message));
    this.reload();
  }

  /** Read everything anew: another symbol, another interval, a jump of the clock. */
  async reload() {
    const load = this.#begin();
    this.series = null;
    this.pending = [];
    this.hasOlder = true;
    this.wholeDays.clear();
    this.view.loading();
    try {
      const history = await this.#read({ limit: FIRST_PAGE, include_partial: true }, load);
      await this.#readLongBar(history.data, load);
      if (load.signal.aborted) return;
      this.series = this.#newSeries();
      this.series.merge(history.data);
      this.day = this.#dayOfAnswer(history);
      this.view.bars(this.series.bars, null);
      this.view.ready(this.series, VISIBLE);
    } catch (error) {
      if (load.signal.aborted) return;
      this.view.failed(error);
    }
    this.#finish(load);
  }

  /**
   * Read what is loaded once more, the view untouched: another adjustment was chosen, or an action has
   * become effective, which changes the past. Meanwhile the bars of the new session wait, so that
   * old and new are never drawn side by side.
   */
  async #reread(entered = -Infinity) {
    const before = this.series;
    if (!before?.first) {
      this.reload();
      return;
    }
    const load = this.#begin();
    const { time: first } = before.first;
    const { time: last } = before.last;
    try {
      const { bars, day } = await this.#range(this.#dayOf(before.first), before.bars.length, load);
      await this.#readLongBar(bars, load);
      if (load.signal.aborted) return;
      const series = this.#newSeries();
      series.merge(bars.filter((bar) => series.axisTime(bar.timestamp) >= first));
      const appended = series.bars.filter(({ time }) => time > last).length;
      // Older ones may have come meanwhile; scrolling reads them again.
      if (before.first.time < first) this.hasOlder = true;
      this.wholeDays.clear();
      this.series = series;
      this.day = Math.max(day, entered);
      this.view.bars(series.bars, series.bars.length - appended - before.bars.length, appended);
      this.view.reread(series);
    } catch {
      // What is drawn would be neither what was chosen nor what is true now; `reload` says why.
      if (!load.signal.aborted) this.reload();
      return;
    }
    this.#finish(load);
  }

  /** All bars from a day on, and the session as of which the first of them are adjusted. */
  async #range(day, count, load) {
    const limit = Math.min(count + OLDER_PAGE, MAX_LIMIT);
    const bars = [];
    let page = null;
    let asOf = null;
    do {
      const range = { start_date: day, limit, include_partial: true, ...(page ? { page } : {}) };
      const answer = await this.#read(range, load);
      bars.push(...answer.data);
      asOf ??= this.#dayOfAnswer(answer);
      page = answer.next_page;
    } while (page);
    return { bars, day: asOf };
  }

  /** A new session: has the past changed? */
  async #enter(day) {
    const load = this.#begin();
    const hasChanged = await this.#hasChanged(load);
    if (load.signal.aborted) return;
    if (hasChanged) {
      this.#reread(day);
      return;
    }
    this.day = day;
    this.#finish(load);
  }

  async #hasChanged(load) {
    try {
      const { actions } = await market.actions(this.symbol, { signal: load.signal });
      return isOutdated(actions, this.day);
    } catch {
      // Not known: then it is read, to be sure.
      return true;
    }
  }

  #begin() {
    this.load?.abort();
    this.load = new AbortController();
    return this.load;
  }

  /** Go on with what has waited. */
  #finish(load) {
    if (this.load !== load) return;
    this.load = null;
    if (!this.series) return;
    const waiting = this.pending.splice(0);
    while (waiting.length > 0 && !this.load) this.#accept(...waiting.shift());
    this.pending.unshift(...waiting);
    if (this.mustJoin && !this.load) this.#join();
  }

  /** The connection is back: read what was missed and go on, the view untouched. */
  async #join() {
    this.mustJoin = Boolean(this.load && this.series);
    if (!this.series || this.load) {
      if (!this.series && !this.load) this.reload();
      return;
    }
    const load = this.#begin();
    try {
      const history = await this.#read({ limit: OLDER_PAGE, include_partial: true }, load);
      await this.#readLongBar(history.data, load);
      if (load.signal.aborted) return;
      if (this.#isTorn(history.data)) {
        this.reload();
        return;
      }
      const day = this.#dayOfAnswer(history);
      const hasChanged = day > this.day && await this.#hasChanged(load);
      if (load.signal.aborted) return;
      if (hasChanged) {
        this.#reread(day);
        return;
      }
      this.day = day;
      for (const bar of history.data) this.#draw(bar);
    } catch {
      // Lost again; the next connection tries anew.
      if (load.signal.aborted) return;
    }
    this.#finish(load);
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
    await this.#readOlder(series);
  }

  /** Read older bars until one as old as that is there, or none is left to read. */
  async reach(timestamp) {
    const { series } = this;
    for (let pages = 0; pages < MAX_REACH && series?.first && this.series === series; pages += 1) {
      if (series.axisTime(timestamp) >= series.first.time || !this.hasOlder || this.isLoadingOlder) return;
      await this.#readOlder(series);
    }
  }

  async #readOlder(series) {
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

  #newSeries() {
    return new BarSeries(this.interval, market.timeZone, this.adjusted);
  }

  /** The days of the week or month in progress, adjusted like the bars. */
  async #readLongBar(bars, load) {
    this.longBar = null;
    if (!LONG.has(this.interval) || this.adjusted === 'none' || bars.length === 0) return;
    const range = { interval: '1d', start_date: bars.at(-1).timestamp.slice(0, 10), include_partial: true };
    this.longBar = new LongBar((await this.#read(range, load)).data);
  }

  /** The market's date of an answer, in days since 1970. */
  #dayOfAnswer(answer) {
    return dayNumber(zonedParts(Date.parse(answer.as_of), market.timeZone).date);
  }

  #dayOf(bar) {
    if (DAILY.has(this.interval)) return bar.timestamp.slice(0, 10);
    return zonedParts(Date.parse(bar.timestamp), market.timeZone).date;
  }

  #read(parameters, load) {
    const query = { interval: this.interval, adjusted: this.adjusted, ...parameters };
    return market.history(this.symbol, query, { signal: load?.signal });
  }

  #take(message) {
    const { type } = message;
    if (message.price) this.view.quote(message.price);
    if (type === 'bar') this.#bar(message.bar, message.interval, message);
    else if (type === 'snapshot') {
      for (const [interval, bar] of Object.entries(message.bars ?? {})) this.#bar(bar, interval);
    }
    else if (type === 'reset') this.reload();
    else if (type === 'state') {
      if (message.phase === 'open') this.#join();
      this.view.condition();
    }
  }

  #bar(bar, interval, message = null) {
    const isDayOfLong = interval === '1d' && LONG.has(this.interval);
    if (!bar || (interval !== this.interval && !isDayOfLong)) return;
    // Said of a closed bar: so many closed ones before it were dropped because we read too slowly.
    if (bar.closed && message?.conflated && interval === this.interval) this.#fillSoon();
    if (!this.series || this.load) this.pending.push([bar, interval]);
    else this.#accept(bar, interval, message);
  }

  #accept(bar, interval, message = null) {
    const day = Math.floor(this.series.axisTime(bar.timestamp) / 86_400);
    if (day > this.day) {
      this.pending.push([bar, interval]);
      this.#enter(day);
      return;
    }
    let drawn = bar;
    if (interval !== this.interval) drawn = this.longBar?.takeDay(bar) ?? null;
    else if (this.longBar) drawn = this.longBar.takeGroup(bar);
    if (drawn) this.#draw(drawn, message);
  }

  #draw(bar, message = null) {
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
