// The gaps of the chart's symbol: read, shaded, and explained in a legend below the candles.

import { market, token } from '/assets/js/hub.js';
import { causeWords, isDaily } from '/assets/js/data_words.js';
import { h, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { duration, zonedParts } from '/assets/js/format.js';
import { bySymbol, Poller } from '/assets/js/poller.js';
import { gapStretches } from './gap_stretches.js';
import { GapShading } from './gap_shading.js';

const PAUSE = 15_000;

function moment(timestamp, gap) {
  if (isDaily(gap.interval)) return timestamp.slice(0, 10);
  const { date, time } = zonedParts(Date.parse(timestamp), market.timeZone);
  return `${date} ${time.slice(0, 5)}`;
}

/** "source was silent · 2012-09-05 11:20 for 12 m 0 s · filled" */
export function gapWords(gap) {
  const length = duration((Date.parse(gap.end) - Date.parse(gap.start)) / 1000);
  const attempts = gap.attempts ? ` after ${gap.attempts} ${gap.attempts === 1 ? 'attempt' : 'attempts'}` : '';
  const state = gap.filled_at ? `filled ${moment(gap.filled_at, { interval: null })}` : `not filled${attempts}`;
  return `${causeWords(gap.cause)} · ${moment(gap.start, gap)} for ${length} · ${state}`;
}

export class GapLayer {
  constructor(tasks, pane, frame, legends) {
    this.symbol = null;
    this.series = null;
    this.gaps = [];
    this.frame = frame;
    this.shading = new GapShading(() => ({ shade: token('--shade'), warn: token('--warn'), ok: token('--ok') }));
    pane.attach(this.shading);
    this.counts = h('span', { class: 'k' });
    this.hovered = h('span', { class: 'hovered' });
    this.legend = h('div', { class: 'gap-legend', role: 'status', hidden: true }, this.counts, this.hovered);
    legends.append(this.legend);
    this.poller = new Poller(tasks, {
      path: () => (this.symbol === null ? null : bySymbol('/gaps', this.symbol)), pause: PAUSE,
      take: ({ gaps }) => {
        this.gaps = gaps;
        this.draw(this.series);
      },
      paint: () => this.#paint(),
    });
  }

  /** Show those of a symbol; null while there are no bars to shade. */
  show(symbol) {
    if (symbol === this.symbol) return;
    this.symbol = symbol;
    this.gaps = [];
    this.poller.forget();
    this.poller.now();
    this.draw(this.series);
  }

  draw(series) {
    this.series = series;
    this.shown = series && this.symbol !== null ? gapStretches(this.gaps, series) : [];
    this.shading.set(this.shown);
    this.#paint();
  }

  /** Explain what lies under the pointer; null when it has left. */
  point(x) {
    const gap = x === null ? null : this.shading.at(x);
    setText(this.hovered, gap ? gapWords(gap) : '');
  }

  #paint() {
    const shown = this.shown ?? [];
    const open = shown.filter(({ gap }) => !gap.filled_at).length;
    const filled = shown.length - open;
    setAttribute(this.frame, 'data-gaps', this.poller.isLoaded ? `${open} ${filled}` : null);
    const trouble = this.symbol !== null && this.poller.trouble ? 'Gaps are not known now.' : '';
    const parts = [open ? `▨ ${open} not filled` : '', filled ? `▢ ${filled} filled` : ''].filter(Boolean);
    setText(this.counts, trouble || (parts.length ? `Gaps ${parts.join(' · ')}` : ''));
    setHidden(this.legend, !trouble && parts.length === 0);
  }
}
