// The portfolio's risk as it was asked for: one question and one answer, shared by all cards that show parts.

import { cleanup } from './dom.js';
import { Poller } from './poller.js';
import { riskReader } from './risk_reader.js';

const PAUSE = 15_000;
export const CHOICES = {
  confidence: [['0.9', '90 %'], ['0.95', '95 %'], ['0.975', '97.5 %'], ['0.99', '99 %']],
  horizon_days: [['1', '1 day'], ['5', '5 days'], ['10', '10 days'], ['20', '20 days']],
  window: [['250', '250 days'], ['500', '500 days'], ['1000', '1,000 days'], ['2500', '2,500 days']],
};

class RiskReport {
  constructor() {
    this.chosen = { confidence: '0.95', horizon_days: '1', window: '500' };
    this.answer = null;
    this.listeners = new Set();
    this.poller = null;
    this.tasks = null;
  }

  /** Call `listener()` on a new answer and each second; asks as long as anybody listens. Returns what ends it. */
  subscribe(listener) {
    this.listeners.add(listener);
    if (!this.poller) this.#start();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.#end();
    };
  }

  choose(key, value) {
    this.chosen = { ...this.chosen, [key]: value };
    this.answer = null;
    this.poller.forget();
    this.poller.now();
    this.#tell();
  }

  get query() {
    return new URLSearchParams(this.chosen);
  }

  /** Why there is nothing, or nothing new; empty when all is well. */
  get trouble() {
    const { poller } = this;
    if (!poller) return '';
    const why = poller.blocked || poller.trouble;
    if (!why) return '';
    const kept = poller.isLoaded ? ' Shown is what was read last.' : '';
    return `${why.replace(/\.$/, '')}.${kept}${poller.blocked ? '' : ' Asked again by itself.'}`;
  }

  get isOld() {
    return Boolean(this.poller?.isLoaded) && !this.poller.isCurrent;
  }

  get ageText() {
    return this.poller?.ageText ?? '';
  }

  #start() {
    this.tasks = cleanup();
    // An order that fills changes what is held; everything else changes slowly.
    const reader = riskReader(({ type, fill }) => type === 'order' && Boolean(fill));
    this.poller = new Poller(this.tasks, {
      reader, pause: PAUSE, path: () => `/risk/portfolio?${this.query}`, take: (answer) => { this.answer = answer; }, paint: () => this.#tell(),
    });
  }

  #end() {
    this.tasks.destroy();
    this.poller = null;
    this.answer = null;
  }

  #tell() {
    for (const listener of this.listeners) listener();
  }
}

export const report = new RiskReport();

/** Follow the report with a card: `paint(answer)`; age, staleness and trouble are shown the same way everywhere. */
export function reportCard(tasks, { card, age, note, body, paint, reading, isEmpty = () => false, empty = '' }) {
  let painted = null;
  const refresh = () => {
    const { answer, trouble } = report;
    if (answer !== painted) {
      painted = answer;
      if (answer) paint(answer);
    }
    age.textContent = report.ageText;
    age.className = `quiet age ${report.isOld ? 'warn' : ''}`;
    card.classList.toggle('is-stale', report.isOld);
    const nothing = answer && isEmpty(answer) ? empty : '';
    const words = trouble || (answer ? nothing : reading);
    note.textContent = words;
    note.hidden = !words;
    note.className = `empty note ${trouble ? 'warn' : ''}`;
    body.hidden = !answer || Boolean(nothing);
  };
  tasks.add(report.subscribe(refresh));
  refresh();
}
