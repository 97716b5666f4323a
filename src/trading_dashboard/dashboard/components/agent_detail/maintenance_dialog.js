// Asks how long and why an agent is left alone.

import { actions } from '/assets/js/agent_actions.js';
import { dialogButton, openDialog } from '/assets/js/dialog.js';
import { h } from '/assets/js/dom.js';

const DURATIONS = [[15, '15 minutes'], [60, '1 hour'], [240, '4 hours'], [1440, '1 day'], [null, 'until somebody ends it']];
const MAX_REASON = 200;

/** Ask, and begin the maintenance if that is wanted. */
export function maintenanceDialog(name) {
  const duration = h('select', { class: 'input' },
    ...DURATIONS.map(([minutes, text]) => h('option', { value: minutes ?? '', selected: minutes === 60 }, text)));
  const reason = h('input', { class: 'input', type: 'text', maxlength: MAX_REASON, autocomplete: 'off' });
  const form = h('form', {}, h('label', {}, h('span', { class: 'k' }, 'For'), duration),
    h('label', {}, h('span', { class: 'k' }, 'Reason'), reason));
  const begin = () => {
    dialog.close();
    const content = { on: true };
    if (duration.value) content.minutes = Number(duration.value);
    if (reason.value.trim()) content.reason = reason.value.trim();
    actions.run(name, 'maintenance', content);
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    begin();
  });
  const dialog = openDialog({
    title: `Maintenance of ${name}`,
    content: [h('p', {}, 'Meanwhile the supervisor neither restarts it nor raises alarms. Start, stop and restart work.'), form],
    buttons: [dialogButton('Cancel', { onpress: () => dialog.close() }), dialogButton('Begin maintenance', { onpress: begin })],
  });
  duration.focus();
}

export function endMaintenance(name) {
  return actions.run(name, 'maintenance', { on: false });
}
