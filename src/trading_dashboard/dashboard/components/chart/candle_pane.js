// The drawing of candles and volume: the only module that knows the chart library.

import {
  CandlestickSeries, createChart, CrosshairMode, HistogramSeries, LineSeries,
} from '/assets/vendor/lightweight-charts.mjs';
import { token } from '/assets/js/hub.js';
import { volume } from '/assets/js/format.js';
import { DAILY } from './bar_series.js';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** From here on values are written in thousands and millions. */
const LARGE = 100_000;
/** Kinds of axis marks, as the library numbers them. */
const YEAR = 0;
const MONTH = 1;
const DAY = 2;

function axisMark(time, kind, isDaily) {
  const date = new Date(time * 1000);
  const month = MONTHS[date.getUTCMonth()];
  if (kind === YEAR) return String(date.getUTCFullYear());
  if (kind === MONTH && isDaily) return month;
  if (kind === MONTH || kind === DAY) return `${date.getUTCDate()} ${month}`;
  return date.toISOString().slice(11, kind === 4 ? 19 : 16);
}

function colours() {
  return {
    up: token('--up'), down: token('--down'), line: token('--line'), muted: token('--muted'),
    panel: token('--panel'), faint: token('--faint'), text: token('--text'),
  };
}

/** A price as the axis shows it. The axis reaches below zero under the volume; no price does. */
function priceLabel(price) {
  return price < 0 ? '' : price.toFixed(2);
}

/** A value as the axis of an indicator's own pane shows it. */
function ownLabel(value) {
  return Math.abs(value) < LARGE ? value.toFixed(2) : `${value < 0 ? '−' : ''}${volume(Math.abs(value))}`;
}

function options(palette) {
  return {
    layout: {
      background: { color: palette.panel }, textColor: palette.muted, attributionLogo: true,
      fontFamily: '"Source Sans", system-ui, sans-serif', fontSize: 12,
      panes: { separatorColor: palette.line, separatorHoverColor: palette.line },
    },
    grid: { vertLines: { visible: false }, horzLines: { color: palette.line } },
    crosshair: {
      mode: CrosshairMode.Normal,
      vertLine: { color: palette.faint, labelBackgroundColor: palette.faint },
      horzLine: { color: palette.faint, labelBackgroundColor: palette.faint },
    },
    rightPriceScale: { borderVisible: false },
    timeScale: { borderVisible: false, rightOffset: 4, minBarSpacing: 0.4, shiftVisibleRangeOnNewBar: true },
  };
}

export class CandlePane {
  constructor(container) {
    this.palette = colours();
    this.chart = createChart(container, {
      autoSize: true, localization: { locale: 'en-GB', dateFormat: 'yyyy-MM-dd' }, ...options(this.palette),
    });
    this.candles = this.chart.addSeries(CandlestickSeries, this.#candleOptions());
    this.volume = this.chart.addSeries(HistogramSeries, {
      priceFormat: { type: 'volume' }, priceScaleId: 'volume', lastValueVisible: false, priceLineVisible: false,
    });
    this.chart.priceScale('right').applyOptions({ scaleMargins: { top: 0.08, bottom: 0.26 } });
    this.chart.priceScale('volume').applyOptions({ scaleMargins: { top: 0.8, bottom: 0 } });
  }

  #candleOptions() {
    const { up, down } = this.palette;
    return {
      upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false,
      priceLineStyle: 1, priceFormat: { type: 'custom', minMove: 0.01, formatter: priceLabel },
    };
  }

  restyle(bars) {
    this.palette = colours();
    this.chart.applyOptions(options(this.palette));
    this.candles.applyOptions(this.#candleOptions());
    this.volume.setData(bars.map((bar) => this.#column(bar)));
  }

  setInterval(interval) {
    this.chart.timeScale().applyOptions({
      timeVisible: !DAILY.has(interval), secondsVisible: interval.endsWith('s'),
      tickMarkFormatter: (time, kind) => axisMark(time, kind, DAILY.has(interval)),
    });
  }

  /**
   * Replace all bars; the view stays on the same bars when `added` came before the first. When others
   * are `appended` after the last, it follows them if the last was in view, as it does live.
   */
  setBars(bars, added = null, appended = 0) {
    const range = added === null ? null : this.chart.timeScale().getVisibleLogicalRange();
    this.candles.setData(bars);
    this.volume.setData(bars.map((bar) => this.#column(bar)));
    if (!range) return;
    const wasLast = bars.length - appended - added - 1;
    const shift = added + (range.to >= wasLast ? appended : 0);
    this.chart.timeScale().setVisibleLogicalRange({ from: range.from + shift, to: range.to + shift });
  }

  /** Fit the prices again: whoever has scaled them by hand would look beside adjusted ones. */
  fitPrices() {
    this.chart.priceScale('right').applyOptions({ autoScale: true });
  }

  update(bar) {
    this.candles.update(bar);
    this.volume.update(this.#column(bar));
  }

  showRange(range) {
    this.chart.timeScale().setVisibleLogicalRange(range);
  }

  showLatest(count, total) {
    this.chart.timeScale().setVisibleLogicalRange({ from: total - count, to: total + 3 });
  }

  #column(bar) {
    const colour = bar.close >= bar.open ? this.palette.up : this.palette.down;
    return { time: bar.time, value: bar.volume, color: `${colour}59` };
  }

  /** Let something draw behind the candles. */
  attach(primitive) {
    this.candles.attachPrimitive(primitive);
  }

  /** `listener(time, x, y)`: the bar under the pointer, and where in the candles' pane; null off it. */
  onCrosshair(listener) {
    this.chart.subscribeCrosshairMove(({ time, point, paneIndex }) => {
      listener(time ?? null, point?.x ?? null, paneIndex === 0 ? point?.y ?? null : null);
    });
  }

  /** Number of a pane below those there are; it is made with its first line. */
  newPane() {
    return this.chart.panes().length;
  }

  /** A line, or columns, in a pane; 0 is the candles' own. `setData` and `applyOptions` are the library's. */
  addLine(style, pane, colour) {
    const isHistogram = style === 'histogram';
    const format = pane === 0 ? {} : { priceFormat: { type: 'custom', minMove: 0.0001, formatter: ownLabel } };
    const options = { ...format, color: colour, lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false };
    const line = this.chart.addSeries(isHistogram ? HistogramSeries : LineSeries, isHistogram ? options : {
      ...options, lineWidth: 2, lineStyle: style === 'cloud' ? 2 : 0,
    }, pane);
    this.chart.panes().forEach((one, index) => one.setStretchFactor(index === 0 ? 3 : 1));
    return line;
  }

  removeLine(line) {
    this.chart.removeSeries(line);
  }

  onRange(listener) {
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => range && listener(range));
  }

  picture() {
    return this.chart.takeScreenshot(true, false);
  }

  destroy() {
    this.chart.remove();
  }
}
