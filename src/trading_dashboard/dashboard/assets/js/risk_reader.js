// How pollers ask the risk agent: not at all while it does not run, at once when it does or its stream is back.

import { control, risk } from './hub.js';
import { agentCondition } from './agent_condition.js';
import { RISK_AGENT } from './risk_store.js';

/** @param isNews (change) says whether what was streamed is worth asking for. */
export function riskReader(isNews = () => false) {
  return {
    read: (path, options) => risk.read(path, options),
    isAsked: () => risk.isUp(),
    condition: () => agentCondition(control, RISK_AGENT) ?? { text: 'Waiting for the desk', isCurrent: control.hasSnapshot },
    follow: (tasks, listener) => {
      let wasUp = risk.isUp();
      tasks.add(risk.subscribe((change) => {
        const isUp = risk.isUp();
        if ((isUp && !wasUp) || (isUp && (change.type === 'all' || isNews(change)))) listener();
        wasUp = isUp;
      }));
    },
  };
}
