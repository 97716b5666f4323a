// Sources: how each one is, what it may still be asked, and what it last complained about.

import { h, mounted, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { countdown, NONE, number } from '/assets/js/format.js';
import { codeWords, utc } from '/assets/js/data_words.js';
import { PolledTable } from '/assets/js/polled_table.js';

const PAUSE = 5000;
const COLUMNS = [
  ['Source', 'l'], ['State', 'l'], ['Breaker', 'l'], ['Quota', ''], ['Resets, UTC', ''], ['Requests', ''], ['Errors', ''],
  ['p50', ''], ['p99', ''], ['Live symbols', ''], ['Licence', 'l wrap'],
];
const DOTS = { ok: 'ok', limited: 'warn', down: 'halt', refused: 'halt', missing: 'off', idle: 'off' };

function stateOf(source) {
  return source.state ?? (source.status === 'ok' ? 'ok' : null);
}

function breakerWords({ breaker, live_breaker: live }) {
  if (!breaker) return NONE;
  const same = !live || live === breaker;
  return same ? codeWords(breaker) : `${codeWords(breaker)}, live ${codeWords(live)}`;
}

function quotaWords({ quota_used: used, quota_limit: limit }) {
  if (limit === null || limit === undefined) return used ? `${number(used)}, no limit` : 'no limit';
  return `${number(used)} / ${number(limit)}`;
}

function errorWords(errors) {
  const sum = Object.values(errors ?? {}).reduce((total, count) => total + count, 0);
  const detail = Object.entries(errors ?? {}).map(([code, count]) => `${codeWords(code)} ${count}`).join(', ');
  return [number(sum), detail];
}

function latency(milliseconds) {
  return milliseconds === null || milliseconds === undefined ? NONE : `${number(milliseconds, milliseconds < 100 ? 1 : 0)} ms`;
}

function kindWords({ name, real, active }) {
  const kind = name.startsWith('recording:') ? 'recorded' : 'simulated';
  return [active ? '' : 'not used', real ? '' : kind].filter(Boolean);
}

/** What stands below a source: how it is in its own words, when it is asked again, the last error. */
function noteWords(source) {
  const state = stateOf(source);
  const parts = [];
  if (state !== 'ok' && state !== 'idle') parts.push(source.status);
  if (source.last_error && !source.status.includes(source.last_error)) parts.push(source.last_error);
  if (parts.length && source.last_error_at) parts.push(`last error ${utc(source.last_error_at)} UTC`);
  if (source.retry_in_seconds && !source.status.includes('asked again')) parts.push(`asked again in ${countdown(source.retry_in_seconds)}`);
  return parts.join(' · ');
}

function makeRow(source) {
  const tags = h('span', { class: 'tags' });
  const word = h('span');
  const dot = h('i', { class: 'dot', 'aria-hidden': 'true' });
  const names = ['breaker', 'quota', 'resets', 'requests', 'errors', 'p50', 'p99', 'live'];
  const cells = Object.fromEntries(names.map((name) => [name, h('td', { class: name })]));
  const licence = h('td', { class: 'licence' });
  const row = h('tr', { dataset: { source: source.name } },
    h('th', { scope: 'row', title: source.description }, source.name, tags), h('td', { class: 'state' }, h('span', { class: 'status' }, dot, word)),
    ...Object.values(cells), licence);
  const note = h('td', { colspan: COLUMNS.length, class: 'l wrap note' });
  const noteRow = h('tr', { class: 'note-row', hidden: true }, note);
  const paint = (now) => {
    const state = stateOf(now);
    const [errors, detail] = errorWords(now.errors);
    setAttribute(dot, 'class', `dot ${DOTS[state] ?? 'off'}`);
    setText(word, state ?? now.status);
    setText(tags, kindWords(now).join(', '));
    setText(cells.breaker, breakerWords(now));
    setText(cells.quota, quotaWords(now));
    setText(cells.resets, now.quota_limit === null || now.quota_limit === undefined ? NONE : utc(now.quota_resets_at).slice(5, 16));
    setText(cells.requests, number(now.requests ?? 0));
    setText(cells.errors, errors);
    setAttribute(cells.errors, 'title', detail);
    setText(cells.p50, latency(now.latency_p50_ms));
    setText(cells.p99, latency(now.latency_p99_ms));
    setText(cells.live, number(now.live_symbols ?? 0));
    setText(licence, now.licence);
    const text = [noteWords(now), detail && `Errors: ${detail}`].filter(Boolean).join(' · ');
    setText(note, text);
    setAttribute(note, 'class', `l wrap note ${['down', 'refused'].includes(state) ? 'bad' : ''}`);
    setHidden(noteRow, !text);
  };
  return { nodes: [row, noteRow], paint };
}

export default mounted(({ parentElement }) => {
  const card = new PolledTable({
    name: 'sources', title: 'Sources', columns: COLUMNS, path: '/sources', pause: PAUSE, makeRow,
    rowsOf: ({ sources }) => sources.map((source) => ({ key: source.name, ...source })),
    summary: (_, items) => {
      const bad = items.filter((item) => ['down', 'refused', 'limited'].includes(stateOf(item))).length;
      return bad ? `${items.length}, ${bad} in trouble` : `${items.length}`;
    },
    empty: () => 'No source is enabled. Name one under agents.market_data.settings in config/agents.yaml.',
    reading: 'Reading the sources',
  });
  parentElement.append(card.node);
  return { destroy: () => card.destroy() };
});
