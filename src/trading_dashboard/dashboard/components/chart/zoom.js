// How far someone has zoomed in and where they look: kept over intervals, symbols and pages.
//
// Owns the memory (one per page, outliving the chart); drawing is candle_pane's.

let kept = null;

/** Remember a view of the user's own making; `range` in bars, as the chart library counts. */
export function keepZoom(symbol, interval, range, bars) {
  const last = bars.length - 1;
  if (last < 0) return;
  const isAtEnd = range.to >= last;
  kept = {
    symbol, interval, count: range.to - range.from,
    margin: isAtEnd ? range.to - last : 0,
    until: isAtEnd ? null : bars[Math.max(0, Math.round(range.to))].time,
  };
}

/** The view to open with: {from, to}, or null if nobody has zoomed yet. */
export function keptZoom(symbol, interval, bars) {
  if (!kept || bars.length === 0) return null;
  const isSame = kept.symbol === symbol && kept.interval === interval;
  const found = isSame && kept.until !== null ? bars.findIndex((bar) => bar.time >= kept.until) : -1;
  const to = found > 0 ? found : bars.length - 1 + (kept.margin || 4);
  return { from: to - kept.count, to };
}
