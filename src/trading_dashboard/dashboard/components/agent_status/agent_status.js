// The table of agents. State comes from the control socket; buttons post and then wait for the
// socket to tell the outcome.

import { actions } from '/assets/js/agent_actions.js';
import { isInTrouble, isUp } from '/assets/js/agent_words.js';
import { arrange, cleanup, h, mounted, perFrame, setAttribute, setClass, setHidden, setText } from '/assets/js/dom.js';
import { control } from '/assets/js/hub.js';
import { selection } from '/assets/js/selection.js';
import { AgentRow, COLUMNS } from './agent_row.js';
import { configurationBanner } from './configuration_banner.js';
import { deskActions } from './desk_actions.js';

/** From so many agents on there is a way to find one. */
const MANY = 10;

class AgentTable {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.rows = new Map();
    this.dirty = new Set();
    this.isAllDirty = true;
    this.note = h('p', { class: 'message', role: 'status', hidden: true });
    this.all = deskActions((text, kind) => this.#paintDeskNote(text, kind));
    this.count = h('span', { class: 'quiet' });
    this.find = h('input', { class: 'input search', type: 'search', placeholder: 'find', 'aria-label': 'Find an agent', hidden: true });
    this.trouble = h('button', { class: 'btn q', type: 'button', 'aria-pressed': 'false', hidden: true }, 'In trouble');
    this.body = h('tbody');
    this.empty = h('p', { class: 'empty' });
    const head = h('tr', {}, ...COLUMNS.map(([text, kind]) => h('th', { scope: 'col', class: kind }, text || h('span', { class: 'sr' }, 'Actions'))));
    this.table = h('table', { class: 'agents-table' }, h('caption', { class: 'sr' }, 'Agents'), h('thead', {}, head), this.body);
    this.scroll = h('div', { class: 'scroll-x' }, this.table);
    this.card = h('section', { class: 'card desk-agents', 'aria-label': 'Agents' },
      h('h3', {}, h('span', { class: 'title' }, 'Agents ', this.count), h('span', { class: 'actions' }, this.find, this.trouble, ...this.all.nodes)),
      configurationBanner(this.tasks), this.note, this.scroll, this.empty);
    parentElement.append(this.card);
    this.#listen();
    this.#paint();
  }

  destroy() {
    this.tasks.destroy();
  }

  #listen() {
    const { tasks } = this;
    selection.read();
    this.schedule = perFrame(tasks, () => this.#paint());
    tasks.add(control.subscribe((change) => {
      if (change.agent && this.rows.has(change.agent.name)) this.#spoil(change.agent.name);
      else this.#spoil();
    }));
    tasks.add(actions.subscribe((name) => this.#spoil(name)));
    tasks.add(selection.subscribe(() => this.#spoil()));
    tasks.every(1000, () => this.#spoil());
    this.find.addEventListener('input', () => this.#spoil());
    this.trouble.addEventListener('click', () => {
      const isOn = this.trouble.getAttribute('aria-pressed') !== 'true';
      setAttribute(this.trouble, 'aria-pressed', String(isOn));
      this.#spoil();
    });
  }

  /** Have one row, or everything, painted in the next frame. */
  #spoil(name = null) {
    if (name) this.dirty.add(name);
    else this.isAllDirty = true;
    this.schedule();
  }

  #paint() {
    const agents = [...control.agents.values()];
    if (this.isAllDirty) {
      agents.sort((a, b) => (a.kind === 'system') - (b.kind === 'system'));
      this.#arrange(agents);
      for (const row of this.rows.values()) row.paint();
      this.#paintFrame();
    } else {
      for (const name of this.dirty) this.rows.get(name)?.paint();
    }
    this.#paintCount(agents);
    this.isAllDirty = false;
    this.dirty.clear();
  }

  #arrange(agents) {
    for (const { name } of agents) if (!this.rows.has(name)) this.rows.set(name, new AgentRow(name));
    for (const [name, row] of this.rows) {
      if (control.agent(name)) continue;
      row.remove();
      this.rows.delete(name);
    }
    arrange(this.body, agents.flatMap(({ name }) => this.rows.get(name).nodes));
    const word = this.find.value.trim().toLowerCase();
    const isTroubleOnly = this.trouble.getAttribute('aria-pressed') === 'true';
    for (const agent of agents) {
      const isFound = !word || agent.name.includes(word);
      this.rows.get(agent.name).show(isFound && (!isTroubleOnly || isInTrouble(agent)));
    }
    const isMany = agents.length > MANY;
    setClass(this.scroll, 'many', isMany);
    setHidden(this.find, !isMany);
    setHidden(this.trouble, !isMany && !isTroubleOnly);
  }

  #paintFrame() {
    const trouble = control.trouble();
    this.all.paint();
    setClass(this.card, 'is-stale', Boolean(trouble));
    const shown = [...this.rows.values()].filter((row) => !row.node.hidden).length;
    setHidden(this.table, shown === 0);
    setHidden(this.empty, shown > 0);
    const nothing = this.rows.size ? 'No agent matches.' : 'No agent is configured. Add one in config/agents.yaml.';
    setText(this.empty, trouble?.text ?? nothing);
  }

  #paintCount(agents) {
    const enabled = agents.filter((agent) => agent.kind !== 'system' && agent.enabled);
    const up = enabled.filter(isUp).length;
    const failed = enabled.filter((agent) => agent.status === 'error').length;
    setText(this.count, enabled.length ? `${up} of ${enabled.length} up${failed ? ` · ${failed} in error` : ''}` : '');
  }

  #paintDeskNote(text, kind) {
    setText(this.note, text);
    setAttribute(this.note, 'class', `message ${kind}`);
    setHidden(this.note, !text);
  }
}

export default mounted((component) => new AgentTable(component));
