// Limits as bars: where each stands, what warns, what blocks; a change says why.

import { cleanup, h, mounted, onPress, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { number } from '/assets/js/format.js';
import { risk } from '/assets/js/hub.js';
import { limitBar } from '/assets/js/limit_bar.js';
import { KeyedRows, LiveCard } from '/assets/js/risk_card.js';
import { inUnit, limitName, LIMIT_TONES, toneMark } from '/assets/js/risk_words.js';
import { limitDialog } from './limit_dialog.js';

function boundWords({ soft, hard, unit }) {
  const parts = [soft === null ? '' : `warns at ${inUnit(soft, unit)}`, hard === null ? '' : `blocks at ${inUnit(hard, unit)}`].filter(Boolean);
  return parts.join(', ') || 'not set';
}

function makeLimit({ limit: first }) {
  const mark = toneMark();
  const value = h('b', { class: 'value' });
  const bounds = h('span', { class: 'k bounds' });
  const bar = limitBar();
  const message = h('p', { class: 'message' });
  const change = h('button', { class: 'btn q', type: 'button', 'aria-label': `Change limit ${limitName(first)}` }, 'Change…');
  let shown = first;
  onPress(change, () => limitDialog(shown));
  const node = h('li', { dataset: { limit: first.kind, subject: first.subject } },
    h('div', { class: 'row' }, h('span', { class: 'name' }, limitName(first)), value, mark.node, change), bar.node, bounds, message);
  const paint = ({ limit }) => {
    shown = limit;
    mark.paint(LIMIT_TONES[limit.state] ?? 'halt', limit.state);
    setText(value, limit.value === null ? 'not known' : inUnit(limit.value, limit.unit));
    setText(bounds, boundWords(limit));
    bar.paint(limit);
    setAttribute(node, 'data-state', limit.state);
    const isTold = limit.state !== 'ok' && limit.state !== 'off';
    setText(message, isTold ? limit.message : '');
    setHidden(message, !isTold);
  };
  return { node, paint };
}

function create({ parentElement }) {
  const tasks = cleanup();
  const list = h('ul', { class: 'limits' });
  const rows = new KeyedRows(list, makeLimit);
  const empty = h('p', { class: 'empty' }, 'No limit is set.');
  const card = new LiveCard(tasks, {
    name: 'limits', title: 'Limits', types: ['limits'], reading: 'Reading the limits', body: [list, empty], hasData: () => risk.limits !== null,
    paint: () => {
      const { limits } = risk.limits;
      rows.set(limits.map((limit) => ({ key: `${limit.kind} ${limit.subject}`, limit })));
      const counts = ['breached', 'unknown', 'warned'].map((state) => [limits.filter((one) => one.state === state).length, state]).filter(([count]) => count);
      setText(card.count, counts.length ? counts.map(([count, state]) => `${number(count)} ${state}`).join(' · ') : 'all within');
      setHidden(empty, limits.length > 0);
    },
  });
  parentElement.append(card.node);
  card.paint();
  return { destroy: tasks.destroy };
}

export default mounted(create);
