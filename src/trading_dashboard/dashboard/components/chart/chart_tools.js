// The row of what is laid over the candles: patterns and indicators, on and off.

import { control, patterns } from '/assets/js/hub.js';
import { words } from '/assets/js/api.js';
import { h, onPress, setAttribute, setBlocked, setClass, setText } from '/assets/js/dom.js';
import { choiceInAddress, choiceName, isFull, parseChoice, rememberChoice, rememberedChoice } from './indicator_choice.js';
import { askIndicator } from './indicator_dialog.js';

const REMEMBERED = 'desk-chart-layers';
const LAYERS = [
  ['patterns', 'Patterns', 'Chart patterns that are open: lines, pivots, levels'], ['candlesticks', 'Candlesticks', 'Marks of candlestick patterns, the strongest in view'],
  ['past', 'Past', 'Chart patterns that have reached their target, failed or expired'], ['levels', 'Levels', 'Support and resistance'],
];
const USUAL = { patterns: true, candlesticks: true, past: false, levels: false };
const RETRY = 5_000;

function remembered() {
  try {
    return { ...USUAL, ...JSON.parse(localStorage.getItem(REMEMBERED)) };
  } catch {
    return { ...USUAL };
  }
}

export class ChartTools {
  /** @param look {onLayers(shown), onIndicators(chosen, definitions)} */
  constructor(tasks, text, look) {
    this.look = look;
    this.shown = remembered();
    this.chosen = text ? parseChoice(text) : rememberedChoice();
    this.definitions = null;
    this.timer = null;
    this.buttons = LAYERS.map(([key, name, title]) => this.#layer(key, name, title));
    this.tags = h('span', { class: 'indicator-tags' });
    this.add = h('button', { class: 'btn q add-indicator', type: 'button' }, '+ indicator');
    this.note = h('span', { class: 'quiet', role: 'status' });
    onPress(this.add, () => this.#ask());
    this.node = h('div', { class: 'chart-tools' }, h('div', { class: 'seg', role: 'group', 'aria-label': 'Layers' }, ...this.buttons), this.tags, this.add, this.note);
    tasks.add(control.subscribe(() => this.#wake()));
    tasks.add(() => clearTimeout(this.timer));
    this.#paint();
    this.#wake();
  }

  /** What the address says of the indicators, null for nothing. */
  get address() {
    return choiceInAddress(this.chosen);
  }

  #layer(key, name, title) {
    const button = h('button', { class: 'seg-button', type: 'button', title, dataset: { layer: key } }, name);
    onPress(button, () => {
      this.shown = { ...this.shown, [key]: !this.shown[key] };
      try {
        localStorage.setItem(REMEMBERED, JSON.stringify(this.shown));
      } catch {
        // Then the next visit starts as usual.
      }
      this.#paint();
      this.look.onLayers(this.shown);
    });
    return button;
  }

  #paint() {
    for (const button of this.buttons) {
      const isOn = this.shown[button.dataset.layer];
      setClass(button, 'on', isOn);
      setAttribute(button, 'aria-pressed', String(isOn));
    }
    const isUp = patterns.isUp();
    setBlocked(this.add, this.definitions === null || isFull(this.chosen));
    setAttribute(this.add, 'title', isUp ? (isFull(this.chosen) ? 'No more than eight at once' : 'Add an indicator') : 'pattern_recognition does not run');
    this.tags.replaceChildren(...this.chosen.map((choice, index) => this.#tag(choice, index)));
  }

  #tag(choice, index) {
    const node = h('button', { class: `tag indicator-tag series-${index % 6}`, type: 'button', title: 'Change or remove' }, choiceName(choice));
    onPress(node, () => this.#ask(index));
    return node;
  }

  async #ask(index = null) {
    if (this.definitions === null) return;
    const answer = await askIndicator(this.definitions, index === null ? null : this.chosen[index]);
    if (answer === null) return;
    const before = index === null ? this.chosen : this.chosen.filter((_, at) => at !== index);
    if (answer === 'remove') this.chosen = before;
    else if (index === null) this.chosen = [...before, answer];
    else this.chosen = this.chosen.map((one, at) => (at === index ? answer : one));
    rememberChoice(this.chosen);
    this.#paint();
    this.look.onIndicators(this.chosen, this.definitions);
  }

  #wake() {
    const isUp = patterns.isUp();
    if (isUp === this.wasUp) return;
    this.wasUp = isUp;
    if (isUp && this.definitions === null) this.#read();
    this.#paint();
  }

  async #read() {
    try {
      this.definitions = (await patterns.read('/indicators')).indicators;
      setText(this.note, '');
      this.look.onIndicators(this.chosen, this.definitions);
    } catch (error) {
      setText(this.note, `Indicators: ${words(error)}`);
      this.timer = setTimeout(() => this.#read(), RETRY);
    }
    this.#paint();
  }
}
