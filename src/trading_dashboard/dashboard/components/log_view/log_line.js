// One line on the page: time, agent, level as a word, text with what was searched for marked.

import { h } from '/assets/js/dom.js';
import { logTime } from '/assets/js/format.js';
import { LEVELS, readable } from './log_lines.js';

const CLASSES = { warning: 'w', error: 'e', debug: 'd' };

export function lineNode(line, words) {
  const level = LEVELS.includes(line.level) ? line.level : 'info';
  return h('div', { class: `line ${CLASSES[level] ?? ''}` },
    h('span', { class: 'time' }, logTime(line.time)), h('span', { class: 'who', title: line.agent }, line.agent),
    h('span', { class: 'level' }, level === 'warning' ? 'warn' : level), h('span', { class: 'text' }, ...marked(readable(line), words)));
}

/** As text for a file. */
export function lineText(line) {
  return `${line.time} ${line.agent} ${line.level} ${readable(line)}`;
}

function marked(text, words) {
  if (!words) return [text];
  const parts = [];
  const lower = text.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf(words); at >= 0; at = lower.indexOf(words, from)) {
    if (at > from) parts.push(text.slice(from, at));
    parts.push(h('mark', {}, text.slice(at, at + words.length)));
    from = at + words.length;
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}
