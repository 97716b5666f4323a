// Asks for an indicator and its parameters, within the bounds that the agent says.

import { h, setHidden, setText } from '/assets/js/dom.js';
import { dialogButton, openDialog } from '/assets/js/dialog.js';

const GROUPS = ['trend', 'momentum', 'volume', 'volatility'];

function parameterField({ name, default: usual, minimum, maximum, is_integer: isInteger }, value) {
  const input = h('input', {
    class: 'input', type: 'number', name, min: minimum, max: maximum, step: isInteger ? 1 : 'any', required: true, value: value ?? usual,
  });
  const label = h('label', {}, h('span', { class: 'k' }, name.replaceAll('_', ' ')), input,
    h('span', { class: 'quiet' }, `${minimum} to ${maximum}`));
  return { label, input };
}

/**
 * Resolves to {id, values}, 'remove', or null if nothing was chosen.
 * @param current The choice to change; null asks for a new one.
 */
export async function askIndicator(definitions, current = null) {
  const select = h('select', { class: 'input', 'aria-label': 'Indicator' }, ...GROUPS.map((group) => {
    const own = definitions.filter((one) => one.group === group);
    const node = h('optgroup', { label: group }, ...own.map(({ id, name }) => h('option', { value: id }, name)));
    return own.length ? node : null;
  }));
  if (definitions.some(({ id }) => id === current?.id)) select.value = current.id;
  const fields = h('div', { class: 'parameters' });
  const source = h('p', { class: 'k' });
  const form = h('form', { class: 'indicator-form' }, select, fields, source);
  let inputs = [];
  const paint = () => {
    const definition = definitions.find(({ id }) => id === select.value);
    const isSame = current?.id === definition.id;
    const made = definition.parameters.map((one, index) => parameterField(one, isSame ? current.values[index] : undefined));
    inputs = made.map(({ input }) => input);
    fields.replaceChildren(...made.map(({ label }) => label));
    const where = definition.pane === 'price' ? 'Drawn over the prices.' : 'Drawn in a pane of its own.';
    setText(source, `${where} ${definition.source}`);
    setHidden(fields, made.length === 0);
  };
  const take = () => {
    if (form.reportValidity()) dialog.close({ id: select.value, values: inputs.map((input) => Number(input.value)) });
  };
  select.addEventListener('change', paint);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    take();
  });
  const buttons = [
    ...(current ? [dialogButton('Remove', { kind: 'danger', onpress: () => dialog.close('remove') })] : []),
    dialogButton('Cancel', { onpress: () => dialog.close(null) }), dialogButton(current ? 'Change' : 'Add', { onpress: take }),
  ];
  const dialog = openDialog({ title: current ? 'Change the indicator' : 'Add an indicator', content: [form], buttons });
  paint();
  select.focus();
  return dialog.closed;
}
