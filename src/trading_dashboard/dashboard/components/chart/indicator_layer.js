// The indicators on the chart: read from the pattern agent, drawn, and told at the crosshair.
//
// No number is computed here: what is drawn is what the agent answered, on the bars there are. It is
// read again when a bar closes and when older bars come in.

import { control, patterns, token } from '/assets/js/hub.js';
import { words } from '/assets/js/api.js';
import { arrange, h, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { NONE, number } from '/assets/js/format.js';
import { isLookedAt } from '/assets/js/pattern_words.js';
import { CloudFill, cloudOf } from './cloud_fill.js';
import { choiceName, parametersOf } from './indicator_choice.js';
import { lastClosed } from './pattern_shapes.js';

const COLOURS = 6;
const MAX_LIMIT = 5_000;
/** Between two readings; bars of seconds close more often than anybody reads. */
const PAUSE = 1_000;
const RETRY = 5_000;

function digits(value) {
  if (Math.abs(value) >= 100_000) return 0;
  return Math.abs(value) < 1 ? 4 : 2;
}

class Indicator {
  constructor(choice, definition, colour) {
    this.choice = choice;
    this.definition = definition;
    this.colour = colour;
    this.lines = [];
    this.drawn = [];
    this.trouble = null;
    this.newest = null;
    this.swatch = h('i', { class: `swatch series-${colour}`, 'aria-hidden': 'true' });
    this.name = h('span', { class: 'k' }, choiceName(choice));
    this.values = h('span', { class: 'v' });
    this.node = h('span', { class: 'indicator', dataset: { indicator: choice.id } }, this.swatch, this.name, this.values);
  }

  /** What stands at a bar: the values of all lines. */
  paint(time) {
    if (this.trouble) {
      setText(this.values, this.trouble);
      setAttribute(this.values, 'class', 'v warn');
      return;
    }
    if (this.values.childElementCount !== this.lines.length) this.#makeValues();
    this.lines.forEach(({ byTime }, at) => {
      const value = byTime.get(time) ?? null;
      setText(this.texts[at], value === null ? NONE : number(value, digits(value)));
    });
    setAttribute(this.values, 'class', 'v');
  }

  #makeValues() {
    this.texts = this.lines.map(() => h('span'));
    this.values.replaceChildren(...this.lines.map(({ name }, at) => h('span', {}, this.lines.length > 1
      ? h('span', { class: `line-name series-${this.colourOf(at)}` }, `${name.replaceAll('_', ' ')} `) : null, this.texts[at])));
  }

  /** Bands around one line look alike; other lines are told apart. */
  colourOf(at) {
    const isBand = this.lines.length <= 3 && this.lines.every(({ style, pane }) => style === 'line' && pane === 'price');
    return (this.colour + (isBand ? 0 : at)) % COLOURS;
  }
}

/**
 * A line's points on the bars there are: one without a bar would shift all bars. A displaced line stands
 * so many bars beside where it was known.
 */
function placed(line, times, bars, index) {
  const points = times.flatMap((time, at) => {
    const bar = index.has(time) ? bars[index.get(time) + (line.displacement ?? 0)] : null;
    const value = line.values[at];
    return bar ? [value === null ? { time: bar.time } : { time: bar.time, value }] : [];
  });
  return { ...line, points, byTime: new Map(points.map(({ time, value }) => [time, value ?? null])) };
}

export class IndicatorLayer {
  /** @param look {frame, legends} */
  constructor(tasks, pane, look) {
    this.pane = pane;
    this.look = look;
    this.of = null;
    this.series = null;
    this.indicators = [];
    this.definitions = null;
    this.unknown = [];
    this.hovered = null;
    this.timer = null;
    this.isReading = false;
    this.isDue = false;
    this.node = h('div', { class: 'indicator-legend', hidden: true });
    this.note = h('span', { class: 'k' });
    look.legends.append(this.node);
    tasks.on(globalThis, 'desk-theme', () => this.#restyle());
    tasks.add(control.subscribe(() => this.#wake()));
    tasks.add(() => { clearTimeout(this.timer); this.request?.abort(); });
  }

  /** Show these, as the catalogue defines them; unknown ones say so. */
  set(chosen, definitions) {
    this.definitions = definitions;
    for (const indicator of this.indicators) this.#erase(indicator);
    this.unknown = definitions === null ? [] : chosen.filter(({ id }) => !definitions.some((one) => one.id === id)).map(choiceName);
    this.indicators = definitions === null ? [] : chosen.flatMap((choice, index) => {
      const definition = definitions.find(({ id }) => id === choice.id);
      return definition ? [new Indicator(choice, definition, index % COLOURS)] : [];
    });
    arrange(this.node, [...this.indicators.map(({ node }) => node), this.note]);
    for (const child of [...this.node.children]) if (child !== this.note && !this.indicators.some(({ node }) => node === child)) child.remove();
    this.#readSoon(0);
    this.paint();
  }

  /** Follow a symbol's bars; null while there are none. */
  show(of) {
    if (JSON.stringify(of) === JSON.stringify(this.of)) return;
    this.of = of;
    this.request?.abort();
    for (const indicator of this.indicators) this.#erase(indicator);
    this.closed = null;
    this.first = null;
    this.#readSoon(0);
    this.paint();
  }

  /** The bars have changed: a bar has closed, or older ones came in. */
  draw(series) {
    this.series = series;
    const closed = series?.last ? lastClosed(series)?.time ?? null : null;
    const first = series?.first?.time ?? null;
    if (closed === this.closed && first === this.first) return;
    this.closed = closed;
    this.first = first;
    this.#readSoon(this.isReading || this.lastAt ? Math.max(0, this.lastAt + PAUSE - performance.now()) : 0);
  }

  /** Tell the values at a bar; null tells the newest. */
  point(time) {
    this.hovered = time;
    this.paint();
  }

  paint() {
    const words = this.#words();
    const said = words || this.#unknownWords();
    setText(this.note, said);
    setHidden(this.note, !said);
    setHidden(this.node, this.indicators.length === 0 && !said);
    const time = this.hovered ?? (this.series?.last ? lastClosed(this.series)?.time ?? null : null);
    for (const indicator of this.indicators) {
      setHidden(indicator.node, Boolean(words));
      indicator.paint(time);
    }
    setAttribute(this.look.frame, 'data-indicators', this.indicators.filter(({ drawn }) => drawn.length).map(({ choice }) => choiceName(choice)).join(','));
  }

  #words() {
    if (this.indicators.length === 0 || this.of === null) return '';
    if (this.of.adjusted !== 'splits') return 'Indicators are computed on prices adjusted for splits: choose “splits” to see them.';
    if (!isLookedAt(this.of.interval)) return 'Indicators are computed on bars of a minute and longer.';
    return patterns.isUp() ? '' : 'Indicators are not known now: pattern_recognition does not run.';
  }

  #unknownWords() {
    return this.unknown.length ? `There is no indicator ${this.unknown.join(', ')}. Remove it above.` : '';
  }

  #isShowable() {
    return this.of !== null && this.series?.first && !this.#words() && this.indicators.length > 0;
  }

