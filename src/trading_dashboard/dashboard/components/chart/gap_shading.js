// Draws gaps behind the candles: plain where they were filled, hatched where data are missing.

const MIN_WIDTH = 4;
const HATCH = 7;
const EDGE = 3;

/** A primitive of the chart library; see candle_pane for all else that knows the library. */
export class GapShading {
  constructor(colours) {
    this.colours = colours;
    this.stretches = [];
    this.drawn = [];
    this.view = { zOrder: () => 'bottom', renderer: () => ({ draw: (target) => this.#draw(target) }) };
  }

  attached({ chart, requestUpdate }) {
    this.chart = chart;
    this.requestUpdate = requestUpdate;
  }

  paneViews() {
    return [this.view];
  }

  set(stretches) {
    this.stretches = stretches;
    this.requestUpdate?.();
  }

  /** What is drawn at that place, in pixels from the left. */
  at(x) {
    return this.drawn.find(({ left, right }) => x >= left - 1 && x <= right + 1)?.gap ?? null;
  }

  #draw(target) {
    target.useBitmapCoordinateSpace(({ context, bitmapSize, horizontalPixelRatio: ratio, mediaSize }) => {
      this.drawn = this.stretches.map((stretch) => this.#place(stretch))
        .filter(({ left, right }) => right > 0 && left < mediaSize.width);
      for (const { gap, left, right } of this.drawn) {
        this.#paint(context, Math.round(left * ratio), Math.round(right * ratio), bitmapSize.height, ratio, !gap.filled_at);
      }
    });
  }

  #place({ gap, from, to }) {
    const scale = this.chart.timeScale();
    const whole = Math.floor(from);
    // The scale knows whole bars only.
    const origin = scale.logicalToCoordinate(whole);
    const step = scale.logicalToCoordinate(whole + 1) - origin;
    const left = origin + (from - whole) * step;
    const right = origin + (to - whole) * step;
    const lacking = Math.max(0, MIN_WIDTH - (right - left)) / 2;
    return { gap, left: left - lacking, right: right + lacking };
  }

  #paint(context, left, right, height, ratio, isOpen) {
    const { shade, warn, ok } = this.colours();
    context.save();
    context.beginPath();
    context.rect(left, 0, right - left, height);
    context.clip();
    context.fillStyle = shade;
    context.fillRect(left, 0, right - left, height);
    if (isOpen) {
      context.globalAlpha = 0.35;
      context.strokeStyle = warn;
      context.lineWidth = ratio;
      context.beginPath();
      for (let x = left - height; x < right; x += HATCH * ratio) {
        context.moveTo(x, height);
        context.lineTo(x + height, 0);
      }
      context.stroke();
      context.globalAlpha = 1;
    }
    context.fillStyle = isOpen ? warn : ok;
    context.fillRect(left, 0, right - left, EDGE * ratio);
    context.restore();
  }
}
