// The popover behind the replay clock.

import { market } from '/assets/js/hub.js';
import { cleanup, h, setAttribute, setHidden } from '/assets/js/dom.js';
import { replayForm } from '/assets/js/replay_form.js';

export function replayControls(button) {
  const tasks = cleanup();
  const form = replayForm();
  const node = h('div', { class: 'popover', role: 'dialog', 'aria-label': 'Replay controls', hidden: true }, ...form.parts);

  const show = (isShown) => {
    setHidden(node, !isShown);
    setAttribute(button, 'aria-expanded', String(isShown));
    if (isShown) {
      const box = button.getBoundingClientRect();
      node.style.left = `${Math.max(8, Math.min(box.left, innerWidth - 300))}px`;
      node.style.top = `${box.bottom + 6}px`;
      form.begin();
      form.pause.focus();
    }
  };
  const paint = () => {
    if (!node.hidden) form.paint();
  };

  button.addEventListener('click', () => {
    if (market.clock?.replay) show(node.hidden);
  });
  tasks.on(document, 'keydown', (event) => {
    if (event.key === 'Escape' && !node.hidden) {
      show(false);
      button.focus();
    }
  });
  tasks.on(document, 'pointerdown', (event) => {
    if (!node.hidden && !node.contains(event.target) && !button.contains(event.target)) show(false);
  });
  return { node, paint, destroy: tasks.destroy };
}
