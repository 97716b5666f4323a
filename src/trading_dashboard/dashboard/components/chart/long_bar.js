// The week or month in progress, made of its days.
//
// The stream's bar of a week is of prices as traded: with a split in it, it would span both sides of
// it. Days before today are taken adjusted from history, today as traded, because its factor is one.

export class LongBar {
  /** @param days Adjusted bars of the days from the group's first on, oldest first. */
  constructor(days) {
    this.days = new Map(days.map((day) => [day.timestamp, day]));
    this.group = null;
  }

  /** The stream's bar of the week or month: says its beginning and whether it has ended. */
  takeGroup(bar) {
    this.group = bar;
    for (const timestamp of this.days.keys()) if (timestamp < bar.timestamp) this.days.delete(timestamp);
    return this.#whole();
  }

  /** A day's bar of the stream. Returns the week or month with it, null if that is not known yet. */
  takeDay(day) {
    const isOfNext = this.group?.closed && !this.days.has(day.timestamp);
    this.days.set(day.timestamp, day);
    return this.group && !isOfNext ? this.#whole() : null;
  }

  #whole() {
    const days = [...this.days.values()];
    if (days.length === 0) return this.group;
    const last = days.at(-1);
    return {
      ...this.group,
      open: days[0].open, close: last.close, adjusted_close: last.adjusted_close,
      high: Math.max(...days.map(({ high }) => high)), low: Math.min(...days.map(({ low }) => low)),
      volume: days.reduce((sum, { volume }) => sum + volume, 0),
    };
  }
}
