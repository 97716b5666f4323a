// Draws patterns over the candles: lines and pivots, levels, and marks of candlesticks.
//
// A primitive of the chart library, as gap_shading. It draws what it is given; what may be drawn is
// decided by pattern_layer.

const MARK = 4;
const MARK_GAP = 9;
const NEAR = 6;
const LABEL_HEIGHT = 12;
const LABEL = '11px "Source Sans", system-ui, sans-serif';

/** Distance of a point from a stretch of a line, pixels. */
function distance(px, py, { x1, y1, x2, y2 }) {
  const dx = x2 - x1;
  const dy = y2 - y1;
  const along = dx || dy ? Math.max(0, Math.min(1, ((px - x1) * dx + (py - y1) * dy) / (dx * dx + dy * dy))) : 0;
  return Math.hypot(px - x1 - along * dx, py - y1 - along * dy);
}

export class PatternDrawing {
  constructor(colours) {
    this.colours = colours;
    this.shapes = [];
    this.marks = [];
    this.levels = [];
    this.focus = null;
    this.placed = { strokes: [], marks: [] };
    this.view = { zOrder: () => 'top', renderer: () => ({ draw: (target) => this.#draw(target) }) };
  }

  attached({ chart, series, requestUpdate }) {
    this.chart = chart;
    this.series = series;
    this.requestUpdate = requestUpdate;
  }

  paneViews() {
    return [this.view];
  }

  /** Make room for the levels of the pattern in focus. */
  autoscaleInfo() {
    const prices = (this.focus?.isChosen ? this.focus.levels : []).map(({ price }) => price);
    if (prices.length === 0) return null;
    return { priceRange: { minValue: Math.min(...prices), maxValue: Math.max(...prices) } };
  }

  /**
   * @param shapes [{id, tone, isDashed, lines: [{from, fromPrice, to, toPrice}], pivots: [{at, price}]}], in bars as the library counts.
   * @param marks [{at, price, side, items}]: side 1 below the bar, -1 above it.
   * @param levels [{price, text, tone}] over the whole width.
   */
  set({ shapes, marks, levels }) {
    this.shapes = shapes;
    this.marks = marks;
    this.levels = levels;
    this.requestUpdate?.();
  }

  /** {id, isChosen, from, levels: [{price, text, tone}]}: drawn stronger, with its levels; null for none. */
  setFocus(focus) {
    if (focus === this.focus) return;
    this.focus = focus;
    this.requestUpdate?.();
  }

  /** Ids of shapes, or the items of a mark, at a place; pixels of the pane. */
  at(px, py) {
    const mark = this.placed.marks.find(({ x, y }) => Math.abs(px - x) <= NEAR && Math.abs(py - y) <= NEAR + 2);
    if (mark) return mark.items;
    const near = this.placed.strokes.map((stroke) => [distance(px, py, stroke), stroke.id]).filter(([away]) => away <= NEAR);
    near.sort(([a], [b]) => a - b);
    return [...new Set(near.map(([, id]) => id))];
  }

  #x(index) {
    const scale = this.chart.timeScale();
    const whole = Math.floor(index);
    const origin = scale.logicalToCoordinate(whole);
    if (whole === index) return origin;
    return origin + (index - whole) * (scale.logicalToCoordinate(whole + 1) - origin);
  }

  #y(price) {
    return this.series.priceToCoordinate(price);
  }

  #draw(target) {
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      const palette = this.colours();
      this.placed = { strokes: [], marks: [] };
      context.save();
      context.font = LABEL;
      this.#drawLevels(context, palette, this.levels, { left: 0, right: mediaSize.width, dash: [2, 4] });
      for (const shape of this.shapes) this.#shape(context, palette, shape, mediaSize);
      for (const mark of this.marks) this.#mark(context, palette, mark, mediaSize);
      if (this.focus) {
        const left = Math.max(0, this.#x(this.focus.from) ?? 0);
        this.#drawLevels(context, palette, this.focus.levels, { left, right: mediaSize.width, dash: [5, 4] });
      }
      context.restore();
    });
  }

  #shape(context, palette, shape, { width }) {
    const isFocus = this.focus?.id === shape.id;
    context.strokeStyle = palette[shape.tone];
    context.lineWidth = isFocus ? 2.5 : 1.5;
    context.globalAlpha = isFocus || shape.tone !== 'past' ? 1 : 0.7;
    context.setLineDash(shape.isDashed ? [6, 4] : []);
    for (const { from, fromPrice, to, toPrice } of shape.lines) {
      const stroke = { id: shape.id, x1: this.#x(from), y1: this.#y(fromPrice), x2: this.#x(to), y2: this.#y(toPrice) };
      if (stroke.x1 === null || stroke.y1 === null || stroke.y2 === null || stroke.x2 < 0 || stroke.x1 > width) continue;
      this.placed.strokes.push(stroke);
      context.beginPath();
      context.moveTo(stroke.x1, stroke.y1);
      context.lineTo(stroke.x2, stroke.y2);
      context.stroke();
    }
    context.setLineDash([]);
    if (isFocus) this.#pivots(context, palette, shape);
    context.globalAlpha = 1;
  }

  #pivots(context, palette, shape) {
    context.fillStyle = palette.panel;
    context.lineWidth = 1.5;
    for (const { at, price } of shape.pivots) {
      const y = this.#y(price);
      if (y === null) continue;
      context.beginPath();
      context.arc(this.#x(at), y, 3.5, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }

  /** Lines with their words above them, or below where those of the line above stand. */
  #drawLevels(context, palette, levels, { left, right, dash }) {
    const placed = levels.map((level) => ({ ...level, y: this.#y(level.price) })).filter(({ y }) => y !== null);
    let taken = -Infinity;
    context.lineWidth = 1;
    context.textAlign = 'right';
    for (const { y, text, tone } of placed.sort((a, b) => a.y - b.y)) {
      context.strokeStyle = palette[tone];
      context.fillStyle = palette[tone];
      context.setLineDash(dash);
      context.beginPath();
      context.moveTo(left, Math.round(y) + 0.5);
      context.lineTo(right, Math.round(y) + 0.5);
      context.stroke();
      taken = y - 4 - taken < LABEL_HEIGHT ? y + LABEL_HEIGHT : y - 4;
      context.fillText(text, right - 6, taken);
    }
    context.setLineDash([]);
  }

  #mark(context, palette, { at, price, side, items, tone }, { width }) {
    const x = this.#x(at);
    const bar = this.#y(price);
    if (x === null || bar === null || x < -MARK || x > width + MARK) return;
    const y = bar + (side > 0 ? MARK_GAP : -MARK_GAP);
    this.placed.marks.push({ x, y, items });
    context.fillStyle = palette[tone];
    context.beginPath();
    if (tone === 'past') {
      context.moveTo(x, y - MARK);
      context.lineTo(x + MARK, y);
      context.lineTo(x, y + MARK);
      context.lineTo(x - MARK, y);
    } else {
      context.moveTo(x, y - side * MARK);
      context.lineTo(x + MARK, y + side * MARK * 0.8);
      context.lineTo(x - MARK, y + side * MARK * 0.8);
    }
    context.fill();
  }
}
