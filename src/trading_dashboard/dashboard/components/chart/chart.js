// The chart's page part: puts header, candles, legend, notices and quote together.

import { control, market } from '/assets/js/hub.js';
import { words } from '/assets/js/api.js';
import { cleanup, download, h, mounted, setAttribute, setClass, setHidden, setText } from '/assets/js/dom.js';
import { change, direction, price, volume } from '/assets/js/format.js';
import { ADJUSTMENTS, adjustmentInFileName, adjustmentWords, DEFAULT_ADJUSTMENT } from './adjustment.js';
import { DAILY, toCsv } from './bar_series.js';
import { CandlePane } from './candle_pane.js';
import { ChartModel } from './chart_model.js';
import { GapLayer } from './gap_layer.js';
import { firstFrom } from './gap_stretches.js';
import { chartHeader, intervalName } from './chart_header.js';
import { ChartTools } from './chart_tools.js';
import { IndicatorLayer } from './indicator_layer.js';
import { PatternLayer } from './pattern_layer.js';
import { quotePanel } from './quote_panel.js';
import { keepZoom, keptZoom } from './zoom.js';

const PIXELS_PER_BAR = 7;
/** Bars beside a pattern that is brought into view, and how many are shown at least. */
const BESIDE = 20;
const LEAST = 90;
const REMEMBERED = 'desk-chart';
const DEFAULTS = { symbol: 'AAPL', interval: '1m', adjusted: DEFAULT_ADJUSTMENT };

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED)) ?? {};
  } catch {
    return {};
  }
}

function remember(choice, layers) {
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify(choice));
  } catch {
    // Then the next visit starts with the default.
  }
  const query = new URLSearchParams({ ...choice, ...Object.fromEntries(Object.entries(layers).filter(([, value]) => value)) });
  if (location.search !== `?${query}`) history.replaceState(history.state, '', `${location.pathname}?${query}`);
}

function legend() {
  const node = h('div', { class: 'legend', 'aria-hidden': 'true' });
  const fields = ['O', 'H', 'L', 'C', 'Vol'].map((name) => {
    const value = h('span', { class: 'v' });
    node.append(h('span', { class: 'k' }, name), value);
    return value;
  });
  const move = h('span', { class: 'v' });
  const state = h('span', { class: 'k' });
  const adjustment = h('span', { class: 'k adjusted' });
  node.append(move, state, adjustment);
  return {
    node,
    paint: (bar, previous, adjusted) => {
      setHidden(node, !bar);
      if (!bar) return;
      [price(bar.open), price(bar.high), price(bar.low), price(bar.close), volume(bar.volume)]
        .forEach((text, index) => setText(fields[index], text));
      const percent = previous ? (bar.close / previous.close - 1) * 100 : null;
      setText(move, percent === null ? '' : change(percent));
      setAttribute(move, 'class', `v ${direction(percent)}`);
      setText(state, bar.closed === false ? 'forming' : '');
      setText(adjustment, adjustmentWords(adjusted));
    },
  };
}

