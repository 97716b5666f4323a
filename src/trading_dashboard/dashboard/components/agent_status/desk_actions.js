// What is done to all agents at once: start, stop, emergency stop, reload.

import { post, words } from '/assets/js/api.js';
import { ask } from '/assets/js/dialog.js';
import { h, onPress, setBlocked } from '/assets/js/dom.js';
import { control } from '/assets/js/hub.js';
import { confirmEmergency } from './emergency_dialog.js';
import { reloadDialog } from './reload_dialog.js';

const DOING = {
  'start-all': 'Starting all agents', 'stop-all': 'Stopping all agents', 'emergency-stop': 'Killing every agent',
};
const WAIT_SECONDS = 120;

/** @param paintNote (text, kind): says what is going on above the table */
export function deskActions(paintNote) {
  const busy = new Set();
  const button = (text, kind = '') => h('button', { class: `btn ${kind}`, type: 'button' }, text);
  const startAll = button('Start all');
  const stopAll = button('Stop all');
  const emergency = button('Emergency stop', 'danger');
  const reload = button('Reload…', 'q');
  const buttons = [reload, startAll, stopAll, emergency];

  const paint = () => buttons.forEach((node) => setBlocked(node, busy.has(node) || !control.isConnected));
  const run = async (verb, node) => {
    busy.add(node);
    paint();
    paintNote(DOING[verb], 'k');
    try {
      paintNote(...outcome(await post(`/api/control/${verb}`, { wait_seconds: WAIT_SECONDS })));
    } catch (error) {
      paintNote(words(error), 'bad');
    } finally {
      busy.delete(node);
      paint();
    }
  };

  onPress(startAll, () => run('start-all', startAll));
  onPress(stopAll, async () => {
    const isWanted = await ask({
      title: 'Stop all agents?', text: 'Each is asked to end, in reverse order of dependency. The desk itself stays.',
      confirm: 'Stop every agent', keep: 'Keep running',
    });
    if (isWanted) run('stop-all', stopAll);
  });
  onPress(emergency, async () => {
    if (await confirmEmergency()) run('emergency-stop', emergency);
  });
  onPress(reload, () => reloadDialog(paintNote));
  return { nodes: buttons, paint };
}

function outcome({ results = {}, resting = {}, pending = false }) {
  if (pending) return [`Not done after ${WAIT_SECONDS} s; it goes on.`, 'warn'];
  const failed = Object.entries(results).filter(([, isDone]) => !isDone).map(([name]) => name);
  if (failed.length) return [`Not done: ${failed.join(', ')}. See their rows.`, 'warn'];
  const left = Object.entries(resting).map(([name, why]) => `${name} (${why})`);
  return left.length ? [`Left at rest: ${left.join(', ')}.`, 'k'] : ['', ''];
}
