// Where gaps lie among the bars of a chart, as the chart library counts: the middle of bar i is i.

import { SECONDS } from './bar_series.js';

/** Half the width, in bars, of the mark of a gap that has no bar at all. */
const SLIVER = 0.2;

/** Number of the first bar at or after a time on the axis. */
export function firstFrom(bars, time) {
  let low = 0;
  let high = bars.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars[middle].time < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** [{gap, from, to}] of what touches the bars; what is shorter than half a bar is not seen in it. */
export function gapStretches(gaps, series) {
  const { bars, interval } = series;
  const width = SECONDS[interval];
  return gaps.flatMap((gap) => {
    const start = series.axisTime(gap.start);
    const end = series.axisTime(gap.end);
    if (bars.length === 0 || (end - start < width / 2 && gap.interval !== interval)) return [];
    let first = firstFrom(bars, start);
    if (first > 0 && bars[first - 1].time + width > start) first -= 1;
    const last = firstFrom(bars, end) - 1;
    if (last >= first) return [{ gap, from: first - 0.5, to: last + 0.5 }];
    if (first === 0) return [];
    // It goes on, or its bars are missing between two others.
    if (first === bars.length) return [{ gap, from: first - 0.5, to: first + 0.5 }];
    return [{ gap, from: first - 0.5 - SLIVER, to: first - 0.5 + SLIVER }];
  });
}
