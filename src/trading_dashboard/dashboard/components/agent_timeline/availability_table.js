// Availability per agent and UTC day, as the control API counts it.

import { h } from '/assets/js/dom.js';
import { duration, NONE, share } from '/assets/js/format.js';

const LOW = 0.99;

function cell(figures, extra = '') {
  const kind = figures?.availability !== null && figures?.availability < LOW ? 'warn' : '';
  const title = figures?.wanted_seconds
    ? `Up ${duration(figures.running_seconds)}, available ${duration(figures.available_seconds)} of ${duration(figures.wanted_seconds)} wanted`
    : 'Not wanted to run';
  return h('td', { class: `${kind} ${extra}`, title }, figures?.wanted_seconds ? share(figures.availability) : NONE);
}

/** A table of what ``GET /v1/availability`` answers. */
export function availabilityTable({ days, total }) {
  const dayName = ({ day }) => new Date(`${day}T12:00:00Z`).toLocaleDateString('en-US', { weekday: 'short', day: 'numeric', timeZone: 'UTC' });
  const head = h('tr', {}, h('th', { scope: 'col', class: 'l' }, 'Agent'),
    ...days.map((day) => h('th', { scope: 'col', title: `${day.day} UTC` }, dayName(day))), h('th', { scope: 'col' }, 'All'));
  const rows = Object.keys(total).sort().map((name) => h('tr', { dataset: { of: name } }, h('th', { scope: 'row', title: name }, name),
    ...days.map((day) => cell(day.agents[name])), cell(total[name], 'all')));
  const desk = h('tr', { class: 'k' }, h('td', { class: 'l' }, 'desk up'),
    ...days.map((day) => h('td', {}, day.desk_seconds ? duration(day.desk_seconds) : NONE)), h('td'));
  return h('table', {}, h('caption', { class: 'sr' }, 'Availability per day'), h('thead', {}, head), h('tbody', {}, ...rows, desk));
}

export function lostText({ days }) {
  const lost = days.reduce((sum, day) => sum + day.lost_events, 0);
  return lost ? `${lost} events could not be written: figures of those days may be wrong.` : '';
}
