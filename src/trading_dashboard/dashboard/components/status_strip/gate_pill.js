// The trading gate in the strip, and the kill switch beside it.

import { h, onPress, setAttribute, setText } from '/assets/js/dom.js';
import { risk } from '/assets/js/hub.js';
import { goesTo } from '/assets/js/place.js';
import { GATE, GATE_MEANING } from '/assets/js/risk_words.js';
import { killSwitch } from './kill_dialog.js';

/** Returns {pill, kill, said, paint}. */
export function gatePill() {
  const dot = h('i', { class: 'dot halt', 'aria-hidden': 'true' });
  const text = h('span', { class: 'gate-text' });
  const pill = h('a', { class: 'pill gate', href: '/risk' }, dot, text);
  // Read aloud on a change of state alone, not at each counted second.
  const said = h('span', { class: 'sr', role: 'status' });
  const kill = h('button', { class: 'btn danger kill', type: 'button' }, 'Kill switch');
  goesTo(pill, 'risk');
  onPress(kill, killSwitch);
  const paint = () => {
    const { state, why } = risk.gateNow();
    const [word, tone] = GATE[state];
    const words = `Gate ${word}${why ? ` · ${why}` : ''}`;
    setAttribute(dot, 'class', `dot ${tone}`);
    setText(text, words);
    setAttribute(pill, 'data-state', state);
    setAttribute(pill, 'title', `${words}. ${GATE_MEANING[state]} Open the Risk view.`);
    setText(said, `Trading gate ${word}`);
  };
  paint();
  return { pill, kill, said, paint };
}
