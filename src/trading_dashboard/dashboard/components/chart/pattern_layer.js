// The patterns of the chart's symbol: read, followed live, drawn, explained under the pointer.
//
// Owns what may be drawn: only what was known at the close of the newest closed bar, and only on
// bars adjusted as the patterns are, for splits.

import { control, patterns, token } from '/assets/js/hub.js';
import { words } from '/assets/js/api.js';
import { h, perFrame, setAttribute, setHidden } from '/assets/js/dom.js';
import { price } from '/assets/js/format.js';
import { Poller } from '/assets/js/poller.js';
import { patternReader } from '/assets/js/pattern_reader.js';
import { DEFAULT_HORIZON, directionWords, isLookedAt, KINDS, marketTime, noWorth, targetWords, worthAt, worthTitle, worthWords } from '/assets/js/pattern_words.js';
import { PatternDrawing } from './pattern_drawing.js';
import { levelPanel, nearestLevels, patternPanel } from './pattern_panel.js';
import { candleMarks, chosenShapes, focusOf, knownOf, lastClosed, shapeWords } from './pattern_shapes.js';

const LEVEL_PAUSE = 15_000;
const READ_PAUSE = 10_000;
const LIMITS = { chart: 200, candlestick: 500 };
const TIP_WIDTH = 260;
const TIP_MARGIN = 14;
const MAX_TIP = 4;

function tones() {
  return {
    open: token('--warn'), past: token('--faint'), up: token('--up'), down: token('--down'), panel: token('--panel'), level: token('--muted'),
  };
}

export class PatternLayer {
  /** @param look {frame, side, shown, onChosen(id), reach(detection)} */
  constructor(tasks, pane, look) {
    this.look = look;
    this.shown = look.shown;
    this.of = null;
    this.series = null;
    this.found = new Map();
    this.known = [];
    this.range = null;
    this.chosen = null;
    this.hovered = null;
    this.isRead = false;
    this.trouble = null;
    this.palette = null;
    this.drawing = new PatternDrawing(() => { this.palette ??= tones(); return this.palette; });
    pane.attach(this.drawing);
    this.tip = h('div', { class: 'pattern-tip', role: 'tooltip', hidden: true });
    look.frame.append(this.tip);
    this.panel = patternPanel({ onChoose: (id) => this.choose(id === this.chosen ? null : id), onHover: (id) => this.#hover(id) });
    this.levels = levelPanel();
    look.side.append(this.panel.node, this.levels.node);
    this.repaint = perFrame(tasks, () => this.#paint());
    this.levelPoller = new Poller(tasks, {
      reader: patternReader, pause: LEVEL_PAUSE, path: () => this.#levelPath(),
      take: (answer) => { this.levelAnswer = answer; this.repaint(); }, paint: () => this.#paintLevels(),
    });
    tasks.on(globalThis, 'desk-theme', () => { this.palette = null; this.repaint(); });
    tasks.add(control.subscribe(() => this.#paintPanel()));
    tasks.every(1000, () => this.#paintPanel());
    tasks.add(() => this.#leave());
  }

  /** Follow a symbol's patterns; null while there are no bars to draw them on. */
  show(of) {
    const isSame = JSON.stringify(of) === JSON.stringify(this.of);
    if (isSame) return;
    this.#leave();
    this.of = of;
    this.found = new Map();
    this.isRead = false;
    this.trouble = null;
    this.levelAnswer = null;
    this.levelPoller.forget();
    if (this.#isShowable()) {
      const wanted = { symbols: [of.symbol], timeframes: [of.interval], kinds: KINDS };
      this.end = patterns.subscribe(wanted, (change) => this.#take(change));
    }
    this.levelPoller.now();
    this.repaint();
  }

  /** Choose a pattern: it is drawn stronger, with its levels, and brought into view. */
  choose(id, { isQuiet = false } = {}) {
    this.chosen = id;
    if (!isQuiet) this.look.onChosen(id);
    this.isWaiting = id !== null;
    this.#bringIntoView();
    this.repaint();
  }

  /** What is drawn: {patterns, candlesticks, past, levels}. */
  setShown(shown) {
    this.shown = shown;
    this.repaint();
  }

  draw(series) {
    this.series = series;
    this.repaint();
    this.#readAgain();
  }

  /** Of bars that the agent does not follow the stream tells nothing: a closed bar is reason to ask. */
  #readAgain() {
    if (patterns.found.size > 0) return;
    const closed = this.series?.first ? lastClosed(this.series)?.time : null;
    if (!this.isRead || !closed || closed === this.readAt || !patterns.isUp()) return;
    if (performance.now() - this.readSince < READ_PAUSE) return;
    this.#read();
  }

  setRange(range) {
    this.range = range;
    this.repaint();
  }

  /** Explain what lies under the pointer; null when it has left. */
  point(x, y) {
    const ids = x === null || y === null ? [] : this.drawing.at(x, y);
    const items = ids.map((id) => this.known.find((one) => one.id === id)).filter(Boolean);
    this.#hover(items.find(({ kind }) => kind === 'chart')?.id ?? null);
    setHidden(this.tip, items.length === 0);
    if (items.length === 0) return;
    this.tip.replaceChildren(...items.slice(0, MAX_TIP).map(tipOf), ...(items.length > MAX_TIP ? [h('p', { class: 'k' }, `and ${items.length - MAX_TIP} more`)] : []));
    const { clientWidth, clientHeight } = this.look.frame;
    const left = x + TIP_MARGIN + TIP_WIDTH > clientWidth ? Math.max(4, x - TIP_WIDTH - TIP_MARGIN) : x + TIP_MARGIN;
    this.tip.style.left = `${left}px`;
    this.tip.style.top = `${Math.max(4, Math.min(y + TIP_MARGIN, clientHeight - this.tip.offsetHeight - 4))}px`;
  }

  #isShowable() {
    return this.of !== null && this.of.adjusted === 'splits' && isLookedAt(this.of.interval);
  }

  #levelPath() {
    if (!this.#isShowable()) return null;
    return patterns.of('/levels', this.of.symbol, { timeframe: this.of.interval });
  }

  #leave() {
    this.end?.();
    this.end = null;
    this.request?.abort();
  }

  #take({ type, detection }) {
    if (type === 'state') this.#paintPanel();
    else if (type === 'one') this.#add([detection]);
    else {
      this.found = new Map();
      this.#add([...patterns.found.values()]);
      if (patterns.hasSnapshot) this.#read();
    }
  }

  #add(detections) {
    for (const one of detections) this.found.set(one.id, one);
    this.#bringIntoView();
    this.repaint();
  }

  /** What the stream does not tell: those that are over. */
  async #read() {
    this.request?.abort();
    const request = new AbortController();
    this.request = request;
    const { symbol, interval } = this.of;
    this.readSince = performance.now();
    this.readAt = this.series?.first ? lastClosed(this.series)?.time : null;
    let answers = [];
    try {
      answers = await Promise.all(KINDS.map((kind) => patterns.read(
        patterns.of('/patterns', symbol, { timeframe: interval, kind, limit: LIMITS[kind] }), { signal: request.signal })));
      this.trouble = null;
    } catch (error) {
      if (!request.signal.aborted) this.trouble = words(error);
    }
    if (request.signal.aborted) return;
    // What the stream said meanwhile is newer.
    this.#add(answers.flatMap((answer) => answer.patterns).filter(({ id }) => !patterns.found.has(id)));
    this.isRead = true;
    this.#bringIntoView();
    this.repaint();
  }

  #bringIntoView() {
    const detection = this.isWaiting && this.series?.first ? this.found.get(this.chosen) : null;
    if (!detection || !lastClosed(this.series)) return;
    this.isWaiting = false;
    this.look.reach(detection);
  }

  #hover(id) {
    if (id === this.hovered) return;
    this.hovered = id;
    this.#paintFocus();
  }

