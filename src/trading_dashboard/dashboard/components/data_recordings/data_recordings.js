// Recordings: what was recorded of which source, and the buttons that make, stop and delete them.

import { h, mounted, onPress, setAttribute, setBlocked, setHidden, setText } from '/assets/js/dom.js';
import { duration, number } from '/assets/js/format.js';
import { post, remove, words } from '/assets/js/api.js';
import { size, utc } from '/assets/js/data_words.js';
import { ask } from '/assets/js/dialog.js';
import { PolledTable } from '/assets/js/polled_table.js';

const PAUSE = 5000;
const BASE = '/api/agents/market_data/recordings';
const NAME = '[a-z0-9][a-z0-9_\\-]{0,63}';
const COLUMNS = [['Name', 'l'], ['State', 'l'], ['From, UTC', 'l when'], ['Length', ''], ['Rows', ''], ['Size', ''], ['', 'l']];
const DOTS = { recording: 'halt', complete: 'ok', interrupted: 'warn' };

function stateWords({ state, playing, reason }) {
  const why = state === 'interrupted' || (state === 'complete' && reason && reason !== 'stopped') ? reason : null;
  return [playing ? 'played now' : state, why].filter(Boolean).join(': ');
}

function create({ parentElement }) {
  const message = h('p', { class: 'message bad', role: 'status', hidden: true });
  const act = async (button, request) => {
    setHidden(message, true);
    setBlocked(button, true);
    try {
      await request();
    } catch (error) {
      setText(message, words(error));
      setHidden(message, false);
    } finally {
      setBlocked(button, false);
      card.poller.now();
    }
  };

  const makeRow = (recording) => {
    const path = `${BASE}/${recording.name}`;
    const dot = h('i', { class: 'dot', 'aria-hidden': 'true' });
    const state = h('span');
    const cells = { length: h('td', { class: 'length' }), rows: h('td', { class: 'rows' }), size: h('td', { class: 'size' }) };
    const stop = h('button', { class: 'btn q', type: 'button', 'aria-label': `Stop recording ${recording.name}` }, 'Stop');
    const drop = h('button', { class: 'btn q', type: 'button', 'aria-label': `Delete recording ${recording.name}` }, 'Delete');
    onPress(stop, () => act(stop, () => post(`${path}/stop`)));
    onPress(drop, async () => {
      const text = 'What was recorded cannot be had again.';
      if (await ask({ title: `Delete recording ${recording.name}?`, text, confirm: 'Delete' })) act(drop, () => remove(path));
    });
    const node = h('tr', { dataset: { recording: recording.name } },
      h('th', { scope: 'row' }, recording.name, h('span', { class: 'tags' }, recording.source)),
      h('td', { class: 'state' }, h('span', { class: 'status' }, dot, state)),
      h('td', { class: 'k' }, utc(recording.start)), ...Object.values(cells), h('td', { class: 'verbs' }, stop, drop));
    const paint = (now) => {
      setAttribute(dot, 'class', `dot ${DOTS[now.state] ?? 'off'}`);
      setText(state, stateWords(now));
      setText(cells.length, duration((Date.parse(now.end) - Date.parse(now.start)) / 1000));
      setText(cells.rows, number(now.rows));
      setText(cells.size, size(now.size_bytes));
      setHidden(stop, now.state !== 'recording');
      setHidden(drop, now.state === 'recording' || now.playing);
    };
    return { nodes: [node], paint };
  };

  const name = h('input', { class: 'input', type: 'text', 'aria-label': 'Name of the new recording', placeholder: 'name',
    maxlength: '64', pattern: NAME, required: true, title: '1 to 64 of a-z, 0-9, - and _, first a letter or digit' });
  const record = h('button', { class: 'btn', type: 'submit' }, 'Record');
  const form = h('form', { class: 'row record-form' }, name, record);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    act(record, async () => {
      await post(BASE, { name: name.value });
      name.value = '';
    });
  });
  const card = new PolledTable({
    name: 'recordings', title: 'Recordings', columns: COLUMNS, path: '/recordings', pause: PAUSE, makeRow, controls: [form],
    rowsOf: ({ recordings }) => recordings.map((item) => ({ key: item.name, ...item })),
    summary: (_, items) => {
      const made = items.filter((item) => item.state === 'recording').length;
      return items.length ? `${number(items.length)}${made ? `, ${number(made)} being made` : ''}` : '';
    },
    empty: () => 'Nothing is recorded. A recording is played with source: recording in config/agents.yaml.',
    reading: 'Reading the recordings',
  });
  card.node.append(message);
  parentElement.append(card.node);
  return { destroy: () => card.destroy() };
}

export default mounted(create);
