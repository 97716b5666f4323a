// The page's live sources, shared by all components: one module, one socket each. Those of the log and
// of the patterns are open only while they are looked at.

import { ControlStore } from './control_store.js';
import { LogStream } from './log_stream.js';
import { MarketStore } from './market_store.js';
import { PatternStore } from './pattern_store.js';
import { RiskStore } from './risk_store.js';

export const control = new ControlStore();
export const logs = new LogStream();
export const market = new MarketStore(control);
export const patterns = new PatternStore(control);
export const risk = new RiskStore(control);

control.start();
market.start();

/** Set the theme, remember it, and tell whoever draws on a canvas. */
export function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem('desk-theme', theme);
  } catch {
    // Not remembered then.
  }
  dispatchEvent(new CustomEvent('desk-theme', { detail: theme }));
}

/** The value of a CSS custom property of the current theme. */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
