// The row above the chart: symbol, price, interval, adjustment, exports.

import { h, setAttribute, setClass } from '/assets/js/dom.js';
import { ADJUSTMENTS, adjustmentWords } from './adjustment.js';
import { symbolSearch } from './symbol_search.js';

/** 1d and 1w are written as on every trading desk; 1m is a minute, 1M a month. */
export function intervalName(interval) {
  return interval === '1d' || interval === '1w' ? interval.toUpperCase() : interval;
}

function press(button, isOn) {
  setClass(button, 'on', isOn);
  setAttribute(button, 'aria-pressed', String(isOn));
}

function adjustmentGroup(onAdjusted) {
  const buttons = ADJUSTMENTS.map((adjusted) => h('button', {
    type: 'button', class: 'seg-button', 'aria-pressed': 'false', dataset: { adjusted },
    'aria-label': `Adjusted: ${adjusted}`, title: `Prices and volumes ${adjustmentWords(adjusted)}`,
    onclick: () => onAdjusted(adjusted),
  }, adjusted));
  const node = h('span', { class: 'adjustment' }, h('span', { class: 'k', 'aria-hidden': 'true' }, 'Adjusted'),
    h('div', { class: 'seg', role: 'group', 'aria-label': 'Adjusted' }, ...buttons));
  return { node, show: (adjusted) => buttons.forEach((button) => press(button, button.dataset.adjusted === adjusted)) };
}

export function chartHeader(intervals, { onSymbol, onInterval, onAdjusted, onPicture, onCsv }, last) {
  const search = symbolSearch(onSymbol);
  const buttons = intervals.map((interval) => h('button', {
    type: 'button', class: 'seg-button', 'aria-pressed': 'false', dataset: { interval },
    'aria-label': `Interval ${interval}`, onclick: () => onInterval(interval),
  }, intervalName(interval)));
  const group = h('div', { class: 'seg', role: 'group', 'aria-label': 'Interval' }, ...buttons);
  const label = h('span', { class: 'tag warn', hidden: true }, 'simulated intraday');
  const adjustment = adjustmentGroup(onAdjusted);
  const node = h('div', { class: 'chart-header' }, search.node, last, group, adjustment.node, label,
    h('span', { class: 'exports' },
      h('button', { class: 'btn q', type: 'button', onclick: onPicture, title: 'Save the chart as a picture' }, 'PNG'),
      h('button', { class: 'btn q', type: 'button', onclick: onCsv, title: 'Save the bars as a table' }, 'CSV')));

  const show = (symbol, interval, adjusted) => {
    adjustment.show(adjusted);
    search.show(symbol);
    for (const button of buttons) {
      const isOn = button.dataset.interval === interval;
      press(button, isOn);
      if (isOn && group.scrollWidth > group.clientWidth) button.scrollIntoView({ block: 'nearest', inline: 'center' });
    }
  };
  return { node, label, show, offerSymbols: search.offer, destroy: search.destroy };
}
