// What happened: the supervisor's events in words.

import { control } from '/assets/js/hub.js';
import { cleanup, h, mounted, setHidden, setText } from '/assets/js/dom.js';
import { eventWords } from '/assets/js/event_words.js';
import { wallTime } from '/assets/js/format.js';

const SHOWN = 40;

function item(event) {
  const [text, kind] = eventWords(event);
  return h('tr', {}, h('td', { class: 'k when' }, wallTime(event.time)),
    h('td', { class: `l wrap ${kind}` }, event.agent ? h('b', {}, event.agent) : null,
      event.agent ? ` ${text}` : text));
}

function create({ parentElement }) {
  const tasks = cleanup();
  const body = h('tbody');
  const empty = h('p', { class: 'empty' });
  const scroll = h('div', { class: 'scroll' }, h('table', {}, body));
  const card = h('section', { class: 'card desk-events', 'aria-label': 'What happened' },
    h('h3', {}, 'What happened'), scroll, empty);
  parentElement.append(card);
  let painted = null;
  let shown = new Map();

  const paint = () => {
    const newest = control.events[0];
    const mark = newest ? `${newest.seq}/${control.events.length}` : '';
    setHidden(empty, control.events.length > 0);
    setHidden(scroll, control.events.length === 0);
    setText(empty, control.hasSnapshot
      ? 'Nothing since this page was opened. Starts, stops and failures of agents appear here.'
      : 'Waiting for the supervisor');
    if (mark === painted) return;
    painted = mark;
    // Known rows stay in place: what someone reads or has marked is not taken away.
    const before = shown;
    shown = new Map(control.events.slice(0, SHOWN).map((event) => [event, before.get(event) ?? item(event)]));
    for (const [event, node] of before) if (!shown.has(event)) node.remove();
    let place = body.firstElementChild;
    for (const node of shown.values()) {
      if (node === place) place = place.nextElementSibling;
      else body.insertBefore(node, place);
    }
  };
  tasks.add(control.subscribe(paint));
  paint();
  return { destroy: tasks.destroy };
}

export default mounted(create);
