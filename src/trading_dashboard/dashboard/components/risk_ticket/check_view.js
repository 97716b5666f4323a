// What the pre-trade check says: allowed or denied, why, with its numbers.

import { h, setAttribute, setClass, setHidden, setText } from '/assets/js/dom.js';
import { NONE, number, price } from '/assets/js/format.js';
import { inUnit, toneMark } from '/assets/js/risk_words.js';

const NUMBERS = [['price', 'Price'], ['notional', 'Value'], ['fee', 'Fee']];

export class CheckView {
  constructor() {
    this.mark = toneMark();
    this.mark.node.classList.add('verdict');
    this.effect = h('span', { class: 'k' });
    this.values = Object.fromEntries(NUMBERS.map(([key]) => [key, h('dd', { class: key }, NONE)]));
    this.list = h('dl', { class: 'numbers' }, ...NUMBERS.map(([key, label]) => h('div', {}, h('dt', { class: 'k' }, label), this.values[key])));
    this.findings = h('ul', { class: 'findings' });
    this.node = h('div', { class: 'check-result', role: 'status', 'aria-label': 'Pre-trade check' },
      h('div', { class: 'row' }, this.mark.node, this.effect), this.list, this.findings);
  }

  /** @param state What `Checking` tells. */
  paint({ ticket, problem, result, error, isAsking }) {
    setAttribute(this.node, 'data-verdict', result ? (result.allowed ? 'allowed' : 'denied') : 'none');
    setClass(this.node, 'is-asking', isAsking);
    const [tone, words] = this.#verdict({ ticket, problem, result, error });
    this.mark.paint(tone, words);
    setText(this.effect, result ? (result.reduces ? 'reduces the position' : 'adds exposure') : '');
    setHidden(this.list, !result);
    setHidden(this.findings, !result || result.findings.length === 0);
    if (!result) return;
    setText(this.values.price, price(result.price));
    setText(this.values.notional, number(result.notional, 2));
    setText(this.values.fee, number(result.estimated_fee, 2));
    this.findings.replaceChildren(...result.findings.map(finding));
  }

  #verdict({ ticket, problem, result, error }) {
    if (!ticket) return ['off', problem];
    if (error) return ['halt', `Not checked: ${error}`];
    if (!result) return ['busy', 'Checking'];
    const warnings = result.findings.filter(({ severity }) => severity === 'warn').length;
    if (!result.allowed) return ['halt', 'Denied'];
    return warnings ? ['warn', `Allowed, with ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`] : ['ok', 'Allowed'];
  }
}

function finding({ code, severity, message, limit, before, after, unit }) {
  const says = (label, value) => (value === null || value === undefined ? null : `${label} ${inUnit(value, unit)}`);
  const numbers = [says('limit', limit), says('now', before), says('then', after)].filter(Boolean).join(' · ');
  return h('li', { dataset: { code, severity } }, h('span', { class: 'row' }, h('i', { class: `dot ${severity === 'deny' ? 'halt' : 'warn'}`, 'aria-hidden': 'true' }),
    h('code', {}, code), numbers ? h('span', { class: 'k figures' }, numbers) : null), h('p', {}, message));
}
