// Holdings of one's own as text: a symbol and a quantity a line, or a file that was exported somewhere.

import { typed } from '/assets/js/fields.js';

export const MAX_HOLDINGS = 500;
const SPACED = /^(\S{1,32})[\s:=]+(\S+)$/;
const PAIR = /^([^\s,;]{1,32})[,;]([^,;]+)$/;

/** {holdings} or {problem}. Takes lines such as "AAPL 100", CSV with a heading, and JSON as it is exported. */
export function readHoldings(text) {
  const trimmed = text.trim();
  if (!trimmed) return { problem: 'Write a symbol and a quantity, one holding a line, such as AAPL 100.' };
  const read = /^[[{]/.test(trimmed) ? ofJson(trimmed) : ofLines(trimmed.split(/\r?\n/));
  if (read.problem) return read;
  const { holdings } = read;
  if (holdings.length === 0) return { problem: 'There is no holding in it.' };
  const twice = holdings.find(({ symbol }, index) => holdings.findIndex((one) => one.symbol === symbol) !== index);
  if (twice) return { problem: `${twice.symbol} is named twice: write what is held of it once.` };
  if (holdings.length > MAX_HOLDINGS) return { problem: `At most ${MAX_HOLDINGS} holdings can be computed at once.` };
  return { holdings };
}

export function writeHoldings(holdings) {
  return holdings.map(({ symbol, quantity }) => `${symbol} ${quantity}`).join('\n');
}

export function csvOf(holdings) {
  return ['symbol,quantity', ...holdings.map(({ symbol, quantity }) => `${symbol},${quantity}`)].join('\n') + '\n';
}

function ofJson(text) {
  let content;
  try {
    content = JSON.parse(text);
  } catch {
    return { problem: 'It begins like JSON and is none.' };
  }
  const items = Array.isArray(content) ? content : content.positions ?? content.holdings;
  if (!Array.isArray(items)) return { problem: 'The JSON has no list of positions or holdings.' };
  return collected(items.map((one) => [one?.symbol, String(one?.quantity ?? '')]), 'Entry');
}

function ofLines(lines) {
  const rows = lines.map((line) => line.trim());
  const head = rows[0].toLowerCase().split(/[,;]/).map(cell);
  const [symbol, quantity] = [head.indexOf('symbol'), head.indexOf('quantity')];
  if (symbol >= 0 && quantity < 0) return { problem: 'The heading names no column quantity.' };
  if (symbol >= 0) return collected(rows.slice(1).map((row) => (row ? [symbol, quantity].map((at) => cell(row.split(/[,;]/)[at] ?? '')) : null)), 'Row');
  return collected(rows.map((row) => (row ? (SPACED.exec(row) ?? PAIR.exec(row) ?? [null, row, '']).slice(1) : null)), 'Line');
}

function cell(text) {
  return text.trim().replace(/^"(.*)"$/, '$1');
}

/** @param pairs Symbol and quantity as text; null is an empty line. */
function collected(pairs, what) {
  const holdings = [];
  for (const [index, pair] of pairs.entries()) {
    if (pair === null) continue;
    const symbol = String(pair[0] ?? '').trim().toUpperCase();
    const quantity = typed(pair[1]);
    if (!symbol || /\s/.test(symbol) || quantity === null || Number.isNaN(quantity)) {
      return { problem: `${what} ${index + 1} cannot be read: write a symbol and a quantity, such as AAPL 100, or IBM −50 for a short one.` };
    }
    holdings.push({ symbol, quantity });
  }
  return { holdings };
}
