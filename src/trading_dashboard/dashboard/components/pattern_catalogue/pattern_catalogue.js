// The catalogue: what each pattern is, in words and as a picture, and whose definition it is.

import { cleanup, h, mounted, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { number } from '/assets/js/format.js';
import { selectField } from '/assets/js/pattern_filter.js';
import { patternReader } from '/assets/js/pattern_reader.js';
import { directionMark, kindWords, KINDS } from '/assets/js/pattern_words.js';
import { Poller } from '/assets/js/poller.js';
import { drawn } from './picture.js';

const PAUSE = 600_000;

function settingsWords(settings) {
  return Object.entries(settings).map(([name, value]) => `${name} ${value}`).join(', ');
}

function makeItem(definition) {
  const { name, kind, directions, bars, settings } = definition;
  const picture = h('div', { class: 'picture', 'aria-hidden': 'true' });
  const marks = directions.map(directionMark).join(' ');
  const node = h('li', { dataset: { definition: definition.id } }, picture, h('div', {},
    h('div', {}, h('b', {}, name), ' ', h('span', { class: 'k', title: directions.join(', ') }, marks),
      h('span', { class: 'quiet' }, ` ${kindWords(kind)}, ${bars} bars`)),
    h('p', { class: 'definition' }, definition.definition),
    h('p', { class: 'quiet' }, `Source: ${definition.source}`),
    Object.keys(settings).length ? h('details', { class: 'quiet settings' }, h('summary', {}, 'Settings in force'), settingsWords(settings)) : null));
  return { node, picture, definition, isDrawn: false };
}

class Catalogue {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.items = [];
    this.chosen = { text: '', kind: '' };
    this.text = h('input', { class: 'input', type: 'search', placeholder: 'Find a pattern', 'aria-label': 'Find a pattern', maxlength: 64, spellcheck: 'false' });
    this.text.addEventListener('input', () => this.#choose('text', this.text.value.trim().toLowerCase()));
    const kind = selectField('Kind of pattern', [['', 'All kinds'], ...KINDS.map((one) => [one, `${kindWords(one)}s`])],
      { onchange: (value) => this.#choose('kind', value) });
    this.count = h('span', { class: 'quiet count' });
    this.list = h('ul', { class: 'definitions' });
    this.scroll = h('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'Definitions' }, this.list);
    this.note = h('p', { class: 'empty note', role: 'status' });
    this.card = h('section', { class: 'card desk-data desk-catalogue', 'aria-label': 'Catalogue' },
      h('h3', {}, h('span', { class: 'title' }, 'Catalogue', this.count), h('span', { class: 'actions' }, this.text, kind)), this.scroll, this.note);
    parentElement.append(this.card);
    this.seen = new IntersectionObserver((entries) => entries.forEach((entry) => entry.isIntersecting && this.#draw(entry.target)), { rootMargin: '200px' });
    this.tasks.add(() => this.seen.disconnect());
    this.poller = new Poller(this.tasks, {
      reader: patternReader, path: '/catalogue', pause: PAUSE, take: (answer) => this.#take(answer), paint: () => this.#paintState(),
    });
    this.#paintState();
  }

  #take({ patterns: definitions }) {
    this.seen.disconnect();
    this.items = definitions.map(makeItem);
    this.list.replaceChildren(...this.items.map(({ node }) => node));
    for (const { node } of this.items) this.seen.observe(node);
    this.#refresh();
  }

  async #draw(node) {
    this.seen.unobserve(node);
    const item = this.items.find((one) => one.node === node);
    if (!item || item.isDrawn) return;
    item.isDrawn = true;
    const picture = await drawn(item.definition.picture);
    if (picture) item.picture.replaceChildren(picture);
  }

  #choose(key, value) {
    this.chosen[key] = value;
    this.#refresh();
  }

  #refresh() {
    const { text, kind } = this.chosen;
    for (const { node, definition } of this.items) {
      const isFound = (!kind || definition.kind === kind)
        && (!text || `${definition.name} ${definition.id} ${definition.definition}`.toLowerCase().includes(text));
      setHidden(node, !isFound);
    }
    this.#paintState();
  }

  #paintState() {
    const shown = this.items.filter(({ node }) => !node.hidden).length;
    const { poller } = this;
    setText(this.count, this.items.length ? `${shown === this.items.length ? '' : `${number(shown)} of `}${number(this.items.length)}` : '');
    const trouble = poller.blocked || poller.trouble;
    const words = trouble && !poller.isLoaded ? `${trouble.replace(/\.$/, '')}. ${poller.blocked ? 'Read as soon as it runs' : 'Asked again by itself'}.`
      : poller.isLoaded ? 'No pattern is called like that.' : 'Reading the catalogue';
    setHidden(this.scroll, shown === 0);
    setHidden(this.note, shown > 0);
    setText(this.note, shown > 0 ? '' : words);
    setAttribute(this.note, 'class', `empty note ${trouble ? 'warn' : ''}`);
  }

  destroy() {
    this.tasks.destroy();
  }
}

export default mounted((component) => new Catalogue(component));
