// The market data agent's words, as people read them: states, causes, reasons, times, grades.

import { h } from './dom.js';
import { NONE, number } from './format.js';

const CAUSES = {
  agent_down: 'agent was down', source_down: 'source was down', source_silent: 'source was silent',
  not_delivered: 'not delivered', quarantined: 'rows quarantined',
};

/** A stable code such as "high_below_low" in words. */
export function codeWords(code) {
  return (code ?? '').replaceAll('_', ' ');
}

export function causeWords(cause) {
  return CAUSES[cause] ?? codeWords(cause);
}

/** "2012-09-05 14:31:07", UTC; without the time where it is midnight and `isDay`. */
export function utc(timestamp, isDay = false) {
  if (!timestamp) return NONE;
  const text = new Date(timestamp).toISOString();
  return isDay ? text.slice(0, 10) : text.slice(0, 19).replace('T', ' ');
}

export function isDaily(interval) {
  return ['1d', '1w', '1M'].includes(interval);
}

/** What bars, or the stream of ticks. */
export function intervalWords(interval) {
  return interval ?? 'stream';
}

/** A part of a score; not measured is not zero. */
export function part(value) {
  return value === null || value === undefined ? 'not measured' : number(value, 1);
}

const TONES = { 'A+': 'ok', A: 'ok', B: 'ok', C: 'warn', D: 'warn', F: 'halt' };

export function gradeTone(grade) {
  return TONES[grade] ?? 'off';
}

/** A grade as a badge. */
export function gradeBadge(grade = null) {
  return h('span', { class: `grade ${gradeTone(grade)}` }, grade ?? NONE);
}

export function paintGrade(node, grade) {
  const name = `grade ${gradeTone(grade)}`;
  if (node.className !== name) node.className = name;
  const text = grade ?? NONE;
  if (node.textContent !== text) node.textContent = text;
}

/** "1.5 MiB", "48 GiB": a unit that fits. */
export function size(value) {
  if (value === null || value === undefined) return NONE;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let rest = value;
  let unit = 0;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${number(rest, unit === 0 || rest >= 100 ? 0 : 1)} ${units[unit]}`;
}