class ChartView {
  constructor({ parentElement, data }) {
    this.tasks = cleanup();
    this.hovered = null;
    this.quote = quotePanel();
    this.legend = legend();
    this.notice = h('div', { class: 'notice', role: 'status', hidden: true });
    this.banner = h('div', { class: 'chart-banner', role: 'status', hidden: true });
    this.canvas = h('div', { class: 'canvas', role: 'img' });
    this.legends = h('div', { class: 'legends' }, this.legend.node);
    this.frame = h('div', { class: 'card desk-candles' }, this.canvas, this.legends, this.banner, this.notice);
    this.side = h('div', { class: 'chart-side' }, this.quote.node);
    this.header = chartHeader(data.intervals, {
      onSymbol: (symbol) => this.show({ symbol }),
      onInterval: (interval) => this.show({ interval }),
      onAdjusted: (adjusted) => this.show({ adjusted }),
      onPicture: () => this.savePicture(),
      onCsv: () => this.saveCsv(),
    }, this.quote.last);
    this.tools = new ChartTools(this.tasks, data.indicators, {
      onLayers: (shown) => this.patterns.setShown(shown), onIndicators: (chosen, known) => this.#showIndicators(chosen, known),
    });
    parentElement.append(h('div', { class: 'desk-chart' }, h('div', { class: 'chart-head' }, this.header.node, this.tools.node), this.frame, this.side));
    this.pane = new CandlePane(this.canvas);
    this.gaps = new GapLayer(this.tasks, this.pane, this.frame, this.legends);
    this.indicators = new IndicatorLayer(this.tasks, this.pane, { frame: this.frame, legends: this.legends });
    this.patterns = new PatternLayer(this.tasks, this.pane, {
      frame: this.frame, side: this.side, shown: this.tools.shown, onChosen: () => this.#remember(), reach: (detection) => this.#reach(detection),
    });
    this.model = new ChartModel({
      bars: (bars, added, appended) => this.drawBars(bars, added, appended),
      update: (bar, series) => this.updateBar(bar, series),
      loading: () => this.showLoading(),
      ready: (series, visible) => this.showReady(series, visible),
      reread: (series) => this.showReread(series),
      failed: (error) => this.showError(error),
      quote: (quote) => this.quote.take(quote),
      condition: () => this.paintCondition(),
    });
    this.#listen();
    const first = { ...DEFAULTS, ...remembered() };
    if (!ADJUSTMENTS.includes(first.adjusted)) first.adjusted = DEFAULT_ADJUSTMENT;
    this.show({
      symbol: data.symbol ?? first.symbol, interval: data.interval ?? first.interval,
      adjusted: data.adjusted ?? first.adjusted, pattern: data.pattern,
    });
    this.asked = JSON.stringify(data);
  }

