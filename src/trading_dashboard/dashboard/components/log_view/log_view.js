// The live log. The server searches; a bounded list in memory, a bounded part of it on the page,
// drawn at most every few frames so that a flood leaves the page alone.

import { words as errorWords } from '/assets/js/api.js';
import { arrange, cleanup, download, h, mounted, onPress, setAttribute, setBlocked, setClass, setHidden, setText } from '/assets/js/dom.js';
import { number } from '/assets/js/format.js';
import { control, logs } from '/assets/js/hub.js';
import { selection } from '/assets/js/selection.js';
import { lineNode, lineText } from './log_line.js';
import { LEVELS, LogLines } from './log_lines.js';

const SHOWN = 500;
const OLDER = 500;
const BACKLOG = 1000;
const SEARCH_PAUSE = 250;
/** Drawing may take at most this part of the time. */
const DRAWING_SHARE = 0.2;
const MIN_PAUSE = 50;

class LogView {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.log = new LogLines();
    this.fresh = [];
    this.missed = 0;
    this.isFollowing = true;
    this.needsAll = false;
    this.timer = null;
    this.pause = MIN_PAUSE;
    this.shown = SHOWN;
    this.#build(parentElement);
    this.#listen();
    this.#paintAgents();
    this.#subscribe();
  }

  destroy() {
    this.endLogs?.();
    clearTimeout(this.timer);
    clearTimeout(this.searchTimer);
    this.tasks.destroy();
  }

  #build(parent) {
    this.agent = h('select', { class: 'input', 'aria-label': 'Agent' }, h('option', { value: '' }, 'all agents'));
    this.level = h('select', { class: 'input', 'aria-label': 'Lowest level' },
      ...LEVELS.map((name) => h('option', { value: name, selected: name === 'info' }, name)));
    this.search = h('input', { class: 'input search', type: 'search', placeholder: 'search', maxlength: 200, 'aria-label': 'Search the log' });
    const button = (text, label) => h('button', { class: 'btn', type: 'button', 'aria-label': label }, text);
    this.wrap = button('Wrap', 'Wrap long lines');
    this.save = button('Download', null);
    this.follow = button('Following', null);
    setAttribute(this.wrap, 'aria-pressed', 'true');
    setAttribute(this.follow, 'aria-pressed', 'true');
    this.list = h('div', { class: 'log', role: 'log', 'aria-live': 'off', tabindex: '0', 'aria-label': 'Log lines' });
    this.more = h('button', { class: 'btn more', type: 'button', hidden: true });
    this.empty = h('p', { class: 'empty' });
    this.message = h('p', { class: 'message bad', role: 'alert', hidden: true });
    this.card = h('section', { class: 'card desk-log', 'aria-label': 'Log' },
      h('h3', {}, h('span', {}, 'Log'), h('span', { class: 'actions' }, this.agent, this.level, this.search, this.wrap, this.save, this.follow)),
      this.message, h('div', { class: 'log-frame' }, this.list, this.more), this.empty);
    parent.append(this.card);
  }

  #listen() {
    const { tasks } = this;
    for (const filter of [this.agent, this.level]) filter.addEventListener('change', () => this.#subscribe());
    this.search.addEventListener('input', () => {
      clearTimeout(this.searchTimer);
      this.searchTimer = setTimeout(() => this.#subscribe(), SEARCH_PAUSE);
    });
    onPress(this.wrap, () => {
      const isOn = this.wrap.getAttribute('aria-pressed') !== 'true';
      setAttribute(this.wrap, 'aria-pressed', String(isOn));
      setClass(this.list, 'unwrapped', !isOn);
      this.#toEnd();
    });
    onPress(this.save, () => this.#download());
    onPress(this.follow, () => this.#setFollowing(!this.isFollowing));
    onPress(this.more, () => this.#setFollowing(true));
    // Only a person's own scrolling pauses; text that grows moves the end away as well.
    for (const name of ['wheel', 'touchmove', 'keydown', 'pointerdown']) {
      this.list.addEventListener(name, () => {
        this.touchedAt = performance.now();
      }, { passive: true });
    }
    this.list.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    tasks.add(control.subscribe(({ type, event }) => {
      if (type !== 'update' || event?.kind.startsWith('agent_')) this.#paintAgents();
    }));
    tasks.add(selection.onLog((name) => {
      this.#paintAgents();
      this.agent.value = name;
      this.#subscribe();
      this.card.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
      this.agent.focus({ preventScroll: true });
    }));
  }

  #subscribe() {
    const agent = this.agent.value;
    const words = this.search.value.trim();
    const level = this.level.value;
    this.log.want({ agent, level, words });
    this.fresh = [];
    this.missed = 0;
    setHidden(this.message, true);
    setText(this.save, agent ? 'Download' : 'Download shown');
    setAttribute(this.save, 'title', agent ? `The log file of ${agent}` : 'The lines that match, of all agents');
    const wanted = { agents: agent ? [agent] : [], lines: BACKLOG, grep: words, level: level === 'debug' ? null : level };
    this.endLogs = logs.subscribe(wanted, (line) => this.#take(line));
    this.#paintAll();
  }

  #take(line) {
    const place = this.log.add(line);
    if (!place) return;
    if (place === 'older') this.needsAll = true;
    this.fresh.push(line);
    this.missed += 1;
    if (this.fresh.length > SHOWN) this.fresh = this.fresh.slice(-SHOWN);
    this.timer ??= setTimeout(() => requestAnimationFrame(() => this.#paint()), this.pause);
  }

  #paint() {
    this.timer = null;
    const began = performance.now();
    if (!this.isFollowing) this.#paintPaused();
    else if (this.needsAll) this.#paintAll();
    else this.#append();
    const took = performance.now() - began;
    this.pause = Math.min(1000, Math.max(MIN_PAUSE, took / DRAWING_SHARE));
  }

  #paintPaused() {
    setHidden(this.more, this.missed === 0);
    setText(this.more, `${number(this.missed)} new ${this.missed === 1 ? 'line' : 'lines'} ↓`);
  }

  #append() {
    const { words } = this.log.filter;
    const room = Math.max(0, SHOWN - this.fresh.length);
    while (this.list.childElementCount > room) this.list.firstElementChild.remove();
    this.list.append(...this.fresh.map((line) => lineNode(line, words)));
    this.#drawn();
  }

  #paintAll() {
    const { words } = this.log.filter;
    this.list.replaceChildren(...this.log.sorted().slice(-this.shown).map((line) => lineNode(line, words)));
    this.needsAll = false;
    this.#drawn();
  }

  #drawn() {
    this.fresh = [];
    this.missed = 0;
    setHidden(this.more, true);
    this.#paintEmpty();
    this.#toEnd();
  }

  #toEnd() {
    if (this.isFollowing) this.list.scrollTop = this.list.scrollHeight;
  }

  #setFollowing(isOn) {
    this.isFollowing = isOn;
    this.shown = SHOWN;
    setText(this.follow, isOn ? 'Following' : 'Follow');
    setAttribute(this.follow, 'aria-pressed', String(isOn));
    if (isOn) this.#paintAll();
  }

  #scrolled() {
    const isByHand = performance.now() - (this.touchedAt ?? -Infinity) < 1000 || this.list.matches(':active');
    const isAtEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 24;
    if (this.isFollowing && isByHand && !isAtEnd) this.#setFollowing(false);
    else if (!this.isFollowing && isByHand && isAtEnd) this.#setFollowing(true);
    if (!this.isFollowing && this.list.scrollTop < 40) this.#showOlder();
  }

  /** Put older lines, as far as they are kept, above what is shown; what is read stays in place. */
  #showOlder() {
    const lines = this.log.sorted();
    const first = lines.length - this.missed - this.shown;
    if (first <= 0) return;
    const height = this.list.scrollHeight;
    const { words } = this.log.filter;
    this.list.prepend(...lines.slice(Math.max(0, first - OLDER), first).map((line) => lineNode(line, words)));
    this.list.scrollTop += this.list.scrollHeight - height;
    this.shown += OLDER;
  }

  #paintEmpty() {
    const isEmpty = this.list.childElementCount === 0;
    setHidden(this.empty, !isEmpty);
    const isFiltered = this.search.value.trim() || this.level.value !== 'debug';
    const why = isFiltered ? 'No line matches the filter.' : 'No lines yet.';
    setText(this.empty, control.trouble()?.text ?? why);
  }

  #paintAgents() {
    const names = ['', ...control.agents.keys()];
    const chosen = this.agent.value;
    const nodes = names.map((name) => [...this.agent.options].find((option) => option.value === name) ?? h('option', { value: name }, name));
    for (const option of [...this.agent.options]) if (!nodes.includes(option)) option.remove();
    arrange(this.agent, nodes);
    if (this.agent.value !== chosen) this.#subscribe(); // The agent is gone.
    setClass(this.card, 'is-stale', Boolean(control.trouble()));
    if (this.list.childElementCount === 0) this.#paintEmpty();
  }

  async #download() {
    const name = this.agent.value;
    const shown = () => new Blob([`${this.log.sorted().map(lineText).join('\n')}\n`], { type: 'text/plain' });
    if (!name) {
      download('desk.log', shown());
      return;
    }
    setBlocked(this.save, true);
    setHidden(this.message, true);
    try {
      const answer = await fetch(`/api/control/agents/${name}/logs/file`);
      if (!answer.ok) throw Object.assign(new Error(), { body: await answer.json() });
      download(`${name}.log`, await answer.blob());
    } catch (error) {
      const said = error.body?.error;
      setText(this.message, said ? `${said.message} ${said.next_step ?? ''}` : errorWords(error));
      setHidden(this.message, false);
    } finally {
      setBlocked(this.save, false);
    }
  }
}

export default mounted((component) => new LogView(component));
