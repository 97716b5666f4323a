// The trading gate: its state, every cause with what to do, and the act that opens it again.

import { post, words } from '/assets/js/api.js';
import { cleanup, h, mounted, setAttribute, setBlocked, setHidden, setText } from '/assets/js/dom.js';
import { duration, wallTime } from '/assets/js/format.js';
import { risk } from '/assets/js/hub.js';
import { KeyedRows } from '/assets/js/risk_card.js';
import { RISK_BASE } from '/assets/js/risk_store.js';
import { causeKind, GATE, GATE_MEANING, sinceWords, toneMark } from '/assets/js/risk_words.js';

const DEADLINE = 10_000;

function makeCause({ cause: first }) {
  const mark = toneMark();
  const lasts = h('span', { class: 'lasts tag' });
  const message = h('p', { class: 'message' });
  const since = h('p', { class: 'k when' });
  const next = h('p', { class: 'next' });
  const subject = first.subject && first.subject !== first.kind ? first.subject : '';
  const node = h('li', { dataset: { cause: first.kind } }, h('div', { class: 'row' }, h('b', {}, mark.node), h('span', { class: 'k' }, subject), lasts), message, next, since);
  const paint = ({ cause }) => {
    mark.paint(cause.closes_to === 'halted' ? 'halt' : 'reduce', causeKind(cause.kind));
    setText(lasts, `${cause.lasts ? 'lasts' : 'ended'}${cause.times > 1 ? `, ${cause.times} times` : ''}`);
    setAttribute(lasts, 'class', `lasts tag ${cause.lasts ? 'bad' : ''}`);
    setText(message, cause.message);
    setText(next, cause.next_step);
    const ended = cause.ended_at ? `, ended ${wallTime(cause.ended_at)} after ${duration((Date.parse(cause.ended_at) - Date.parse(cause.since)) / 1000)}` : '';
    setText(since, cause.ended_at ? `since ${wallTime(cause.since)}${ended}` : sinceWords(cause.since));
  };
  return { node, paint };
}

/** Why the gate cannot be opened now; empty when it can. */
function whyNot({ isKnown, why, causes }) {
  if (!isKnown) return `Not possible while the gate is not known: ${why}.`;
  const lasting = causes.filter(({ lasts }) => lasts);
  if (lasting.length) return `Not possible while a cause lasts: ${lasting.map(({ kind }) => causeKind(kind)).join(', ')}.`;
  return '';
}

class GateCard {
  constructor({ parentElement }) {
    this.tasks = cleanup();
    this.mark = toneMark();
    this.mark.node.classList.add('pill', 'state');
    this.meaning = h('p', { class: 'k' });
    this.since = h('span', { class: 'quiet' });
    this.causes = h('ul', { class: 'causes' });
    this.rows = new KeyedRows(this.causes, makeCause);
    this.reason = h('input', { class: 'input', type: 'text', maxlength: '500', placeholder: 'why it may open', 'aria-label': 'Reason for resuming', autocomplete: 'off' });
    this.resume = h('button', { class: 'btn', type: 'submit' }, 'Resume trading');
    this.form = h('form', { class: 'row resume' }, this.reason, this.resume);
    this.refusal = h('p', { class: 'message', role: 'status', id: 'risk-gate-refusal' });
    setAttribute(this.resume, 'aria-describedby', 'risk-gate-refusal');
    this.answer = '';
    this.card = h('section', { class: 'card desk-risk-gate', 'aria-label': 'Trading gate' }, h('h3', {}, 'Trading gate', this.since),
      h('div', { class: 'row' }, this.mark.node, this.meaning), this.causes, this.form, this.refusal);
    parentElement.append(this.card);
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#resume();
    });
    this.reason.addEventListener('input', () => this.#paint());
    this.tasks.add(risk.subscribe(({ type }) => (type === 'account' || type === 'limits' || type === 'order' ? null : this.#paint())));
    this.tasks.every(500, () => this.#paint());
    this.#paint();
  }

  async #resume() {
    if (this.resume.getAttribute('aria-disabled') === 'true') return;
    const { seq } = risk.gate;
    this.isBusy = true;
    this.answer = '';
    this.#paint();
    try {
      const gate = await post(`${RISK_BASE}/gate/reopen`, { reason: this.reason.value.trim(), seen_seq: seq }, { signal: AbortSignal.timeout(DEADLINE) });
      risk.takeGate(gate);
      this.reason.value = '';
    } catch (error) {
      this.answer = words(error);
    } finally {
      this.isBusy = false;
      this.#paint();
    }
  }

  #paint() {
    const now = risk.gateNow();
    const [word, tone] = GATE[now.state];
    this.mark.paint(tone, word);
    setText(this.meaning, now.isKnown ? GATE_MEANING[now.state] : `Not known: ${now.why}. Taken as halted.`);
    setAttribute(this.card, 'data-state', now.state);
    setText(this.since, now.isKnown ? this.#sinceText() : '');
    this.rows.set(now.causes.map((cause) => ({ key: `${cause.kind} ${cause.subject} ${cause.since}`, cause })));
    setHidden(this.causes, now.causes.length === 0);
    const isShut = now.state !== 'active';
    const blocked = isShut ? whyNot(now) : '';
    const isReady = this.reason.value.trim() !== '' && !blocked && !this.isBusy;
    setHidden(this.form, !isShut);
    setBlocked(this.resume, !isReady);
    setAttribute(this.resume, 'title', blocked || (isReady ? null : 'Say why first'));
    if (!isShut) this.answer = '';
    setText(this.refusal, isShut ? this.answer || blocked || 'Every cause has ended. Say why trading may go on; it is written to the journal.' : '');
    setAttribute(this.refusal, 'class', `message ${this.answer ? 'bad' : ''}`);
    setHidden(this.refusal, !isShut);
  }

  #sinceText() {
    const { since, lease_seconds_left: lease } = risk.gate;
    return `${sinceWords(since)}${lease === null ? ', no lease needed' : ''}`;
  }

  destroy() {
    this.tasks.destroy();
  }
}

export default mounted((component) => new GateCard(component));
