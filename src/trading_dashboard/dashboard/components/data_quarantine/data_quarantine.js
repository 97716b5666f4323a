// Quarantine: rows that were not believed, newest first, with the reason and the row as it came.

import { h, mounted } from '/assets/js/dom.js';
import { number } from '/assets/js/format.js';
import { codeWords, intervalWords, isDaily, utc } from '/assets/js/data_words.js';
import { PolledTable } from '/assets/js/polled_table.js';

const PAUSE = 10_000;
const LIMIT = 200;
const MAX_ROW_TEXT = 2000;
const COLUMNS = [['Of, UTC', 'l when'], ['Symbol', 'l'], ['Row', 'l'], ['Why', 'l wrap']];

function makeRow(rejected) {
  const { symbol, source, interval, timestamp, received, reason, detail, row } = rejected;
  const text = h('details', {}, h('summary', {}, 'Row as it came'), h('code', {}, row.slice(0, MAX_ROW_TEXT)));
  const came = received ? h('div', { class: 'quiet' }, `received ${utc(received)}`) : null;
  const node = h('tr', { dataset: { symbol, reason } }, h('td', { class: 'k' }, timestamp ? utc(timestamp, isDaily(interval)) : 'no time'),
    h('th', { scope: 'row' }, symbol, h('span', { class: 'tags' }, source)), h('td', {}, interval ? intervalWords(interval) : 'tick'),
    h('td', {}, h('span', { class: 'reason', title: reason }, codeWords(reason)), h('div', { class: 'quiet' }, detail), came, text));
  return { nodes: [node], paint: () => {} };
}

/** Rows may look alike to the last letter; the number of the copy tells them apart. */
function keyed(rows) {
  const seen = new Map();
  return rows.map((row) => {
    const text = JSON.stringify(row);
    const copy = seen.get(text) ?? 0;
    seen.set(text, copy + 1);
    return { ...row, key: `${text} ${copy}` };
  });
}

export default mounted(({ parentElement }) => {
  const card = new PolledTable({
    name: 'quarantine', title: 'Quarantined rows', columns: COLUMNS, path: `/quarantine?limit=${LIMIT}`, pause: PAUSE, makeRow,
    rowsOf: ({ rejected }) => keyed(rejected),
    summary: (_, items) => (items.length === LIMIT ? `newest ${LIMIT}` : items.length ? number(items.length) : ''),
    empty: () => 'No row was refused. What fails a check appears here, with the reason; it is never served as good.',
    reading: 'Reading the quarantine',
  });
  parentElement.append(card.node);
  return { destroy: () => card.destroy() };
});
