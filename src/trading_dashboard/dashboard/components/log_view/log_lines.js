// The lines that are wanted, in order and bounded, however they come: backlog again, out of order,
// ten thousand a second.

export const LEVELS = ['debug', 'info', 'warning', 'error'];
const KEPT = 5000;
const SLACK = 1000;

/** Who logged a line, as its agent names it, and what it says. */
export function readable(line) {
  return line.logger ? `${line.logger.split('.').at(-1)}: ${line.text}` : line.text;
}

function keyOf(line) {
  return `${line.agent} ${line.seq} ${line.time}`;
}

export class LogLines {
  constructor() {
    this.lines = [];
    this.known = new Set();
    this.filter = { agent: '', level: 'info', words: '' };
  }

  /** Set what is wanted; lines that are not are forgotten, the server sends others. */
  want(filter) {
    this.filter = { ...filter, words: filter.words.toLowerCase() };
    this.#keep(this.lines.filter((line) => this.isWanted(line)));
  }

  isWanted(line) {
    const { agent, level, words } = this.filter;
    if (agent && line.agent !== agent) return false;
    if (LEVELS.includes(line.level) && LEVELS.indexOf(line.level) < LEVELS.indexOf(level)) return false;
    return !words || line.text.toLowerCase().includes(words) || (line.logger ?? '').toLowerCase().includes(words);
  }

  /** Take a line; returns 'new', 'older' (it stands before others) or null if it is not wanted. */
  add(line) {
    const key = keyOf(line);
    if (this.known.has(key) || !this.isWanted(line)) return null;
    this.known.add(key);
    const last = this.lines.at(-1);
    this.lines.push(line);
    const isOlder = last !== undefined && Date.parse(line.time) < Date.parse(last.time);
    if (isOlder) this.isUnsorted = true;
    if (this.lines.length > KEPT + SLACK) this.#keep(this.sorted().slice(-KEPT));
    return isOlder ? 'older' : 'new';
  }

  /** All lines, oldest first. */
  sorted() {
    if (this.isUnsorted) {
      this.lines = this.lines.map((line) => [Date.parse(line.time), line]).sort((a, b) => a[0] - b[0]).map(([, line]) => line);
      this.isUnsorted = false;
    }
    return this.lines;
  }

  #keep(lines) {
    this.lines = lines;
    this.known = new Set(lines.map(keyOf));
  }
}
