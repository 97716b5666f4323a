// Which indicators are on the chart, with their parameters: kept in the browser and in the address.

const REMEMBERED = 'desk-chart-indicators';
/** An address longer than that is no longer one to share. */
const MAX_TEXT = 200;
const MAX_CHOSEN = 8;
const ID = /^[a-z][a-z0-9_]{0,39}$/;

/** "sma:20,macd:12:26:9": ids with their parameters in the catalogue's order. */
export function choiceText(chosen) {
  return chosen.map(({ id, values }) => [id, ...values].join(':')).join(',');
}

/** [{id, values}] of such a text; what cannot be one is left out. */
export function parseChoice(text) {
  return (text ?? '').split(',').map((part) => part.split(':')).filter(([id]) => ID.test(id))
    .map(([id, ...values]) => ({ id, values: values.map(Number) })).filter(({ values }) => values.every(Number.isFinite))
    .slice(0, MAX_CHOSEN);
}

export function rememberedChoice() {
  try {
    return parseChoice(localStorage.getItem(REMEMBERED));
  } catch {
    return [];
  }
}

export function rememberChoice(chosen) {
  try {
    localStorage.setItem(REMEMBERED, choiceText(chosen));
  } catch {
    // Then the next visit starts without.
  }
}

/** What the address says of them; null when it would be too long. */
export function choiceInAddress(chosen) {
  const text = choiceText(chosen);
  return text && text.length <= MAX_TEXT ? text : null;
}

export function isFull(chosen) {
  return chosen.length >= MAX_CHOSEN;
}

/** {name: value} of a choice; what was not given is the default. */
export function parametersOf({ values }, definition) {
  return Object.fromEntries(definition.parameters.map(({ name, default: usual }, index) => [name, values[index] ?? usual]));
}

/** "SMA 20" */
export function choiceName({ id, values }) {
  return [id.toUpperCase().replaceAll('_', ' '), ...values].join(' ');
}
