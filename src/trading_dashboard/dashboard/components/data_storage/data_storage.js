// Storage: the agent's files with their sizes, the rows of each series, and the room left on the disk.

import { h, mounted, setText } from '/assets/js/dom.js';
import { number } from '/assets/js/format.js';
import { isDaily, size, utc } from '/assets/js/data_words.js';
import { PolledTable } from '/assets/js/polled_table.js';

const PAUSE = 30_000;
const MAX_FILES = 12;
const COLUMNS = [['Series', 'l'], ['Source', 'l'], ['Bars', 'l'], ['Rows', ''], ['First, UTC', ''], ['Last, UTC', '']];

function makeRow(series) {
  const cells = { rows: h('td', { class: 'rows' }), first: h('td', { class: 'k' }), last: h('td', { class: 'k' }) };
  const node = h('tr', { dataset: { symbol: series.symbol } }, h('th', { scope: 'row' }, series.symbol), h('td', {}, series.source),
    h('td', {}, series.interval), ...Object.values(cells));
  const paint = (now) => {
    setText(cells.rows, number(now.rows));
    setText(cells.first, utc(now.first, isDaily(now.interval)));
    setText(cells.last, utc(now.last, isDaily(now.interval)));
  };
  return { nodes: [node], paint };
}

/** The figures above the table: files, sum, rows, room. */
function figures() {
  const list = h('ul', { class: 'files' });
  const sum = h('b', { class: 'total' });
  const rows = h('b', { class: 'all-rows' });
  const free = h('b', { class: 'free' });
  const node = h('div', { class: 'figures', hidden: true }, h('p', {}, 'Files ', sum, ' · rows ', rows, ' · free on the disk ', free), list);
  let painted = '';
  const paint = ({ files, total_bytes: total, free_bytes: left, rows: all }) => {
    node.hidden = false;
    setText(sum, size(total));
    setText(rows, number(all));
    setText(free, size(left));
    const text = JSON.stringify(files);
    if (text === painted) return;
    painted = text;
    const largest = [...files].sort((a, b) => b.bytes - a.bytes);
    const rest = largest.slice(MAX_FILES);
    const items = largest.slice(0, MAX_FILES).map((file) => [file.name, file.bytes]);
    if (rest.length) items.push([`${rest.length} more`, rest.reduce((all, file) => all + file.bytes, 0)]);
    list.replaceChildren(...items.map(([name, bytes]) => h('li', {}, h('span', { class: 'k' }, name), h('span', {}, size(bytes)))));
  };
  return { node, paint };
}

export default mounted(({ parentElement }) => {
  const above = figures();
  const card = new PolledTable({
    name: 'storage', title: 'Storage', columns: COLUMNS, path: '/storage', pause: PAUSE, makeRow,
    rowsOf: (answer) => {
      above.paint(answer);
      return answer.series.map((series) => ({ key: `${series.source} ${series.symbol} ${series.interval}`, ...series }));
    },
    summary: (_, items) => (items.length ? `${number(items.length)} series` : ''),
    empty: () => 'Nothing is stored yet.', reading: 'Reading what is stored',
  });
  card.scroll.before(above.node);
  parentElement.append(card.node);
  return { destroy: () => card.destroy() };
});
