// How numbers, times and states are written. A minus is U+2212, units stand after a space.

const formatters = new Map();

function decimals(digits) {
  if (!formatters.has(digits)) {
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    formatters.set(digits, new Intl.NumberFormat('en-US', options));
  }
  return formatters.get(digits);
}

export const NONE = '–';

export function number(value, digits = 0) {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  return decimals(digits).format(value).replace('-', '−');
}

export function price(value) {
  return number(value, Math.abs(value ?? 0) < 1 && value ? 4 : 2);
}

/** "▲ +0.20 %" or "▼ −0.10 %": the sign is never colour alone. */
export function change(percent) {
  if (percent === null || percent === undefined) return NONE;
  const shown = Math.abs(percent) < 0.005 ? 0 : percent;
  const sign = shown > 0 ? '▲ +' : shown < 0 ? '▼ −' : '';
  return `${sign}${decimals(2).format(Math.abs(shown))} %`;
}

export function direction(value) {
  if (!value || Math.abs(value) < 0.005) return '';
  return value > 0 ? 'up' : 'down';
}

export function volume(value) {
  if (value === null || value === undefined) return NONE;
  if (value >= 1e9) return `${number(value / 1e9, 2)} B`;
  if (value >= 1e6) return `${number(value / 1e6, 1)} M`;
  if (value >= 1e4) return `${number(value / 1e3, 1)} k`;
  return number(value);
}

export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  return `${number(value / 1024 / 1024)} MiB`;
}

/** "99.98 %" of 0.9998: never rounded up to 100 %. */
export function share(value) {
  if (value === null || value === undefined) return NONE;
  const percent = Math.floor(value * 10_000) / 100;
  return `${number(percent, percent === 100 || percent === 0 ? 0 : 2)} %`;
}

/** Two units at most: "0.2 s", "17 m 50 s", "2 h 14 m", "3 d 4 h". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const value = Math.max(0, seconds);
  if (value < 10) return `${number(value, 1)} s`;
  const whole = Math.floor(value);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} m`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** How old a datum is: calm below a second. */
export function age(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  return seconds < 1 ? '< 1 s' : countdown(Math.floor(seconds));
}

/** Whole seconds, for counters that tick. */
export function countdown(seconds) {
  return seconds < 60 ? `${Math.max(0, Math.ceil(seconds))} s` : duration(seconds);
}

export function milliseconds(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  return `${number(seconds * 1000, seconds < 0.1 ? 1 : 0)} ms`;
}

const zones = new Map();

function zoned(timeZone) {
  if (!zones.has(timeZone)) {
    zones.set(
      timeZone,
      new Intl.DateTimeFormat('en-CA', {
        timeZone,
        weekday: 'short',
        year: 'numeric',
        month: '2-digit',
        day: '2-digit',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
        hourCycle: 'h23',
      }),
    );
  }
  return zones.get(timeZone);
}

/** {weekday, date: "2012-09-21", time: "15:42:10"} of an instant in a time zone. */
export function zonedParts(instant, timeZone) {
  const parts = {};
  for (const part of zoned(timeZone).formatToParts(instant)) parts[part.type] = part.value;
  return {
    weekday: parts.weekday.replace('.', ''),
    date: `${parts.year}-${parts.month}-${parts.day}`,
    time: `${parts.hour}:${parts.minute}:${parts.second}`,
  };
}

/** Seconds to add to UTC in `timeZone` at that instant. */
export function zoneOffset(instant, timeZone) {
  const { date, time } = zonedParts(instant, timeZone);
  return Math.round((Date.parse(`${date}T${time}Z`) - Math.floor(instant / 1000) * 1000) / 1000);
}

/** "New York" of "America/New_York". */
export function zoneName(timeZone) {
  return timeZone.split('/').at(-1).replaceAll('_', ' ');
}

/** "15:12:44" of a wall-clock instant, with the date if it is not today. */
export function wallTime(instant) {
  const date = new Date(instant);
  const time = date.toTimeString().slice(0, 8);
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

/** "Mon 14:15", with the date if it is a week or more away. */
export function dayTime(instant) {
  const date = new Date(instant);
  const time = date.toTimeString().slice(0, 5);
  if (date.toDateString() === new Date().toDateString()) return time;
  if (Math.abs(date - Date.now()) > 6 * 86_400_000) return wallTime(instant).slice(0, 16);
  return `${date.toLocaleDateString('en-US', { weekday: 'short' })} ${time}`;
}

export function logTime(instant) {
  const date = new Date(instant);
  return `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function two(value) {
  return String(value).padStart(2, '0');
}
