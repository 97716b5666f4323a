// The bars of one symbol, interval and adjustment, on the chart's time axis.
//
// Owns order and identity: bars are unique by time, oldest first; the axis shows exchange time,
// because the chart library knows only UTC.

import { zoneOffset } from '/assets/js/format.js';

export const DAILY = new Set(['1d', '1w', '1M']);
export const SECONDS = {
  '1s': 1, '5s': 5, '15s': 15, '30s': 30, '1m': 60, '2m': 120, '5m': 300, '15m': 900, '30m': 1800,
  '1h': 3600, '2h': 7200, '4h': 14400, '1d': 86400, '1w': 604800, '1M': 2592000,
};

export class BarSeries {
  constructor(interval, timeZone, adjusted = 'none') {
    this.interval = interval;
    this.adjusted = adjusted;
    this.timeZone = timeZone;
    this.bars = [];
    this.byTime = new Map();
    this.offsets = new Map();
  }

  get first() {
    return this.bars[0] ?? null;
  }

  get last() {
    return this.bars.at(-1) ?? null;
  }

  /** Seconds on the chart's axis. */
  axisTime(timestamp) {
    const instant = Date.parse(timestamp);
    if (DAILY.has(this.interval)) return instant / 1000;
    const day = Math.floor(instant / 3_600_000);
    if (!this.offsets.has(day)) this.offsets.set(day, zoneOffset(instant, this.timeZone));
    return Math.floor(instant / 1000) + this.offsets.get(day);
  }

  at(time) {
    return this.byTime.get(time) ?? null;
  }

  /** Take a page of history; newer answers win. Returns how many bars came before the first. */
  merge(page) {
    const oldFirst = this.first?.time ?? null;
    for (const bar of page) this.byTime.set(this.axisTime(bar.timestamp), this.#stamped(bar));
    this.bars = [...this.byTime.values()].sort((a, b) => a.time - b.time);
    if (oldFirst === null) return 0;
    return this.bars.findIndex((bar) => bar.time === oldFirst);
  }

  /** Take a streamed bar; returns it if it is the newest or the newest's next state. */
  push(bar) {
    const stamped = this.#stamped(bar);
    const last = this.last;
    if (last && stamped.time < last.time) return null;
    if (last && stamped.time === last.time) {
      if (last.closed && !stamped.closed) return null;
      this.bars[this.bars.length - 1] = stamped;
    } else this.bars.push(stamped);
    this.byTime.set(stamped.time, stamped);
    return stamped;
  }

  /** Put what is missing between the first and the last bar; returns how many that were. */
  fill(page) {
    const gaps = page.map((bar) => this.#stamped(bar))
      .filter(({ time }) => time > this.first.time && time < this.last.time && !this.byTime.has(time));
    for (const bar of gaps) this.byTime.set(bar.time, bar);
    if (gaps.length > 0) this.bars = [...this.byTime.values()].sort((a, b) => a.time - b.time);
    return gaps.length;
  }

  /** Keep the newest `count` bars; returns how many went. */
  trim(count) {
    const gone = this.bars.splice(0, Math.max(0, this.bars.length - count));
    for (const bar of gone) this.byTime.delete(bar.time);
    return gone.length;
  }

  #stamped(bar) {
    return { ...bar, time: this.axisTime(bar.timestamp) };
  }
}

/** Comma-separated values of a series, with where they are from and what they are adjusted for. */
export function toCsv(symbol, { bars, adjusted }) {
  const head = 'symbol,timestamp,open,high,low,close,volume,adjusted_close,closed,source,adjusted';
  const rows = bars.map((bar) => [
    symbol, bar.timestamp, bar.open, bar.high, bar.low, bar.close, bar.volume,
    bar.adjusted_close ?? '', bar.closed !== false, bar.source, adjusted,
  ].join(','));
  return `${[head, ...rows].join('\n')}\n`;
}
