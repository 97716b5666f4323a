// Symbols with grade and parts of their quality, worst first; a search finds any symbol of any source.

import { words } from '/assets/js/api.js';
import { h, mounted, setAttribute, setText } from '/assets/js/dom.js';
import { NONE, number } from '/assets/js/format.js';
import { gradeBadge, paintGrade, part, utc } from '/assets/js/data_words.js';
import { PolledTable } from '/assets/js/polled_table.js';
import { readMarket } from '/assets/js/poller.js';

const PAUSE = 20_000;
const TYPING = 200;
const MAX_FOUND = 50;
const MAX_TEXT = 64;
const PARTS = ['completeness', 'accuracy', 'timeliness', 'consistency', 'validity', 'uniqueness'];
const COLUMNS = [
  ['Symbol', 'l'], ['Source', 'l'], ['Grade', 'l'], ['Score', ''],
  ...PARTS.map((name) => [`${name[0].toUpperCase()}${name.slice(1)}`, '']), ['Rows', ''], ['Rejected', ''], ['Gaps', ''], ['Computed, UTC', ''],
];

function makeRow(item) {
  const grade = gradeBadge();
  const name = h('span', { class: 'quiet name' });
  const link = h('a', { href: `/chart?symbol=${encodeURIComponent(item.symbol)}`, title: `Chart of ${item.symbol}` }, item.symbol);
  const names = ['score', ...PARTS, 'rows', 'rejected', 'gaps', 'computed'];
  const cells = Object.fromEntries(names.map((of) => [of, h('td', { class: of })]));
  const source = h('td', { class: 'source' });
  const node = h('tr', { dataset: { symbol: item.symbol } }, h('th', { scope: 'row' }, link, ' ', name), source, h('td', {}, grade),
    ...Object.values(cells));
  const paint = (now) => {
    const isScored = now.score !== undefined;
    paintGrade(grade, now.grade ?? null);
    setText(name, now.name && now.name !== now.symbol ? now.name : '');
    setText(source, now.source);
    setText(cells.score, isScored ? number(now.score, 1) : 'not scored yet');
    for (const of of PARTS) {
      const text = isScored ? part(now[of]) : NONE;
      setText(cells[of], text);
      setAttribute(cells[of], 'class', `${of} ${text === 'not measured' ? 'unmeasured' : ''}`);
    }
    for (const of of ['rows', 'rejected', 'gaps']) setText(cells[of], isScored ? number(now[of] ?? 0) : NONE);
    setText(cells.computed, utc(now.computed_at).slice(0, 16));
  };
  return { nodes: [node], paint };
}

/** The scores of what was found, in the order of the search; without a score it is listed, too. */
function joined(found, scores) {
  return found.flatMap((symbol) => {
    const own = scores.filter((score) => score.symbol === symbol.symbol);
    const rows = own.length ? own : [{ symbol: symbol.symbol, source: symbol.source }];
    return rows.map((row) => ({ ...row, name: symbol.name, key: `${row.symbol} ${row.source}` }));
  });
}

class QualityTable {
  constructor(parent) {
    this.found = null;
    this.total = 0;
    this.failure = null;
    this.timer = null;
    this.request = null;
    this.input = h('input', {
      class: 'input', type: 'search', placeholder: 'Find a symbol or name', 'aria-label': 'Find a symbol', maxlength: MAX_TEXT,
      autocomplete: 'off', spellcheck: 'false',
    });
    this.input.addEventListener('input', () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.#search(), TYPING);
    });
    this.card = new PolledTable({
      name: 'quality', title: 'Symbols and quality', columns: COLUMNS, path: '/quality/report', pause: PAUSE, makeRow,
      rowsOf: (answer) => this.#rows(answer), summary: (answer) => this.#summary(answer), controls: [this.input],
      empty: () => this.failure ?? (this.found ? 'No enabled source has a symbol like that.' : 'No symbol has been scored yet. Scores appear once data have come in.'),
      reading: 'Reading the scores',
    });
    parent.append(this.card.node);
  }

  #rows({ scores }) {
    if (this.found) return joined(this.found, scores);
    return scores.map((score) => ({ ...score, key: `${score.symbol} ${score.source}` }));
  }

  #summary({ total, grades }) {
    if (this.found) return this.total > this.found.length ? `first ${this.found.length} of ${number(this.total)} found` : `${this.found.length} found`;
    const by = Object.entries(grades).sort(([a], [b]) => order(a) - order(b)).map(([grade, count]) => `${grade} ${number(count)}`);
    return [number(total), ...by].join(' · ');
  }

  async #search() {
    this.request?.abort();
    const text = this.input.value.trim();
    const request = new AbortController();
    this.request = request;
    this.failure = null;
    if (!text) this.found = null;
    else {
      try {
        const answer = await readMarket(`/symbols?${new URLSearchParams({ text, limit: MAX_FOUND })}`, { signal: request.signal });
        if (this.request !== request) return;
        this.found = answer.symbols;
        this.total = answer.total ?? answer.symbols.length;
      } catch (error) {
        if (this.request !== request) return;
        this.found = [];
        this.total = 0;
        this.failure = words(error);
      }
    }
    this.card.refresh();
  }

  destroy() {
    clearTimeout(this.timer);
    this.request?.abort();
    this.request = null;
    this.card.destroy();
  }
}

function order(grade) {
  return ['A+', 'A', 'B', 'C', 'D', 'F'].indexOf(grade);
}

export default mounted(({ parentElement }) => new QualityTable(parentElement));