  #listen() {
    this.pane.onCrosshair((time, x, y) => {
      this.hovered = time;
      this.gaps.point(x);
      this.indicators.point(time);
      this.patterns.point(x, y);
      this.paintLegend();
    });
    this.pane.onRange((range) => {
      this.frame.dataset.range = `${range.from.toFixed(2)} ${range.to.toFixed(2)}`;
      this.model.needOlder(range.from);
      this.patterns.setRange(range);
      const { symbol, interval, series, load } = this.model;
      if (this.isOwnView && series && !load) keepZoom(symbol, interval, range, series.bars);
    });
    for (const name of ['wheel', 'pointerdown']) {
      this.tasks.on(this.canvas, name, () => { this.isOwnView = true; });
    }
    this.tasks.on(globalThis, 'desk-theme', () => this.pane.restyle(this.model.series?.bars ?? []));
    this.tasks.every(250, () => this.paintCondition());
    this.tasks.add(control.subscribe(() => this.paintCondition()));
    this.tasks.add(() => this.header.destroy());
    this.tasks.add(() => this.quote.destroy());
    this.tasks.add(() => this.model.destroy());
    this.tasks.add(() => this.pane.destroy());
  }

  /** Python may ask for another symbol later (a link to this page while it is open). */
  update({ data }) {
    const asked = JSON.stringify(data);
    if (asked === this.asked) return;
    this.asked = asked;
    const { model } = this;
    if (data.symbol) {
      this.show({
        symbol: data.symbol, interval: data.interval ?? model.interval, adjusted: data.adjusted ?? model.adjusted, pattern: data.pattern,
      });
    }
  }

  /** Show another symbol, interval or adjustment; what is not named stays. A pattern is of one chart only. */
  show({ symbol = this.model.symbol, interval = this.model.interval, adjusted = this.model.adjusted, pattern = null }) {
    const isOther = symbol !== this.model.symbol;
    const isElsewhere = isOther || interval !== this.model.interval;
    if (isElsewhere || pattern) this.patterns.choose(pattern, { isQuiet: true });
    this.header.show(symbol, interval, adjusted);
    this.pane.setInterval(interval);
    setAttribute(this.canvas, 'aria-label', `Candles of ${symbol}, ${interval}, ${adjustmentWords(adjusted)}`);
    if (isOther) this.quote.start(symbol);
    this.model.show(symbol, interval, adjusted);
    // Hidden at once; shown only on bars that are adjusted alike.
    if (!isElsewhere && adjusted !== DEFAULT_ADJUSTMENT) this.#followBars();
    this.#remember();
  }

  #remember() {
    const { symbol, interval, adjusted } = this.model;
    remember({ symbol, interval, adjusted }, { pattern: this.patterns.chosen, indicators: this.tools.address });
  }

  #showIndicators(chosen, definitions) {
    this.indicators.set(chosen, definitions);
    this.#remember();
  }

  /** Whose patterns and indicators belong to the bars; nobody's while there are none. */
  #followBars(isThere = Boolean(this.model.series)) {
    const { symbol, interval, adjusted } = this.model;
    const of = isThere ? { symbol, interval, adjusted } : null;
    this.patterns.show(of);
    this.indicators.show(of);
  }

  /** Bring a pattern into view, with some bars beside it. */
  async #reach(detection) {
    const { model } = this;
    await model.reach(detection.start);
    const { series } = model;
    if (!series?.first || detection.id !== this.patterns.chosen) return;
    const from = firstFrom(series.bars, series.axisTime(detection.start)) - BESIDE;
    const to = firstFrom(series.bars, series.axisTime(detection.end)) + BESIDE;
    const lacking = Math.max(0, LEAST - (to - from)) / 2;
    this.pane.showRange({ from: from - lacking, to: to + lacking });
  }

  drawBars(bars, added, appended) {
    this.pane.setBars(bars, added, appended);
    this.#drawLayers(this.model.series);
    this.#describe(bars);
  }

  #drawLayers(series) {
    this.gaps.draw(series);
    this.patterns.draw(series);
    this.indicators.draw(series);
    this.indicators.paint();
  }

  /** Say on the frame which bars are drawn: the canvas tells nobody. */
  #describe(bars) {
    setAttribute(this.frame, 'data-bars', bars.length);
    setAttribute(this.frame, 'data-span', bars.length ? `${bars[0].timestamp} ${bars.at(-1).timestamp}` : '');
  }

  updateBar(bar, series) {
    const { length } = series.bars;
    this.pane.update(bar);
    if (length !== this.shadedBars || bar.closed) this.#drawLayers(series);
    this.shadedBars = length;
    this.#describe(series.bars);
    if (this.hovered === null || this.hovered === bar.time) this.paintLegend(series);
    if (!this.notice.hidden && this.notice.dataset.kind === 'empty') setHidden(this.notice, true);
  }

  paintLegend() {
    const { series } = this.model;
    if (!series) return;
    const bar = (this.hovered !== null && series.at(this.hovered)) || series.last;
    const index = bar === series.last ? series.bars.length - 1 : series.bars.indexOf(bar);
    this.legend.paint(bar, series.bars[index - 1], series.adjusted);
  }

  paintCondition() {
    const condition = market.condition();
    this.quote.paintAge(condition);
    setClass(this.frame, 'is-stale', !condition.isCurrent);
    setHidden(this.banner, condition.isCurrent || condition.kind === 'connecting');
    setText(this.banner, condition.text);
    const isSimulated = market.clock?.replay && !DAILY.has(this.model.interval);
    setHidden(this.header.label, !isSimulated);
    if (this.failed && market.socket.phase === 'open' && this.failed.status !== 404 && !this.model.load) {
      this.failed = null;
      this.model.reload();
    }
  }

  showLoading() {
    this.failed = null;
    this.isOwnView = false;
    this.gaps.show(null);
    this.#followBars(false);
    this.drawBars([]);
    this.legend.paint(null);
    this.#note('loading', h('p', {}, `Loading ${this.model.symbol} ${intervalName(this.model.interval)}`));
  }

  showReady(series, visible) {
    setHidden(this.notice, true);
    const zoom = keptZoom(this.model.symbol, this.model.interval, series.bars);
    const fitting = Math.max(40, Math.floor(this.canvas.clientWidth / PIXELS_PER_BAR));
    const count = Math.min(visible, fitting, Math.max(series.bars.length, 30));
    if (zoom) this.pane.showRange(zoom);
    else this.pane.showLatest(count, series.bars.length);
    this.paintLegend();
    if (series.bars.length === 0) this.#explainEmpty();
    this.frame.dataset.adjusted = series.adjusted;
    this.gaps.show(this.model.symbol);
    this.#followBars();
    performance.mark('desk-first-candle');
    this.header.offerSymbols();
  }

  showReread(series) {
    this.pane.fitPrices();
    this.#followBars();
    this.paintLegend();
    this.frame.dataset.adjusted = series.adjusted;
    this.frame.dataset.rereads = String(Number(this.frame.dataset.rereads ?? 0) + 1);
  }

  async #explainEmpty() {
    const { symbol } = this.model;
    this.#note('empty', h('p', {}, `No bars of ${symbol} yet.`));
    const known = (await this.header.offerSymbols(symbol)).find((item) => item.symbol === symbol);
    const now = market.clock ? market.clock.now.slice(0, 10) : null;
    if (known && symbol === this.model.symbol && this.notice.dataset.kind === 'empty' && known.first_session > now) {
      this.#note('empty', h('p', {}, h('b', {}, `${symbol} is not listed yet.`)),
        h('p', {}, `Its first session is ${known.first_session}; the market clock stands at ${now}.`));
    }
  }

  showError(error) {
    this.failed = error;
    if (error.status === 404) {
      this.#showUnknown(error);
      return;
    }
    const again = h('button', { class: 'btn', type: 'button', onclick: () => this.model.reload() }, 'Try again');
    // Why market data are not current is said, and kept up to date, by the banner.
    const why = market.condition().isCurrent ? h('p', {}, words(error)) : null;
    this.#note('error', h('p', {}, h('b', {}, `No bars of ${this.model.symbol}.`)), why, again);
  }

  #showUnknown(error) {
    const near = nearMatches(error);
    const offers = near.map((symbol) => h('button', {
      class: 'btn', type: 'button', onclick: () => this.show({ symbol }),
    }, symbol));
    this.#note('unknown', h('p', {}, h('b', {}, error.error?.message ?? `${this.model.symbol} is not known.`)),
      near.length ? h('p', {}, 'Did you mean ', ...offers) : null,
      market.clock?.replay ? h('p', {}, `The market clock stands at ${market.clock.now.slice(0, 10)}; `
        + 'what is listed later appears once it has got there.') : null);
  }

  #note(kind, ...content) {
    this.notice.dataset.kind = kind;
    this.notice.replaceChildren(h('div', { class: 'notice-box' }, ...content));
    setHidden(this.notice, false);
  }

  #fileName(extension) {
    const day = market.clock ? market.clock.now.slice(0, 10) : 'bars';
    const { symbol, interval, series, adjusted } = this.model;
    const adjustment = adjustmentInFileName(series?.adjusted ?? adjusted);
    return `${symbol}-${interval}-${adjustment}-${day}.${extension}`;
  }

  saveCsv() {
    const { symbol, adjusted, series } = this.model;
    const table = toCsv(symbol, series ?? { bars: [], adjusted });
    download(this.#fileName('csv'), new Blob([table], { type: 'text/csv' }));
  }

  savePicture() {
    const picture = this.pane.picture();
    const context = picture.getContext('2d');
    const scale = globalThis.devicePixelRatio || 1;
    const isSimulated = market.clock?.replay && !DAILY.has(this.model.interval);
    const origin = market.clock?.replay ? ` · REPLAY${isSimulated ? ', simulated intraday' : ''}` : '';
    context.font = `${13 * scale}px system-ui, sans-serif`;
    context.fillStyle = this.pane.palette.text;
    const { symbol, interval, adjusted, series } = this.model;
    const adjustment = adjustmentWords(series?.adjusted ?? adjusted);
    context.fillText(`${symbol} ${intervalName(interval)} · ${adjustment}${origin}`, 12 * scale, 20 * scale);
    picture.toBlob((blob) => blob && download(this.#fileName('png'), blob), 'image/png');
  }

  destroy() {
    this.tasks.destroy();
  }
}

function nearMatches(error) {
  const found = error.details.flatMap((detail) => detail.symbol ?? detail.near_matches ?? detail.matches ?? []);
  if (found.length) return [...new Set(found)];
  const named = (error.error?.next_step ?? '').match(/\b[A-Z][A-Z0-9.^-]{0,9}\b/g) ?? [];
  return [...new Set(named)].slice(0, 5);
}

export default mounted((component) => {
  const count = Number(document.documentElement.dataset.chartMounts ?? 0) + 1;
  document.documentElement.dataset.chartMounts = String(count);
  return new ChartView(component);
});
