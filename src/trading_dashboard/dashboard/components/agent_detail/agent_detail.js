// The panel about the chosen agent: what it is, how it is, what may be done with it.

import { actions, DOING, whyNot, whyUntouchable } from '/assets/js/agent_actions.js';
import { perform } from '/assets/js/agent_verbs.js';
import { isResting, maintenanceText, problem, statusCell } from '/assets/js/agent_words.js';
import { cleanup, h, mounted, onPress, perFrame, setAttribute, setBlocked, setClass, setHidden, setText } from '/assets/js/dom.js';
import { countdown } from '/assets/js/format.js';
import { control } from '/assets/js/hub.js';
import { selection } from '/assets/js/selection.js';
import { facts } from './facts.js';
import { endMaintenance, maintenanceDialog } from './maintenance_dialog.js';
import { probeTable } from './probe_table.js';

const VERBS = [['start', 'Start'], ['restart', 'Restart'], ['stop', 'Stop']];

class AgentDetail {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.name = h('span', { class: 'mid' });
    this.status = statusCell();
    this.badge = h('span', { class: 'tag', hidden: true }, 'maintenance');
    this.buttons = this.#makeButtons();
    this.why = h('p', { class: 'k why', id: 'desk-agent-why' });
    this.message = h('p', { class: 'message', role: 'status' });
    this.trouble = h('p', { class: 'trouble' });
    this.facts = facts();
    this.probes = probeTable();
    this.gone = h('p', { class: 'empty' });
    this.content = h('div', {}, this.trouble, h('div', { class: 'facts' }, ...this.facts.nodes), this.probes.node);
    const close = h('button', { class: 'btn q', type: 'button', 'aria-label': 'Close the details' }, 'Close');
    onPress(close, () => this.#close());
    this.card = h('section', { class: 'card desk-agent-detail', id: 'desk-agent-detail', 'aria-label': 'Agent details', hidden: true },
      h('h3', {}, h('span', { class: 'title' }, this.name, this.status.node, this.badge),
        h('span', { class: 'actions' }, ...Object.values(this.buttons), close)),
      this.why, this.message, this.gone, this.content);
    parentElement.append(this.card);
    this.#listen();
    this.#paint();
  }

  destroy() {
    this.tasks.destroy();
  }

  #makeButtons() {
    const button = (label, onpress) => {
      const node = h('button', { class: 'btn', type: 'button', 'aria-describedby': 'desk-agent-why' }, label);
      onPress(node, () => onpress(selection.name));
      return node;
    };
    const buttons = {};
    for (const [verb, label] of VERBS) buttons[verb] = button(label, (name) => perform(name, verb));
    buttons.maintenance = button('Maintenance…', (name) => {
      if (control.agent(name)?.maintenance) endMaintenance(name);
      else maintenanceDialog(name);
    });
    buttons.log = button('Show log', (name) => selection.showLog(name));
    return buttons;
  }

  #listen() {
    const schedule = perFrame(this.tasks, () => this.#paint());
    this.tasks.add(control.subscribe((change) => {
      const name = change.agent?.name ?? change.event?.agent;
      // Others count too where they depend on it, but that can wait for the next second.
      if (!name || name === selection.name) schedule();
    }));
    this.tasks.add(selection.subscribe(schedule));
    this.tasks.add(actions.subscribe(schedule));
    this.tasks.every(1000, schedule);
    this.tasks.on(this.card, 'keydown', (event) => event.key === 'Escape' && this.#close());
  }

  #close() {
    const name = selection.name;
    selection.choose(null);
    document.querySelector(`tr[data-agent="${name}"] .name`)?.focus();
  }

  #paint() {
    const { name } = selection;
    setHidden(this.card, !name);
    if (!name) return;
    const agent = control.agent(name);
    setText(this.name, name);
    setHidden(this.content, !agent);
    setHidden(this.gone, Boolean(agent));
    setHidden(this.status.node, !agent);
    setClass(this.card, 'is-stale', Boolean(control.trouble()));
    if (agent) this.#paintAgent(agent);
    else this.#paintGone(name);
  }

  #paintGone(name) {
    setText(this.gone, control.hasSnapshot ? `No agent is called ${name}. It may have been removed from the configuration.` : 'Waiting for the supervisor');
    for (const node of [this.badge, this.why, this.message]) setHidden(node, true);
    for (const button of Object.values(this.buttons)) setHidden(button, true);
  }

  #paintAgent(agent) {
    this.status.paint(agent);
    setHidden(this.badge, !agent.maintenance);
    this.#paintButtons(agent);
    this.#paintMessage(agent);
    const trouble = problem(agent) ?? (agent.held_restart ? `Restart held: ${agent.held_restart}` : null);
    setText(this.trouble, trouble ?? '');
    setHidden(this.trouble, !trouble);
    setAttribute(this.trouble, 'class', `trouble ${agent.status === 'error' ? 'bad' : 'warn'}`);
    this.facts.paint(agent);
    this.probes.paint(agent);
  }

  #paintButtons(agent) {
    const reasons = [];
    for (const [verb, label] of [...VERBS, ['maintenance', 'Maintenance']]) {
      const button = this.buttons[verb];
      const reason = whyNot(agent, verb);
      setHidden(button, false);
      setBlocked(button, reason !== null);
      setAttribute(button, 'title', reason);
      setAttribute(button, 'aria-label', `${label} ${agent.name}`);
      if (reason) reasons.push(`${label}: ${reason}`);
    }
    setHidden(this.buttons.log, false);
    setText(this.buttons.maintenance, agent.maintenance ? 'End maintenance' : 'Maintenance…');
    setAttribute(this.buttons.maintenance, 'aria-label', `${agent.maintenance ? 'End maintenance of' : 'Maintenance of'} ${agent.name}`);
    setAttribute(this.buttons.log, 'aria-label', `Show the log of ${agent.name}`);
    const whole = whyUntouchable(agent);
    setText(this.why, whole ?? reasons.join(' '));
    // What a button cannot do now is in its title; only what never works is spelled out.
    setClass(this.why, 'sr', !whole);
    setHidden(this.why, false);
  }

  #paintMessage(agent) {
    const [text, kind] = message(agent);
    setText(this.message, text);
    setAttribute(this.message, 'class', `message ${kind}`);
    setHidden(this.message, !text);
  }
}

function message(agent) {
  const refusal = actions.refusal(agent.name);
  if (refusal) return [refusal, 'bad'];
  const pending = actions.underWay(agent.name);
  if (pending) return [`${DOING[pending.verb]} for ${countdown((performance.now() - pending.since) / 1000)}`, 'k'];
  if (agent.maintenance) return [maintenanceText(agent.maintenance), 'k'];
  return isResting(agent) ? [agent.schedule.text.replace(/^./, (first) => first.toUpperCase()), 'k'] : ['', ''];
}

export default mounted((component) => new AgentDetail(component));
