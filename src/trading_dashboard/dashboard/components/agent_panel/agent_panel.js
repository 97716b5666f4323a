// The agents in short: one line each, with the progress of a start.

import { control } from '/assets/js/hub.js';
import { statusCell, dataText, healthText, problem } from '/assets/js/agent_words.js';
import { cleanup, h, mounted, setAttribute, setClass, setHidden, setText } from '/assets/js/dom.js';
import { duration } from '/assets/js/format.js';

function makeRow(name) {
  const status = statusCell();
  const cells = { health: h('td', { class: 'l' }), detail: h('td', { class: 'l wrap' }, h('span', { class: 'detail k' })) };
  const node = h('tr', { dataset: { agent: name } }, h('th', { scope: 'row', title: name }, name),
    h('td', { class: 'l' }, status.node), cells.health, cells.detail);
  return { node, status, cells };
}

function detail(agent) {
  if (!agent.enabled) return 'in config/agents.yaml';
  if (agent.status === 'starting') {
    const waiting = agent.waiting_for.length ? `waiting for ${agent.waiting_for.join(', ')}` : '';
    const since = agent.started_at ? (Date.now() - Date.parse(agent.started_at)) / 1000 : null;
    return waiting || (since === null ? 'starting' : `starting for ${duration(since)}`);
  }
  return problem(agent) ?? dataText(agent);
}

function paintRow(row, agent) {
  row.status.paint(agent);
  setText(row.cells.health, healthText(agent));
  const text = row.cells.detail.firstElementChild;
  setText(text, detail(agent));
  setAttribute(text, 'title', text.textContent);
  setClass(text, 'warn', Boolean(problem(agent)));
  setAttribute(row.node, 'class', agent.enabled ? '' : 'off');
}

function create({ parentElement }) {
  const tasks = cleanup();
  const rows = new Map();
  const body = h('tbody');
  const note = h('span', { class: 'condition', role: 'status' });
  const empty = h('p', { class: 'empty' }, 'Waiting for the supervisor');
  const card = h('section', { class: 'card desk-agent-panel', 'aria-label': 'Agents' },
    h('h3', {}, 'Agents ', note), h('div', { class: 'scroll' }, h('table', {}, h('caption', { class: 'sr' }, 'Agents'), body)), empty);
  parentElement.append(card);

  const paint = () => {
    for (const agent of control.tradingAgents()) {
      if (!rows.has(agent.name)) {
        rows.set(agent.name, makeRow(agent.name));
        body.append(rows.get(agent.name).node);
      }
      paintRow(rows.get(agent.name), agent);
    }
    for (const [name, row] of rows) {
      if (!control.agent(name)) {
        row.node.remove();
        rows.delete(name);
      }
    }
    const trouble = control.trouble();
    setHidden(empty, rows.size > 0);
    setText(empty, trouble?.text ?? 'No agent is configured. Add one in config/agents.yaml.');
    setText(note, trouble && rows.size ? 'not current' : '');
    setClass(note, 'warn', Boolean(trouble));
    setClass(card, 'is-stale', Boolean(trouble));
  };
  tasks.add(control.subscribe(paint));
  tasks.every(500, paint);
  paint();
  return { destroy: tasks.destroy };
}

export default mounted(create);
