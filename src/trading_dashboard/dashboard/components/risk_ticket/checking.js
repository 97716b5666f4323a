// Asks for the pre-trade check while somebody types.
//
// Owns the pace (a short pause after the last key, once more when the gate or prices move) and the order:
// an answer to an older question is never shown.

import { post, words } from '/assets/js/api.js';
import { risk } from '/assets/js/hub.js';
import { RISK_BASE } from '/assets/js/risk_store.js';

const DEBOUNCE = 150;
/** Prices move: an answer is asked for anew after so long, while the tab is seen. */
const REFRESH = 3_000;
const DEADLINE = 5_000;

export class Checking {
  /** @param told (state) gets {ticket, problem, result, error, isAsking} whenever it changes. */
  constructor(tasks, told) {
    this.told = told;
    this.state = { ticket: null, problem: null, result: null, error: null, isAsking: false };
    this.asked = 0;
    this.timer = null;
    tasks.every(REFRESH, () => (document.visibilityState === 'visible' && !this.state.isAsking ? this.again() : null));
    tasks.add(() => {
      this.asked += 1;
      clearTimeout(this.timer);
    });
  }

  /** Another ticket: nothing that was said of the one before holds. */
  ask({ ticket = null, problem = null }) {
    clearTimeout(this.timer);
    this.asked += 1;
    this.#enter({ ticket, problem, result: null, error: null, isAsking: Boolean(ticket) });
    if (ticket) this.timer = setTimeout(() => this.#send(), DEBOUNCE);
  }

  /** The same ticket once more; what was said of it stands until the answer. */
  again() {
    if (!this.state.ticket || !risk.isUp()) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#send(), DEBOUNCE);
  }

  async #send() {
    const mine = (this.asked += 1);
    const { ticket } = this.state;
    try {
      const result = await post(`${RISK_BASE}/check`, ticket, { signal: AbortSignal.timeout(DEADLINE) });
      if (mine === this.asked) this.#enter({ ...this.state, result, error: null, isAsking: false });
    } catch (error) {
      if (mine === this.asked) this.#enter({ ...this.state, result: null, error: words(error), isAsking: false });
    }
  }

  #enter(state) {
    this.state = state;
    this.told(state);
  }
}
