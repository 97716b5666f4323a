// How pollers ask the pattern agent: not at all while it does not run, at once when it does.

import { control, patterns } from './hub.js';
import { agentCondition } from './agent_condition.js';

const AGENT = 'pattern_recognition';

export const patternReader = {
  read: (path, options) => patterns.read(path, options),
  isAsked: () => patterns.isUp(),
  condition: () => agentCondition(control, AGENT) ?? { text: 'Waiting for the desk', isCurrent: control.hasSnapshot },
  staleness: ({ stale }) => (stale ? 'stale: market data is away' : ''),
  follow: (tasks, listener) => {
    tasks.add(patterns.watch(listener));
    let wasUp = patterns.isUp();
    tasks.add(control.subscribe(() => {
      const isUp = patterns.isUp();
      if (isUp && !wasUp) listener();
      wasUp = isUp;
    }));
  },
};
