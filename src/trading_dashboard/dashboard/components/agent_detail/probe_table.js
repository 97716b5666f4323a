// The probes of one agent: what each decides, what it last found, and how long that took.

import { h, setAttribute, setClass, setHidden, setText } from '/assets/js/dom.js';
import { milliseconds, NONE, wallTime } from '/assets/js/format.js';

const DECIDES = {
  startup: 'whether it has come up', readiness: 'whether it can serve; never restarts it',
  liveness: 'whether it has to be restarted',
};

function verdict(probe) {
  if (probe.is_passing === null) return ['off', 'no verdict yet'];
  return probe.is_passing ? ['ok', 'passing'] : ['halt', 'failing'];
}

function makeRow() {
  const dot = h('i', { class: 'dot', 'aria-hidden': 'true' });
  const word = h('span');
  const cells = {
    role: h('th', { scope: 'row' }), kind: h('td', { class: 'l k' }),
    latency: h('td', { 'data-label': 'Took' }), failures: h('td', { 'data-label': 'Failures' }),
    checked: h('td', { 'data-label': 'Checked' }), message: h('td', { class: 'l wrap k' }),
  };
  const node = h('tr', {}, cells.role, h('td', { class: 'l' }, h('span', { class: 'status' }, dot, word)), cells.kind,
    cells.latency, cells.failures, cells.checked, cells.message);
  const paint = (probe) => {
    const [shape, text] = verdict(probe);
    setText(cells.role, probe.role);
    setAttribute(cells.role, 'title', `Decides ${DECIDES[probe.role] ?? probe.role}`);
    setAttribute(dot, 'class', `dot ${shape}`);
    setText(word, text);
    setText(cells.kind, probe.kind);
    setText(cells.latency, milliseconds(probe.latency_seconds));
    setText(cells.failures, String(probe.failures));
    setText(cells.checked, probe.checked_at ? wallTime(probe.checked_at) : NONE);
    setText(cells.message, probe.message ?? '');
    for (const cell of Object.values(cells)) setClass(cell, 'none', ['', NONE].includes(cell.textContent));
  };
  return { node, paint };
}

export function probeTable() {
  const rows = [];
  const body = h('tbody');
  const heads = [['Probe', 'l'], ['Verdict', 'l'], ['Kind', 'l'], ['Took', ''], ['Failures', ''], ['Checked', ''], ['It said', 'l']];
  const node = h('div', { class: 'scroll-x probes' }, h('table', {}, h('caption', { class: 'sr' }, 'Probes'),
    h('thead', {}, h('tr', {}, ...heads.map(([text, kind]) => h('th', { scope: 'col', class: kind }, text)))), body));
  const paint = ({ probes = [] }) => {
    while (rows.length < probes.length) {
      rows.push(makeRow());
      body.append(rows.at(-1).node);
    }
    while (rows.length > probes.length) rows.pop().node.remove();
    probes.forEach((probe, index) => rows[index].paint(probe));
    setHidden(node, probes.length === 0);
  };
  return { node, paint };
}
