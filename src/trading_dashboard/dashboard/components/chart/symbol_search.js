// The field that a chart's symbol is typed into: finds any symbol of any enabled source as one types.
//
// The agent searches and ranks; the browser only lists. Enter takes what stands there, chosen or not.

import { market } from '/assets/js/hub.js';
import { cleanup, h } from '/assets/js/dom.js';

const TYPING = 150;
const MAX_FOUND = 50;
const MAX_TEXT = 64;

export function symbolSearch(onSymbol) {
  const tasks = cleanup();
  const list = h('datalist', { id: 'desk-symbols' });
  const input = h('input', {
    class: 'input symbol', list: 'desk-symbols', 'aria-label': 'Symbol', autocomplete: 'off',
    spellcheck: 'false', maxlength: MAX_TEXT, title: 'Type a symbol or a name and press Enter',
  });
  const form = h('form', { class: 'symbol-form' }, input, list);
  let timer = null;
  let asked = null;
  let offered = [];

  const isOffered = () => offered.some(({ symbol }) => symbol === input.value.trim().toUpperCase());
  const submit = (event) => {
    event?.preventDefault();
    const symbol = input.value.trim().toUpperCase();
    if (symbol) onSymbol(symbol);
  };
  /** Offer what fits; resolves to it, empty when it cannot be asked for. */
  const offer = async (text = '') => {
    asked?.abort();
    const request = new AbortController();
    asked = request;
    try {
      const answer = await market.symbols({ ...(text ? { text } : {}), limit: MAX_FOUND }, { signal: request.signal });
      if (asked !== request) return [];
      offered = answer.symbols;
      const name = ({ symbol, name: own, exchange }) => [own === symbol ? '' : own, exchange].filter(Boolean).join(' · ');
      list.replaceChildren(...offered.map((item) => h('option', { value: item.symbol }, name(item))));
      return offered;
    } catch {
      // What is typed can be entered all the same; the chart says what is wrong.
      return [];
    }
  };
  form.addEventListener('submit', submit);
  input.addEventListener('change', () => isOffered() && submit());
  input.addEventListener('focus', () => input.select());
  input.addEventListener('input', () => {
    clearTimeout(timer);
    // Chosen from the list: there is nothing to look for.
    if (!isOffered()) timer = setTimeout(() => offer(input.value.trim()), TYPING);
  });
  tasks.add(() => {
    clearTimeout(timer);
    asked?.abort();
    asked = null;
  });
  const show = (symbol) => {
    if (document.activeElement !== input || input.value.toUpperCase() !== symbol) input.value = symbol;
  };
  return { node: form, show, offer, destroy: tasks.destroy };
}
