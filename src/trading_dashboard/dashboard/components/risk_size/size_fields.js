// What each method of sizing asks for; percents are typed, fractions are asked.

import { h } from '/assets/js/dom.js';
import { field, input, typed } from '/assets/js/fields.js';

export const METHODS = [
  ['fixed_fraction', 'Fixed fraction'], ['volatility_target', 'Volatility target'], ['atr', 'ATR'], ['kelly', 'Kelly, capped'], ['risk_parity', 'Risk parity'],
];
const ASKED = {
  fixed_fraction: ['symbol', 'side', 'risk_fraction', 'entry', 'stop', 'budget'],
  volatility_target: ['symbol', 'side', 'target_volatility', 'entry', 'budget'],
  atr: ['symbol', 'side', 'risk_fraction', 'atr_multiple', 'entry', 'budget'],
  kelly: ['symbol', 'side', 'win_probability', 'payoff', 'kelly_cap', 'entry', 'stop', 'budget'],
  risk_parity: ['symbols', 'budget'],
};
const NEEDED = { kelly: ['win_probability', 'payoff'] };
/** By name: label, what stands while it is empty, and what one unit typed is of what is asked. */
const NUMBERS = {
  risk_fraction: ['At risk, % of equity', '1', 0.01], target_volatility: ['Volatility a year, %', '10', 0.01], atr_multiple: ['ATR times', '2', 1],
  win_probability: ['Chance to win, %', '55', 0.01], payoff: ['Gain over loss', '1.5', 1], kelly_cap: ['Cap, % of equity', '25', 0.01],
  entry: ['Entry', 'newest price', 1], stop: ['Stop', 'none', 1], budget: ['Budget', 'all equity', 1],
};
/** In the order they are shown in. */
const ORDER = ['symbol', 'symbols', 'side', ...Object.keys(NUMBERS)];

/** {nodes, show(method), read(method)}; `read` gives {question} or {problem, name}. */
export function sizeFields() {
  const controls = {
    symbol: input({ maxlength: 32, name: 'symbol', placeholder: 'AAPL' }),
    symbols: input({ maxlength: 400, name: 'symbols', placeholder: 'AAPL, IBM, MSFT' }),
    side: h('select', { class: 'input', name: 'side' }, h('option', { value: 'buy' }, 'buy'), h('option', { value: 'sell' }, 'sell')),
  };
  const labels = { symbol: 'Symbol', symbols: 'Symbols', side: 'Side' };
  for (const [name, [label, placeholder]] of Object.entries(NUMBERS)) {
    controls[name] = input({ inputmode: 'decimal', maxlength: 20, name, placeholder, class: 'input figure' });
    labels[name] = label;
  }
  const rows = Object.fromEntries(ORDER.map((name) => [name, field(name, labels[name], controls[name])]));
  rows.symbols.classList.add('whole');
  const show = (method) => {
    for (const [name, node] of Object.entries(rows)) node.hidden = !ASKED[method].includes(name);
  };
  const read = (method) => {
    const question = { method };
    for (const name of ASKED[method]) {
      const { value } = controls[name];
      const [got, problem] = name in NUMBERS ? readNumber(name, value, NEEDED[method] ?? []) : readWord(name, value);
      if (problem) return { problem, name };
      if (got !== null) question[name] = got;
    }
    return { question };
  };
  return { nodes: Object.values(rows), controls, show, read };
}

function readWord(name, value) {
  if (name === 'side') return [value, ''];
  const symbols = value.toUpperCase().split(/[\s,;]+/).filter(Boolean);
  if (name === 'symbols') return symbols.length > 1 ? [symbols, ''] : [null, 'Name two symbols at least.'];
  return symbols.length === 1 ? [symbols[0], ''] : [null, 'Name a symbol.'];
}

function readNumber(name, value, needed) {
  const [label, , unit] = NUMBERS[name];
  const number = typed(value.replace(/%\s*$/, ''));
  if (number === null) return [null, needed.includes(name) ? `${label}: say it, it is never assumed.` : ''];
  return number > 0 ? [Number((number * unit).toPrecision(12)), ''] : [null, `${label}: a number above zero.`];
}
