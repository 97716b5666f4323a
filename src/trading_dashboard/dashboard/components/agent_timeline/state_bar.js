// One agent's bar: its states over time, readable by pointer and by arrow keys.

import { arrange, h, setAttribute, setText } from '/assets/js/dom.js';
import { duration, wallTime } from '/assets/js/format.js';
import { selection } from '/assets/js/selection.js';
import { segments, STATES } from './state_spans.js';

const BUCKETS = 360;

export class StateBar {
  /** @param onRead (text): says what is under the pointer or the keyboard, '' for nothing */
  constructor(name, onRead) {
    this.name = name;
    this.onRead = onRead;
    this.spans = [];
    this.index = null;
    this.parts = [];
    this.figure = h('span', { class: 'figure' });
    this.bar = h('div', {
      class: 'bar', tabindex: 0, role: 'slider', 'aria-label': `States of ${name}`, 'aria-valuemin': 0,
    });
    const opener = h('button', { class: 'name', type: 'button', title: name }, name);
    opener.addEventListener('click', () => selection.choose(name));
    this.node = h('div', { class: 'state-row', dataset: { of: name } }, opener, this.figure, this.bar);
    this.bar.addEventListener('pointermove', (event) => this.#point(event));
    this.bar.addEventListener('pointerleave', () => this.onRead(''));
    this.bar.addEventListener('focus', () => this.#step(0));
    this.bar.addEventListener('blur', () => this.onRead(''));
    this.bar.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.#step(step);
    });
  }

  paint(spans, { from, to }, figure) {
    this.spans = spans;
    this.from = from;
    this.to = to;
    setText(this.figure, figure);
    const drawn = segments(spans, from, to, BUCKETS);
    while (this.parts.length < drawn.length) this.parts.push(h('i'));
    arrange(this.bar, this.parts.slice(0, drawn.length));
    for (const part of this.parts.splice(drawn.length)) part.remove();
    drawn.forEach(({ start, end, state }, index) => {
      const part = this.parts[index];
      setAttribute(part, 'class', state);
      part.style.left = `${start * 100}%`;
      part.style.width = `${(end - start) * 100}%`;
    });
    setAttribute(this.bar, 'aria-valuemax', Math.max(0, spans.length - 1));
    this.#tell(Math.min(this.index ?? Infinity, spans.length - 1), false);
  }

  #point(event) {
    const box = this.bar.getBoundingClientRect();
    const at = (pixel) => this.from + ((pixel - box.left) / box.width) * (this.to - this.from);
    // What is drawn there may be narrower than a pixel: the gravest near the pointer is meant.
    const slack = (this.to - this.from) / BUCKETS;
    const moment = at(event.clientX);
    const near = this.spans.filter((span) => span.to > moment - slack && span.from < moment + slack);
    const span = near.find((item) => !['running', 'off', 'none'].includes(item.state))
      ?? near.find((item) => item.from <= moment && item.to >= moment);
    if (span) this.onRead(spanText(this.name, span));
  }

  #step(step) {
    if (this.spans.length === 0) return;
    const wanted = (this.index ?? this.spans.length - 1) + step;
    this.index = Math.min(this.spans.length - 1, Math.max(0, wanted));
    this.#tell(this.index, true);
  }

  #tell(index, isAloud) {
    const span = this.spans[index];
    if (!span) return;
    const text = spanText(this.name, span);
    setAttribute(this.bar, 'aria-valuenow', index);
    setAttribute(this.bar, 'aria-valuetext', text);
    if (isAloud) this.onRead(text);
  }
}

function spanText(name, { from, to, state, why }) {
  const length = duration((to - from) / 1000);
  return `${name} ${STATES[state]} from ${wallTime(from)} for ${length}${why ? `: ${why}` : ''}`;
}
