// The dependency graph: drawn anew when an agent comes or goes, repainted when one changes.

import { isInTrouble, shape, statusText } from '/assets/js/agent_words.js';
import { cleanup, h, mounted, onPress, perFrame, setAttribute, setClass, setHidden, setText, svg } from '/assets/js/dom.js';
import { control } from '/assets/js/hub.js';
import { selection } from '/assets/js/selection.js';
import { collapse, layout, NODE } from './graph_layout.js';

const MAX_LETTERS = 28;
const EDGE_BEND = 0.5;
/** The worst of a group is what it looks like. */
const RANK = ['off', 'ok', 'accent', 'busy', 'warn', 'halt'];

class AgentGraph {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.isExpanded = false;
    this.signature = null;
    this.painters = [];
    this.expand = h('button', { class: 'btn q', type: 'button', 'aria-pressed': 'false', hidden: true });
    this.drawing = h('div', { class: 'scroll-x drawing' });
    this.list = h('ul', { class: 'sr', 'aria-label': 'Dependencies as text' });
    this.empty = h('p', { class: 'empty' });
    this.card = h('section', { class: 'card desk-graph', 'aria-label': 'Dependencies' },
      h('h3', {}, h('span', {}, 'Depends on'), h('span', { class: 'actions' }, this.expand)), this.drawing, this.list, this.empty);
    parentElement.append(this.card);
    onPress(this.expand, () => {
      this.isExpanded = !this.isExpanded;
      this.#paint();
    });
    const schedule = perFrame(this.tasks, () => this.#paint());
    this.tasks.add(control.subscribe(schedule));
    this.tasks.add(selection.subscribe(schedule));
    this.#paint();
  }

  destroy() {
    this.tasks.destroy();
  }

  #paint() {
    const agents = control.tradingAgents();
    const nodes = collapse(agents, { isExpanded: this.isExpanded, trouble: (agent) => (isInTrouble(agent) ? statusText(agent) : null) });
    const signature = JSON.stringify(nodes);
    if (signature !== this.signature) this.#draw(nodes);
    this.signature = signature;
    for (const paint of this.painters) paint();
    const isMany = this.isExpanded || nodes.length < agents.length;
    setHidden(this.expand, !isMany);
    setText(this.expand, this.isExpanded ? 'Show fewer' : `Show all ${agents.length}`);
    setAttribute(this.expand, 'aria-pressed', String(this.isExpanded));
    setHidden(this.drawing, agents.length === 0);
    setHidden(this.empty, agents.length > 0);
    setText(this.empty, control.trouble()?.text ?? 'No agent is configured.');
    setClass(this.card, 'is-stale', Boolean(control.trouble()));
  }

  #draw(nodes) {
    const focused = document.activeElement?.closest?.('.desk-graph [data-node]')?.dataset.node;
    const { width, height, places, edges } = layout(nodes);
    this.painters = [];
    const byId = new Map(nodes.map((node) => [node.id, node]));
    const drawing = svg('svg', {
      class: 'canvas', width, height, viewBox: `0 0 ${width} ${height}`, role: 'group', 'aria-label': 'Dependency graph',
    });
    for (const { from, to, via } of edges) {
      drawing.append(this.#edge([places.get(from), ...via, places.get(to)], byId.get(from), byId.get(to)));
    }
    for (const node of nodes) drawing.append(this.#node(node, places.get(node.id)));
    this.drawing.replaceChildren(drawing);
    this.list.replaceChildren(...nodes.flatMap((node) => node.names).map((name) => this.#item(name)));
    if (focused) this.drawing.querySelector(`[data-node="${CSS.escape(focused)}"]`)?.focus();
  }

  #edge(stops, upper, lower) {
    const path = svg('path', { class: 'edge', d: edgePath(stops) });
    this.painters.push(() => {
      const chosen = selection.name;
      const isWaiting = lower.names.some((name) => control.agent(name)?.waiting_for.some((item) => upper.names.includes(item)));
      const isNear = chosen && (upper.names.includes(chosen) || lower.names.includes(chosen));
      setAttribute(path, 'class', `edge ${isWaiting ? 'waiting' : ''} ${isNear ? 'near' : ''}`);
    });
    return path;
  }

  #node(node, { x, y }) {
    const isGroup = node.names.length > 1;
    const dot = svg('rect', { class: 'dot', x: 11, y: NODE.height / 2 - 4, width: 8, height: 8 });
    const title = svg('title');
    const label = svg('text', { x: 26, y: NODE.height / 2 + 4 });
    const group = svg('g', {
      transform: `translate(${x} ${y})`, tabindex: 0, role: 'button', dataset: { node: node.id },
    }, title, svg('rect', { class: 'box', width: NODE.width, height: NODE.height, rx: 5 }), dot, label);
    const act = () => {
      if (!isGroup) selection.choose(selection.name === node.id ? null : node.id);
      else {
        this.isExpanded = true;
        this.#paint();
      }
    };
    group.addEventListener('click', act);
    group.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      act();
    });
    this.painters.push(() => {
      const agents = node.names.map((name) => control.agent(name)).filter(Boolean);
      if (agents.length === 0) return;
      const look = agents.map(shape).sort((a, b) => RANK.indexOf(b) - RANK.indexOf(a))[0];
      const text = isGroup ? groupText(agents) : `${node.id}, ${statusText(agents[0])}`;
      const depends = node.depends.length ? `, depends on ${node.depends.join(', ')}` : ', depends on nothing';
      setAttribute(group, 'class', `node ${look} ${node.names.includes(selection.name) ? 'chosen' : ''}`);
      setAttribute(group, 'aria-label', `${text}${depends}`);
      setAttribute(dot, 'rx', look === 'halt' ? 1 : 4);
      setText(title, `${text}${depends}`);
      setText(label, isGroup ? groupText(agents) : short(node.id, agents[0]));
    });
    return group;
  }

  #item(name) {
    const node = h('li');
    this.painters.push(() => {
      const agent = control.agent(name);
      if (!agent) return;
      const depends = agent.depends_on.length ? agent.depends_on.join(', ') : 'nothing';
      setText(node, `${name}: ${statusText(agent)}, depends on ${depends}`);
    });
    return node;
  }
}

/** From the right side of the first place to the left side of the last, straight through those between. */
function edgePath([first, ...others]) {
  const middle = ({ y }) => y + NODE.height / 2;
  let x = first.x + NODE.width;
  let y = middle(first);
  let path = `M${x} ${y}`;
  others.forEach((stop, index) => {
    const bend = (stop.x - x) * EDGE_BEND;
    path += ` C${x + bend} ${y} ${stop.x - bend} ${middle(stop)} ${stop.x} ${middle(stop)}`;
    [x, y] = [stop.x + NODE.width, middle(stop)];
    if (index < others.length - 1) path += ` H${x}`;
  });
  return path;
}

function groupText(agents) {
  const counts = new Map();
  for (const word of agents.map(statusText)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const [[word, count]] = [...counts].sort((a, b) => b[1] - a[1]);
  return `${agents.length} agents, ${count === agents.length ? '' : `${count} `}${word}`;
}

/** The name, and the state where it is not plainly running. */
function short(name, agent) {
  const word = statusText(agent);
  const room = word === 'running' ? MAX_LETTERS : MAX_LETTERS - word.length - 2;
  const cut = name.length > room ? `${name.slice(0, Math.max(4, room - 1))}…` : name;
  return word === 'running' ? cut : `${cut} · ${word}`;
}

export default mounted((component) => new AgentGraph(component));