  #paint() {
    const { series } = this;
    const isDrawable = this.#isShowable() && series && series.first && lastClosed(series);
    this.known = isDrawable ? knownOf([...this.found.values()], series) : [];
    const { shown, range } = this;
    const shapes = isDrawable && shown.patterns ? chosenShapes(this.known, series, { hasPast: shown.past, chosen: this.chosen, range }) : [];
    const marks = isDrawable && shown.candlesticks ? candleMarks(this.known, series, range) : [];
    const levels = isDrawable && shown.levels ? nearestLevels(this.levelAnswer?.levels ?? []) : [];
    this.drawing.set({ shapes, marks, levels: levels.map((one) => ({ price: one.price, text: price(one.price), tone: 'level' })) });
    setAttribute(this.look.frame, 'data-patterns', shapes.map(({ id }) => id).join(' '));
    setAttribute(this.look.frame, 'data-marks', marks.length);
    this.#paintFocus();
    this.#paintPanel();
    this.#paintLevels();
  }

  #paintFocus() {
    const id = this.hovered ?? this.chosen;
    const detection = this.shown.patterns ? this.known.find((one) => one.id === id) : null;
    this.drawing.setFocus(detection ? focusOf(detection, this.series, id === this.chosen) : null);
    setAttribute(this.look.frame, 'data-focus', detection?.id ?? null);
  }

  #paintPanel() {
    const condition = patterns.condition();
    const isOld = this.#isShowable() && !condition.isCurrent && condition.kind !== 'connecting';
    this.panel.paint(this.known, this.chosen, this.#words(condition), isOld);
  }

  #words(condition) {
    if (this.of === null) return 'Waits for the bars';
    if (this.of.adjusted !== 'splits') return 'Patterns are found on prices adjusted for splits. Choose “splits” above to see them.';
    if (!isLookedAt(this.of.interval)) return 'Patterns are looked for in bars of a minute and longer.';
    if (!condition.isCurrent) return `${condition.text}.`.replace('..', '.');
    if (this.trouble) return this.trouble;
    if (!this.isRead) return 'Reading the patterns';
    const isMissing = this.chosen !== null && !this.found.has(this.chosen);
    if (isMissing) return 'The pattern that was asked for is not known any more.';
    return this.known.some(({ kind }) => kind === 'chart') ? '' : 'No chart pattern is known in these bars.';
  }

  #paintLevels() {
    const { levelAnswer: answer, levelPoller: poller } = this;
    if (!this.#isShowable()) this.levels.paint(null, 'Not known for these bars or this adjustment.');
    else if (!answer) this.levels.paint(null, poller.blocked || poller.trouble || 'Reading the levels');
    else this.levels.paint(answer, poller.trouble ?? (poller.blocked || sentenceOf(poller.staleness) || (answer.levels.length ? '' : 'No level was touched twice.')));
  }
}

function sentenceOf(words) {
  return words && `${words[0].toUpperCase()}${words.slice(1)}.`;
}

function tipOf(item) {
  const known = worthAt(item, DEFAULT_HORIZON);
  return h('div', { class: 'tip-item' }, h('b', {}, shapeWords(item)),
    h('div', { class: 'k' }, `${directionWords(item.direction)}, ${item.timeframe}, known ${marketTime(item.known_at, item.timeframe)}`),
    targetWords(item) ? h('div', { class: 'k' }, targetWords(item)) : null,
    h('div', {}, known ? `Worth ${worthWords(known)}` : noWorth(item) || 'Worth is told once it is confirmed'), known ? h('div', { class: 'quiet' }, worthTitle(known)) : null);
}
