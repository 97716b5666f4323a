// The portfolio in short, for the Overview: what it is worth, the day, and the limits that matter most.

import { amount, gain, gainClass } from '/assets/js/decimal.js';
import { cleanup, h, mounted, setAttribute, setHidden, setText } from '/assets/js/dom.js';
import { risk } from '/assets/js/hub.js';
import { limitBar } from '/assets/js/limit_bar.js';
import { goesTo } from '/assets/js/place.js';
import { KeyedRows, LiveCard } from '/assets/js/risk_card.js';
import { currencyMark, inUnit, limitName, LIMIT_TONES, percentOf, toneMark } from '/assets/js/risk_words.js';

/** Always shown; of the others only those that are not well. */
const SHOWN = ['var', 'gross', 'drawdown'];
const MOST = 4;

function makeLimit({ limit: first }) {
  const mark = toneMark();
  const value = h('b');
  const bar = limitBar();
  const node = h('li', { dataset: { limit: first.kind } }, h('div', { class: 'row' }, h('span', { class: 'k' }, limitName(first)), value, mark.node), bar.node);
  const paint = ({ limit }) => {
    const bound = limit.hard ?? limit.soft;
    setText(value, `${limit.value === null ? 'not known' : inUnit(limit.value, limit.unit)}${bound === null ? '' : ` of ${inUnit(bound, limit.unit)}`}`);
    mark.paint(LIMIT_TONES[limit.state] ?? 'halt', limit.state);
    bar.paint(limit);
    setAttribute(node, 'title', limit.message);
  };
  return { node, paint };
}

function chosen(limits) {
  const isBad = ({ state }) => state === 'breached' || state === 'unknown' || state === 'warned';
  const main = SHOWN.flatMap((kind) => limits.filter((limit) => limit.kind === kind && limit.subject === '*' && limit.state !== 'off').slice(0, 1));
  const bad = limits.filter((limit) => isBad(limit) && !main.includes(limit));
  return [...main, ...bad].slice(0, MOST);
}

function create({ parentElement }) {
  const tasks = cleanup();
  const value = h('p', { class: 'worth' });
  const day = h('p', { class: 'day' });
  const more = h('p', { class: 'k' });
  const list = h('ul', { class: 'limits' });
  const rows = new KeyedRows(list, makeLimit);
  const sample = h('span', { class: 'tag sample', hidden: true }, 'sample portfolio');
  const link = h('a', { class: 'btn q', href: '/risk' }, 'Risk');
  goesTo(link, 'risk');
  const card = new LiveCard(tasks, {
    name: 'portfolio', title: 'Portfolio', types: ['account', 'limits'], reading: 'Reading the account', hasData: () => risk.account !== null && risk.limits !== null,
    controls: [link], body: [h('div', { class: 'value' }, value, day, more), list],
    paint: () => {
      const { account } = risk;
      setText(value, account.equity === null ? 'not known' : `${currencyMark(account.currency)}${amount(account.equity)}`);
      const share = account.day_pnl === null || account.equity === null ? '' : `  ${percentOf(Number(account.day_pnl) / (Number(account.equity) - Number(account.day_pnl)), 2)}`;
      setText(day, account.day_pnl === null ? 'day not known' : `${gain(account.day_pnl)}${share} today`);
      setAttribute(day, 'class', `day ${gainClass(account.day_pnl)}`);
      const unknown = account.unpriced.length ? `no price: ${account.unpriced.join(', ')}` : '';
      setText(more, [unknown, `cash ${amount(account.cash)}`, `gross ${amount(account.gross)}`].filter(Boolean).join(' · '));
      setHidden(sample, !account.is_sample);
      rows.set(chosen(risk.limits.limits).map((limit) => ({ key: `${limit.kind} ${limit.subject}`, limit })));
    },
  });
  card.tags.append(sample);
  parentElement.append(card.node);
  card.paint();
  return { destroy: tasks.destroy };
}

export default mounted(create);
