// The form of a scan: which symbols, which bars, what to look for.

import { h } from '/assets/js/dom.js';
import { selectField } from '/assets/js/pattern_filter.js';
import { DIRECTIONS, kindWords, KINDS, TIMEFRAMES } from '/assets/js/pattern_words.js';

const MAX_SYMBOLS = 2_000;

/** "AAPL, ibm MSFT" as symbols, once each. */
export function symbolsOf(text) {
  return [...new Set(text.toUpperCase().split(/[\s,;]+/).filter(Boolean))];
}

export function scanForm({ onOrder }) {
  const symbols = h('input', {
    class: 'input wide', placeholder: 'All listed symbols, or AAPL, MSFT, …', 'aria-label': 'Symbols to scan', autocomplete: 'off', spellcheck: 'false',
  });
  const chosen = { timeframe: '1d', kind: '', direction: '', min_confidence: '', within_bars: '5' };
  const field = (name, label, options) => selectField(label, options, { value: chosen[name], onchange: (value) => { chosen[name] = value; } });
  const fields = [
    field('timeframe', 'Bars to scan', TIMEFRAMES.map((one) => [one, one])),
    field('kind', 'Kinds to scan for', [['', 'All kinds'], ...KINDS.map((one) => [one, `${kindWords(one)}s`])]),
    field('direction', 'Direction to scan for', [['', 'All directions'], ...DIRECTIONS.map((one) => [one, one])]),
    field('within_bars', 'How recent', [['1', 'newest bar'], ['5', 'last 5 bars'], ['20', 'last 20 bars'], ['100', 'last 100 bars']]),
    field('min_confidence', 'Confidence at least', [['', 'Any confidence'], ['0.5', '≥ 50 %'], ['0.55', '≥ 55 %'], ['0.6', '≥ 60 %']]),
  ];
  const start = h('button', { class: 'btn', type: 'submit' }, 'Scan');
  const cancel = h('button', { class: 'btn q', type: 'button', hidden: true }, 'Cancel');
  const node = h('form', { class: 'filters scan-form' }, symbols, ...fields, start, cancel);
  node.addEventListener('submit', (event) => {
    event.preventDefault();
    if (start.getAttribute('aria-disabled') === 'true') return;
    const order = { symbols: symbolsOf(symbols.value).slice(0, MAX_SYMBOLS), timeframe: chosen.timeframe, within_bars: Number(chosen.within_bars) };
    if (chosen.kind) order.kinds = [chosen.kind];
    if (chosen.direction) order.directions = [chosen.direction];
    if (chosen.min_confidence) order.min_confidence = Number(chosen.min_confidence);
    onOrder(order);
  });
  return { node, start, cancel };
}
