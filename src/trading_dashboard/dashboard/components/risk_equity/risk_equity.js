// The account's equity at each session's start, as the journal keeps it, and now; and how deep it fell.
//
// What is brought in or taken out is no gain and no loss: the curve begins anew with it, as the agent's does.

import { amount } from '/assets/js/decimal.js';
import { cleanup, h, mounted, setAttribute, setClass, setHidden, setText } from '/assets/js/dom.js';
import { number } from '/assets/js/format.js';
import { market, risk } from '/assets/js/hub.js';
import { Poller } from '/assets/js/poller.js';
import { riskReader } from '/assets/js/risk_reader.js';
import { marketStamp, percentOf } from '/assets/js/risk_words.js';
import { drawEquity, emptyPlot, fallsOf } from './equity_plot.js';

const PAUSE = 30_000;
const MAX_ENTRIES = 1_000;
const FLOWS = new Set(['cash_moved', 'position_imported', 'position_cleared']);
const KINDS = ['day_started', ...FLOWS].map((kind) => `kind=${kind}`).join('&');
const KIND_WORDS = { cash_moved: 'cash was moved', position_imported: 'positions were brought in', position_cleared: 'positions were taken out' };

/** {points, since}: the sessions since the newest flow, and that flow. Entries are newest first. */
function curveOf(entries) {
  const sessions = new Map();
  let since = null;
  for (const { kind, data, at } of entries) {
    if (FLOWS.has(kind)) {
      since = { kind, at };
      break;
    }
    if (kind === 'day_started' && data.equity && !sessions.has(data.session)) sessions.set(data.session, data.equity);
  }
  return { points: [...sessions].reverse().map(([label, equity]) => ({ label, equity, value: Number(equity) })), since };
}

class Equity {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.curve = null;
    /** The journal's newest entry when it was read. */
    this.seq = null;
    this.drawn = '';
    this.age = h('span', { class: 'quiet age' });
    this.count = h('span', { class: 'quiet count' });
    this.note = h('p', { class: 'empty note', role: 'status' });
    this.plot = emptyPlot();
    this.says = h('p', { class: 'k says' });
    this.body = h('div', { class: 'body' }, this.plot, this.says);
    this.card = h('section', { class: 'card desk-data desk-risk-equity', 'aria-label': 'Equity and drawdown' },
      h('h3', {}, h('span', { class: 'title' }, 'Equity and drawdown', this.count), this.age), this.body, this.note);
    parentElement.append(this.card);
    this.poller = new Poller(this.tasks, {
      reader: riskReader(({ type }) => type === 'account' && risk.account.seq !== this.seq), pause: PAUSE, path: () => `/journal?${KINDS}&limit=${MAX_ENTRIES}`,
      take: ({ entries }) => {
        this.curve = curveOf(entries);
        this.seq = risk.account?.seq;
      },
      paint: () => this.#paint(),
    });
    this.#paint();
  }

  /** Sessions' starts and now; now takes part only while it is known. */
  #points() {
    const { account } = risk;
    if (!this.curve) return [];
    const { points } = this.curve;
    if (!account?.equity || !risk.condition().isCurrent) return points;
    return [...points, { label: `now, ${marketStamp(account.as_of, market.timeZone)}`, equity: account.equity, value: Number(account.equity) }];
  }

  #paint() {
    const { poller } = this;
    if (!poller) return;
    const points = this.#points();
    const isDrawn = points.length > 1;
    const state = JSON.stringify(points.map(({ equity }) => equity));
    if (isDrawn && state !== this.drawn) {
      this.drawn = state;
      this.plot.replaceChildren(...drawEquity(points));
    }
    setHidden(this.body, !isDrawn);
    setText(this.count, isDrawn ? 'of each session’s start, and now' : '');
    if (isDrawn) setText(this.says, this.#words(points));
    const isOld = poller.isLoaded && !poller.isCurrent;
    setText(this.age, poller.ageText);
    setAttribute(this.age, 'class', `quiet age ${isOld ? 'warn' : ''}`);
    setClass(this.card, 'is-stale', isOld);
    const trouble = poller.blocked || poller.trouble;
    const text = trouble || (isDrawn ? '' : this.curve ? 'The curve begins with the next session’s start.' : 'Reading the journal');
    setText(this.note, text);
    setHidden(this.note, !text);
    setAttribute(this.note, 'class', `empty note ${trouble ? 'warn' : ''}`);
  }

  #words(points) {
    const falls = fallsOf(points.map(({ value }) => value));
    const deepest = Math.max(...falls);
    const at = falls.indexOf(deepest);
    const { since } = this.curve;
    const sessions = this.curve.points.length;
    return [
      `From ${amount(points[0].equity)} to ${amount(points.at(-1).equity)} over ${number(sessions)} ${sessions === 1 ? 'session' : 'sessions'}.`,
      deepest > 0 ? `Deepest fall ${percentOf(deepest, 2)}, ${points[at].label}.` : 'No fall between these points.',
      since ? `Begins after ${KIND_WORDS[since.kind]} (${marketStamp(since.at, market.timeZone)}): that is neither gain nor loss.` : '',
    ].filter(Boolean).join(' ');
  }

  destroy() {
    this.tasks.destroy();
  }
}

export default mounted((component) => new Equity(component));
