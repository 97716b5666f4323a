// From events to stretches of time in one state, per agent. Pure.
//
// What was before the first event is told by that event; a stretch without a supervisor is "none".

export const STATES = {
  running: 'running', degraded: 'degraded or stale data', unhealthy: 'unhealthy', failed: 'failed, waiting or given up',
  busy: 'starting or stopping', off: 'stopped or idle', none: 'no desk, or not known',
};
/** Of what falls into one bucket the gravest is shown. */
const RANK = ['none', 'off', 'running', 'busy', 'degraded', 'unhealthy', 'failed'];

export function stateOf({ status, health, data_state: data }) {
  if (status === 'running') {
    if (health === 'unhealthy') return 'unhealthy';
    return health === 'degraded' || data === 'stale' ? 'degraded' : 'running';
  }
  if (status === 'backoff' || status === 'error') return 'failed';
  return status === 'stopped' ? 'off' : 'busy';
}

/**
 * @param events oldest first, each with `at` (milliseconds)
 * @param current {id, startedAt}: the supervisor's run now
 * @param deaths moments at which supervisors were last seen before they were killed
 * @returns Map name → [{from, to, state, why}], without holes
 */
export function spansByAgent({ events, agents, from, to, current, deaths }) {
  const runs = runsOf(events, { from, to, current, deaths });
  const perAgent = new Map(agents.map((agent) => [agent.name, []]));
  for (const event of events) perAgent.get(event.agent)?.push(event);
  return new Map(agents.map((agent) => [agent.name, spansOf(agent, perAgent.get(agent.name), runs, from, to)]));
}

function runsOf(events, { from, to, current, deaths }) {
  const runs = [];
  for (const event of events) {
    let run = runs.at(-1);
    if (run?.id !== event.run_id) {
      const isStart = event.kind === 'supervisor_started';
      run = { id: event.run_id, from: isStart || runs.length ? event.at : from, isWhole: isStart };
      runs.push(run);
    }
    run.to = event.at;
  }
  runs.forEach((run, index) => {
    const next = runs[index + 1]?.from ?? to;
    const death = deaths.find((at) => at > run.to && at < next);
    if (death) run.to = death;
  });
  if (current && runs.at(-1)?.id !== current.id) {
    runs.push({ id: current.id, from: Math.max(from, current.startedAt), isWhole: false });
  }
  if (current && runs.length) {
    runs.at(-1).to = to;
    runs.at(-1).isCurrent = true;
  }
  return runs;
}

function spansOf(agent, events, runs, from, to) {
  const spans = [];
  const add = (until, state, why = '') => {
    const start = spans.at(-1)?.to ?? from;
    if (until <= start) return;
    const last = spans.at(-1);
    if (last && last.state === state && last.why === why) last.to = until;
    else spans.push({ from: start, to: until, state, why });
  };
  for (const run of runs) {
    add(run.from, 'none');
    const own = events.filter((event) => event.run_id === run.id);
    let { state, why } = before(own[0], run, agent);
    for (const event of own) {
      add(event.at, state, why);
      state = event.status ? stateOf(event) : state;
      why = event.data?.reason ?? event.data?.message ?? why;
    }
    add(run.to, state, why);
  }
  add(to, 'none');
  return spans;
}

/** In which state a run's first event found the agent. */
function before(first, run, agent) {
  if (!first) return { state: run.isCurrent ? stateOf(agent) : 'none', why: '' };
  if (run.isWhole) return { state: 'off', why: '' };
  if (first.kind === 'transition') return { state: stateOf({ status: first.data.from }), why: '' };
  if (first.kind === 'health_changed') return { state: stateOf({ status: first.status, health: first.data.from }), why: '' };
  if (first.kind === 'data_state_changed') return { state: stateOf({ ...first, data_state: first.data.from }), why: '' };
  return { state: first.status ? stateOf(first) : 'none', why: '' };
}

/** [{start, end, state}] with start and end from 0 to 1: what fits on a screen, nothing bad lost. */
export function segments(spans, from, to, buckets) {
  const worst = new Array(buckets).fill(0);
  const scale = buckets / (to - from);
  for (const span of spans) {
    const rank = RANK.indexOf(span.state);
    const first = Math.max(0, Math.floor((span.from - from) * scale));
    const last = Math.min(buckets - 1, Math.ceil((span.to - from) * scale) - 1);
    for (let bucket = first; bucket <= last; bucket += 1) worst[bucket] = Math.max(worst[bucket], rank);
  }
  const found = [];
  worst.forEach((rank, bucket) => {
    const state = RANK[rank];
    if (found.at(-1)?.state === state) found.at(-1).end = (bucket + 1) / buckets;
    else found.push({ start: bucket / buckets, end: (bucket + 1) / buckets, state });
  });
  return found;
}
