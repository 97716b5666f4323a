// Gaps: open hours without data, newest first, with cause and whether they were filled.

import { h, mounted, setAttribute, setText } from '/assets/js/dom.js';
import { duration, number } from '/assets/js/format.js';
import { causeWords, intervalWords, isDaily, utc } from '/assets/js/data_words.js';
import { PolledTable } from '/assets/js/polled_table.js';

const PAUSE = 10_000;
const COLUMNS = [['From, UTC', 'l when'], ['Symbol', 'l'], ['Bars', 'l'], ['Length', ''], ['Cause', 'l wrap'], ['Filled', 'l']];

function filledWords({ filled_at: filled, attempts }) {
  if (filled) return `filled ${utc(filled)}`;
  return attempts ? `not filled, ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}` : 'not filled';
}

function makeRow(gap) {
  const length = h('td');
  const detail = h('div', { class: 'quiet' });
  const dot = h('i', { class: 'dot', 'aria-hidden': 'true' });
  const filled = h('span');
  const cause = h('span', { class: 'cause' });
  const node = h('tr', { dataset: { symbol: gap.symbol } }, h('td', { class: 'k' }, utc(gap.start, isDaily(gap.interval))),
    h('th', { scope: 'row' }, gap.symbol, h('span', { class: 'tags' }, gap.source)), h('td', {}, intervalWords(gap.interval)), length,
    h('td', {}, cause, detail), h('td', { class: 'filled' }, h('span', { class: 'status' }, dot, filled)));
  const paint = (now) => {
    setText(cause, causeWords(now.cause));
    setText(detail, now.detail);
    setText(length, duration((Date.parse(now.end) - Date.parse(now.start)) / 1000));
    setText(filled, filledWords(now));
    setAttribute(dot, 'class', `dot ${now.filled_at ? 'ok' : 'halt'}`);
  };
  return { nodes: [node], paint };
}

export default mounted(({ parentElement }) => {
  const card = new PolledTable({
    name: 'gaps', title: 'Gaps', columns: COLUMNS, path: '/gaps', pause: PAUSE, makeRow,
    rowsOf: ({ gaps }) => gaps.map((gap) => ({ key: `${gap.source} ${gap.symbol} ${gap.interval} ${gap.start}`, ...gap })),
    summary: (_, items) => {
      const open = items.filter((gap) => !gap.filled_at).length;
      return items.length ? `${number(items.length)}, ${open ? `${number(open)} not filled` : 'all filled'}` : '';
    },
    empty: () => 'No gap: all data that should be there are there.', reading: 'Reading the gaps',
  });
  parentElement.append(card.node);
  return { destroy: () => card.destroy() };
});
