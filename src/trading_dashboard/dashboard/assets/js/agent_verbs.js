// Verbs on one agent as a person asks for them: with a question first where it hurts.

import { actions, activeDependents } from './agent_actions.js';
import { ask } from './dialog.js';

const DEPENDENTS = 'These agents depend on it and lose it:';

/** Start, stop or restart an agent; resolves when it is answered or was not wanted after all. */
export async function perform(name, verb) {
  if (await isWanted(name, verb)) await actions.run(name, verb);
}

async function isWanted(name, verb) {
  const names = activeDependents(name);
  if (verb === 'restart') {
    const text = ['Its process is ended and a new one is started; it does not answer meanwhile.'];
    if (names.length) text.push(DEPENDENTS);
    return ask({ title: `Restart ${name}?`, text, names, confirm: `Restart ${name}`, isDanger: false });
  }
  if (verb !== 'stop' || names.length === 0) return true;
  return ask({ title: `Stop ${name}?`, text: DEPENDENTS, names, confirm: `Stop ${name}`, keep: 'Keep running' });
}
