// Incidents and events side by side.

import { h, mounted } from '/assets/js/dom.js';
import { EventTable } from './event_table.js';
import { IncidentList } from './incident_list.js';

function create({ parentElement }) {
  const parts = [new IncidentList(), new EventTable()];
  parentElement.append(h('div', { class: 'desk-history' }, ...parts.map((part) => part.node)));
  return { destroy: () => parts.forEach((part) => part.destroy()) };
}

export default mounted(create);
