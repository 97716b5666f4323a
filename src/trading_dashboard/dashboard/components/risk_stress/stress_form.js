// A scenario by hand, or in reverse: percents are typed, fractions are asked.

import { h, onPress, setHidden, setText } from '/assets/js/dom.js';

const ONE_SYMBOL = /^([^\s,:=]{1,32})[\s:=]+([+-]?\d+(?:\.\d+)?)\s*%?$/;

function percent(text) {
  const value = Number(text.trim().replace('−', '-').replace(/%$/, ''));
  return text.trim() === '' || !Number.isFinite(value) ? null : value / 100;
}

/** {AAPL: -0.2} of "AAPL −20, IBM −5"; null where it cannot be read. */
function symbolShocks(text) {
  const shocks = {};
  for (const part of text.split(',').map((one) => one.trim().replace('−', '-')).filter(Boolean)) {
    const found = ONE_SYMBOL.exec(part);
    if (!found) return null;
    shocks[found[1].toUpperCase()] = Number(found[2]) / 100;
  }
  return shocks;
}

function input(label, placeholder, width) {
  const node = h('input', { class: 'input', type: 'text', autocomplete: 'off', spellcheck: 'false', placeholder, maxlength: 200, 'aria-label': label });
  node.style.width = width;
  return node;
}

/** @param ask (question, button) computes it. */
export function stressForm(ask, clear) {
  const all = input('All symbols, percent', '−10', '62px');
  const single = input('Single symbols, percent', 'AAPL −20, IBM −5', '140px');
  const volatility = input('Volatility times', '2', '46px');
  const correlation = input('Correlations towards one, 0 to 1', '1', '46px');
  const loss = input('Loss in percent of equity', '10', '52px');
  const go = h('button', { class: 'btn', type: 'submit' }, 'Compute');
  const back = h('button', { class: 'btn', type: 'submit' }, 'What loses that?');
  const drop = h('button', { class: 'btn q', type: 'button', hidden: true }, 'Clear mine');
  const problem = h('p', { class: 'message bad', role: 'alert', hidden: true });
  const say = (text) => {
    setText(problem, text);
    setHidden(problem, !text);
  };
  const labelled = (text, node, after = '') => h('label', { class: 'k' }, text, ' ', node, after);
  const byHand = h('form', { class: 'filters' }, labelled('All', all, ' %'), labelled('Single', single, ' %'), labelled('Volatility ×', volatility), labelled('Correlations → 1 by', correlation), go);
  const reverse = h('form', { class: 'filters' }, labelled('Lose', loss, ' % of equity'), back, drop);
  byHand.addEventListener('submit', (event) => {
    event.preventDefault();
    const symbols = symbolShocks(single.value);
    const shock = { all: percent(all.value), symbols: symbols ?? {} };
    if (volatility.value.trim()) shock.volatility = Number(volatility.value);
    if (correlation.value.trim()) shock.correlation = Number(correlation.value);
    const isReadable = symbols !== null && (all.value.trim() === '' || shock.all !== null) && [shock.volatility ?? 1, shock.correlation ?? 1].every(Number.isFinite);
    const isSomething = shock.all !== null || Object.keys(symbols ?? {}).length || 'volatility' in shock || 'correlation' in shock;
    say(!isReadable ? 'Write percents such as −10, and single symbols such as AAPL −20, IBM −5.' : isSomething ? '' : 'Say at least one shock.');
    if (!isReadable || !isSomething) return;
    if (shock.all === null) delete shock.all;
    ask({ shocks: [{ name: nameOf(all, single, volatility, correlation), ...shock }] }, go);
  });
  reverse.addEventListener('submit', (event) => {
    event.preventDefault();
    const share = percent(loss.value);
    say(share !== null && share > 0 && share <= 1 ? '' : 'Say a loss above 0 and up to 100 %.');
    if (share !== null && share > 0 && share <= 1) ask({ reverse_loss: share }, back);
  });
  onPress(drop, clear);
  return { node: h('div', { class: 'stress-form' }, byHand, reverse, problem), paint: (hasOwn) => setHidden(drop, !hasOwn) };
}

function nameOf(all, single, volatility, correlation) {
  const parts = [
    all.value.trim() && `all ${all.value.trim()} %`, single.value.trim(), volatility.value.trim() && `volatility × ${volatility.value.trim()}`,
    correlation.value.trim() && `correlations → 1 by ${correlation.value.trim()}`,
  ];
  return parts.filter(Boolean).join(', ').slice(0, 100);
}
