// Decimals as the risk agent writes them, strings, written for people without passing through floats.
//
// A float cannot hold every cent of a large account; digits are rounded here on the digits themselves.

import { NONE } from './format.js';

const SHAPE = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/** {units, scale}: the number is units / 10 ** scale. Null if it is no decimal. */
function parsed(text) {
  if (text === null || text === undefined) return null;
  const found = SHAPE.exec(String(text).trim());
  if (!found) return null;
  const [, sign, whole, fraction = '', exponent = '0'] = found;
  let units = BigInt(whole + fraction);
  let scale = fraction.length - Number(exponent);
  if (scale < 0) {
    units *= 10n ** BigInt(-scale);
    scale = 0;
  }
  return { units: sign === '-' ? -units : units, scale };
}

/** Units at `digits` decimals, half to even as the account rounds. */
function rounded({ units, scale }, digits) {
  if (scale <= digits) return units * 10n ** BigInt(digits - scale);
  const step = 10n ** BigInt(scale - digits);
  const size = units < 0n ? -units : units;
  const rest = (size % step) * 2n;
  let kept = size / step;
  if (rest > step || (rest === step && kept % 2n === 1n)) kept += 1n;
  return units < 0n ? -kept : kept;
}

function written(units, digits) {
  const text = String(units < 0n ? -units : units).padStart(digits + 1, '0');
  const whole = text.slice(0, text.length - digits).replace(/\B(?=(\d{3})+$)/g, ',');
  return digits ? `${whole}.${text.slice(-digits)}` : whole;
}

/** −1, 0 or 1; 0 of what is no decimal. */
export function signOf(text) {
  const value = parsed(text);
  if (value === null || value.units === 0n) return 0;
  return value.units < 0n ? -1 : 1;
}

/** "−1,042,318.40" */
export function amount(text, digits = 2) {
  const value = parsed(text);
  if (value === null) return NONE;
  const units = rounded(value, digits);
  return `${units < 0n ? '−' : ''}${written(units, digits)}`;
}

/** "▲ +6,204.11" or "▼ −12.00": the sign is never colour alone. */
export function gain(text, digits = 2) {
  const value = parsed(text);
  if (value === null) return NONE;
  const units = rounded(value, digits);
  const mark = units > 0n ? '▲ +' : units < 0n ? '▼ −' : '';
  return `${mark}${written(units, digits)}`;
}

/** 'up', 'down' or '' of what `gain` writes. */
export function gainClass(text, digits = 2) {
  const value = parsed(text);
  if (value === null) return '';
  const units = rounded(value, digits);
  return units > 0n ? 'up' : units < 0n ? 'down' : '';
}

/** A quantity with the decimals it has, at most eight: "1,200", "0.25". */
export function quantity(text) {
  const value = parsed(text);
  if (value === null) return NONE;
  const shown = amount(text, 8);
  return shown.replace(/\.?0+$/, '');
}

/** A price: two decimals, four below one. */
export function decimalPrice(text) {
  const value = parsed(text);
  if (value === null) return NONE;
  const size = value.units < 0n ? -value.units : value.units;
  return amount(text, size > 0n && size < 10n ** BigInt(value.scale) ? 4 : 2);
}

/** The same decimal without its sign, as the API takes it. */
export function withoutSign(text) {
  return String(text).replace(/^[+-]/, '');
}

/** Whether the text is a decimal above zero with at most eight decimals, as the API takes it. */
export function isPositive(text) {
  return /^\d{1,10}(\.\d{1,8})?$/.test(text) && signOf(text) > 0;
}
