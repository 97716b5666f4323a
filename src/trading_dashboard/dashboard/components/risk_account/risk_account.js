// The paper account as a whole: what it is worth, what is at stake, and how cash and positions come in and out.

import { post, words } from '/assets/js/api.js';
import { amount, gain, gainClass, signOf } from '/assets/js/decimal.js';
import { cleanup, h, mounted, onPress, setAttribute, setBlocked, setHidden, setText } from '/assets/js/dom.js';
import { market, risk } from '/assets/js/hub.js';
import { LiveCard } from '/assets/js/risk_card.js';
import { RISK_BASE } from '/assets/js/risk_store.js';
import { currencyMark, marketStamp, percentOf } from '/assets/js/risk_words.js';
import { cashDialog } from './cash_dialog.js';
import { exportPositions, importDialog } from './positions_files.js';

const TILES = [
  ['equity', 'Equity'], ['day', 'Today'], ['cash', 'Cash'], ['unrealised', 'Unrealised'], ['realised', 'Realised'], ['drawdown', 'Drawdown'],
];
const EXPOSURE = [['long', 'Long'], ['short', 'Short'], ['gross', 'Gross'], ['net', 'Net']];

function tile(key, label) {
  const value = h('dd', { class: `value ${key}` });
  const more = h('dd', { class: 'more k' });
  const node = h('div', { class: `tile tile-${key}` }, h('dt', {}, label), value, more);
  const paint = (text, below = '', kind = '') => {
    setText(value, text);
    setAttribute(value, 'class', `value ${key} ${kind}`);
    setText(more, below);
  };
  return { node, paint };
}

/** A share of equity in words; both are shown, so a float is good enough for the share. */
function ofEquity(value, equity) {
  if (value === null || !equity || signOf(equity) <= 0) return '';
  return `${percentOf(Number(value) / Number(equity))} of equity`;
}

function paintTiles(tiles, account) {
  const mark = currencyMark(account.currency);
  const { equity } = account;
  const unknown = account.unpriced.length ? `no price: ${account.unpriced.join(', ')}` : 'not known';
  tiles.equity.paint(equity === null ? 'not known' : `${mark}${amount(equity)}`, equity === null ? unknown : `as of ${marketStamp(account.as_of, market.timeZone)}`);
  const share = account.day_pnl === null || equity === null ? '' : percentOf(Number(account.day_pnl) / (Number(equity) - Number(account.day_pnl)), 2);
  tiles.day.paint(gain(account.day_pnl), share, gainClass(account.day_pnl));
  tiles.cash.paint(amount(account.cash), ofEquity(account.cash, equity));
  tiles.unrealised.paint(gain(account.unrealised), 'by average cost', gainClass(account.unrealised));
  tiles.realised.paint(gain(account.realised), `FIFO ${amount(account.realised_fifo)}, fees ${amount(account.fees)}`, gainClass(account.realised));
  tiles.drawdown.paint(percentOf(account.drawdown, 2), account.peak_equity === null ? '' : `peak ${amount(account.peak_equity)}`);
  for (const [key] of EXPOSURE) tiles[key].paint(amount(account[key]), ofEquity(account[key], equity));
}

function create({ parentElement }) {
  const tasks = cleanup();
  const tiles = Object.fromEntries([...TILES, ...EXPOSURE].map(([key, label]) => [key, tile(key, label)]));
  const sample = h('span', { class: 'tag sample' }, 'sample portfolio');
  const clear = h('button', { class: 'btn', type: 'button' }, 'Clear sample');
  const cash = h('button', { class: 'btn q', type: 'button' }, 'Cash…');
  const bring = h('button', { class: 'btn q', type: 'button' }, 'Import…');
  const csv = h('button', { class: 'btn q', type: 'button' }, 'Export CSV');
  const json = h('button', { class: 'btn q', type: 'button' }, 'JSON');
  setAttribute(json, 'aria-label', 'Export JSON');
  const message = h('p', { class: 'message', role: 'status', hidden: true });
  const say = (text, kind = '') => {
    setText(message, text);
    setAttribute(message, 'class', `message ${kind}`);
    setHidden(message, !text);
  };
  const act = async (button, task) => {
    setBlocked(button, true);
    say('');
    try {
      await task();
    } catch (error) {
      say(words(error), 'bad');
    } finally {
      setBlocked(button, false);
    }
  };
  onPress(clear, () => act(clear, () => post(`${RISK_BASE}/sample/clear`)));
  onPress(csv, () => act(csv, () => exportPositions('csv')));
  onPress(json, () => act(json, () => exportPositions('json')));
  onPress(cash, () => (risk.account ? cashDialog((text) => say(text)) : null));
  onPress(bring, () => importDialog((text) => say(text)));
  const card = new LiveCard(tasks, {
    name: 'account', title: 'Paper account', types: ['account'], reading: 'Reading the account', controls: [clear, cash, bring, csv, json],
    hasData: () => risk.account !== null,
    body: [h('dl', { class: 'tiles' }, ...TILES.map(([key]) => tiles[key].node)), h('dl', { class: 'tiles exposure' }, ...EXPOSURE.map(([key]) => tiles[key].node)), message],
    paint: () => {
      const { account } = risk;
      paintTiles(tiles, account);
      setHidden(sample, !account.is_sample);
      setHidden(clear, !account.is_sample);
      setText(card.count, account.is_sample ? 'invented for the demo, not yours' : account.currency);
    },
  });
  card.tags.append(sample);
  setHidden(sample, true);
  setHidden(clear, true);
  parentElement.append(card.node);
  card.paint();
  return { destroy: tasks.destroy };
}

export default mounted(create);
