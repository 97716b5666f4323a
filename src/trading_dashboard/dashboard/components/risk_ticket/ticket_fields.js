// What is typed into the ticket, as the API takes it, or what is missing.

import { isPositive } from '/assets/js/decimal.js';
import { plain } from '/assets/js/fields.js';

export const PRICES = ['limit_price', 'stop_price'];
const MISSING = {
  symbol: 'Name a symbol.', quantity: 'Say how much: a number above zero.', limit_price: 'Say the limit price.', stop_price: 'Say the stop price.',
};

/** {ticket} or {problem, field}: numbers stay the text that was typed, without thousands' commas. */
export function readTicket(side, fields) {
  const symbol = fields.symbol.value.trim().toUpperCase();
  const quantity = plain(fields.quantity.value);
  const type = fields.type.value;
  if (!symbol || /\s/.test(symbol)) return { problem: MISSING.symbol, field: 'symbol' };
  if (!isPositive(quantity)) return { problem: MISSING.quantity, field: 'quantity' };
  const ticket = { symbol, side, quantity, type, time_in_force: fields.time_in_force.value, reduce_only: fields.reduce_only.checked };
  for (const name of PRICES) {
    if (!type.includes(name.split('_')[0])) continue;
    const value = plain(fields[name].value);
    if (!isPositive(value)) return { problem: MISSING[name], field: name };
    ticket[name] = value;
  }
  return { ticket };
}

/** What to say of a ticket that is not whole. */
export function complete(problem) {
  return problem ?? 'Fill in the ticket.';
}