  #wake() {
    const isUp = patterns.isUp();
    if (isUp !== this.wasUp) {
      this.wasUp = isUp;
      if (isUp) this.#readSoon(0);
      this.paint();
    }
  }

  #readSoon(delay) {
    this.isDue = true;
    if (this.isReading) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#readAll(), delay);
  }

  async #readAll() {
    if (!this.#isShowable()) return;
    this.isReading = true;
    this.isDue = false;
    this.lastAt = performance.now();
    const request = new AbortController();
    this.request = request;
    const { of, series, indicators } = this;
    const limit = Math.min(series.bars.length + 1, MAX_LIMIT);
    await Promise.all(indicators.map((indicator) => this.#read(indicator, { of, limit, signal: request.signal })));
    this.isReading = false;
    this.paint();
    const hasFailed = indicators.some(({ trouble }) => trouble);
    if (this.isDue) this.#readSoon(PAUSE);
    else if (hasFailed) this.#readSoon(RETRY);
    else if (this.#isBehind()) this.#readSoon(PAUSE);
  }

  /** Whether the agent had not seen the newest closed bar yet: the next one may be long in coming. */
  #isBehind() {
    const closed = this.series?.last ? lastClosed(this.series)?.time ?? null : null;
    return closed !== null && this.indicators.some(({ newest }) => newest !== null && newest < closed);
  }

  async #read(indicator, { of, limit, signal }) {
    const { choice, definition } = indicator;
    const query = { name: choice.id, timeframe: of.interval, limit, ...parametersOf(choice, definition) };
    let answer = null;
    try {
      answer = await patterns.read(patterns.of('/indicators', of.symbol, query), { signal });
    } catch (error) {
      if (signal.aborted) return;
      this.#erase(indicator);
      indicator.trouble = words(error);
      return;
    }
    if (signal.aborted || !this.indicators.includes(indicator)) return;
    indicator.trouble = null;
    this.#take(indicator, answer);
  }

  #take(indicator, answer) {
    const { series } = this;
    const times = answer.timestamps.map((timestamp) => series.axisTime(timestamp));
    const index = new Map(series.bars.map(({ time }, at) => [time, at]));
    const lines = answer.lines.map((line) => placed(line, times, series.bars, index));
    const kinds = lines.map(({ style, pane }) => `${style} ${pane}`).join();
    if (kinds !== indicator.kinds) this.#erase(indicator);
    indicator.lines = lines;
    indicator.newest = times.at(-1) ?? null;
    if (indicator.drawn.length === 0) {
      indicator.kinds = kinds;
      const own = indicator.lines.some(({ pane }) => pane !== 'price') ? this.pane.newPane() : 0;
      indicator.drawn = indicator.lines.map((line, at) => this.pane.addLine(line.style, line.pane === 'price' ? 0 : own, this.#colour(indicator, at)));
      const edge = indicator.lines.findIndex(({ style }) => style === 'cloud');
      indicator.cloud = edge < 0 ? null : new CloudFill(() => ({ up: token('--up'), down: token('--down') }));
      if (indicator.cloud) indicator.drawn[edge].attachPrimitive(indicator.cloud);
    }
    indicator.lines.forEach(({ points }, at) => indicator.drawn[at].setData(points));
    indicator.cloud?.set(cloudOf(indicator.lines, index));
  }

  #colour(indicator, at) {
    const colour = token(`--series-${indicator.colourOf(at)}`);
    return indicator.lines[at].style === 'histogram' ? `${colour}80` : colour;
  }

  #restyle() {
    for (const indicator of this.indicators) {
      indicator.drawn.forEach((line, index) => line.applyOptions({ color: this.#colour(indicator, index) }));
    }
  }

  #erase(indicator) {
    for (const line of indicator.drawn) this.pane.removeLine(line);
    indicator.drawn = [];
    indicator.lines = [];
    indicator.kinds = null;
  }
}
