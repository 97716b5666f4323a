// What prices and volumes are adjusted for: the choices, their words, and when a picture is outdated.

const DAY = 86_400_000;

export const DEFAULT_ADJUSTMENT = 'splits';

const WORDS = {
  none: 'not adjusted', splits: 'adjusted for splits', all: 'adjusted for splits and dividends',
};

export const ADJUSTMENTS = Object.keys(WORDS);

export function adjustmentWords(adjusted) {
  return WORDS[adjusted] ?? '';
}

export function adjustmentInFileName(adjusted) {
  return { none: 'unadjusted', splits: 'split-adjusted', all: 'all-adjusted' }[adjusted];
}

/** Days since 1970 of a date such as "2005-02-28". */
export function dayNumber(date) {
  return Math.floor(Date.parse(date) / DAY);
}

/**
 * Whether bars read on `day` look different after it. A split counts from the open of its ex-date; a
 * dividend's factor, too, and once more from that day's close (docs/decisions/0031).
 */
export function isOutdated(actions, day) {
  return actions.some(({ kind, ex_date: date }) => {
    const effective = dayNumber(date);
    return effective > day || (kind === 'dividend' && effective === day);
  });
}
