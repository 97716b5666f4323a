// Where each agent stands in the drawing: columns by level of dependency, rows by neighbourhood.
//
// Pure. Who depends on nobody and is needed by nobody stands below the others, so that no edge passes
// behind it. A level with more agents than fit takes several columns; above MAX_NODES agents that look
// alike (same dependencies, nobody depends on them) become one node. Those in trouble stand alone, or
// are a node of their own kind if they are many.

export const NODE = { width: 212, height: 28 };
const GAP = { column: 56, stack: 14, row: 12, block: 22 };
const ALONE_COLUMNS = 4;
const MAX_ROWS = 6;
const MAX_NODES = 24;
const MIN_GROUP = 3;
const MAX_LOUD = 8;
const MARGIN = 4;

/** Level of each agent: 0 depends on nothing, else one more than the deepest it depends on. */
export function levels(agents) {
  const known = new Map(agents.map((agent) => [agent.name, agent]));
  const found = new Map();
  const level = (name, path) => {
    if (found.has(name)) return found.get(name);
    if (path.has(name)) return 0; // The configuration forbids it; a drawing must not hang over it.
    const deeper = new Set(path).add(name);
    const above = known.get(name).depends_on.filter((item) => known.has(item)).map((item) => level(item, deeper));
    const own = above.length ? Math.max(...above) + 1 : 0;
    found.set(name, own);
    return own;
  };
  for (const name of known.keys()) level(name, new Set());
  return found;
}

/** Nodes {id, names, depends}: one per agent, or one for several that look alike. */
export function collapse(agents, { isExpanded, trouble }) {
  const single = (agent) => ({ id: agent.name, names: [agent.name], depends: [...agent.depends_on] });
  if (isExpanded || agents.length <= MAX_NODES) return agents.map(single);
  const needed = new Set(agents.flatMap((agent) => agent.depends_on));
  const isAlone = agents.filter(trouble).length <= MAX_LOUD ? trouble : () => null;
  const alike = new Map();
  const nodes = [];
  for (const agent of agents) {
    if (needed.has(agent.name) || isAlone(agent)) {
      nodes.push(single(agent));
      continue;
    }
    const key = `${trouble(agent) ?? 'calm'} ${[...agent.depends_on].sort().join('+')}`;
    if (!alike.has(key)) alike.set(key, []);
    alike.get(key).push(agent);
  }
  for (const [key, members] of alike) {
    if (members.length < MIN_GROUP) nodes.push(...members.map(single));
    else nodes.push({ id: `group ${key}`, names: members.map((agent) => agent.name), depends: [...members[0].depends_on] });
  }
  return nodes;
}

/** {width, height, places: Map id → {x, y}, edges: [{from, to, via: [{x, y}]}]} of nodes. */
export function layout(nodes, maxRows = MAX_ROWS) {
  const byName = new Map(nodes.flatMap((node) => node.names.map((name) => [name, node.id])));
  const flat = nodes.map((node) => ({
    name: node.id, depends_on: [...new Set(node.depends.map((name) => byName.get(name)).filter((id) => id && id !== node.id))],
  }));
  const edges = flat.flatMap((node) => node.depends_on.map((from) => ({ from, to: node.name })));
  const ends = new Set(edges.flatMap(({ from, to }) => [from, to]));
  const joined = placeJoined(flat.filter((node) => ends.has(node.name)), maxRows);
  const alone = placeAlone(flat.filter((node) => !ends.has(node.name)), joined);
  return {
    width: Math.max(joined.width, alone.width), height: alone.height,
    edges: edges.map((edge) => ({ ...edge, via: (joined.ways.get(wayKey(edge)) ?? []).map((name) => joined.places.get(name)) })),
    places: new Map([...joined.places, ...alone.places]),
  };
}

/** Those with edges: a column or more per level. Where an edge skips a level it has a row of its own. */
function placeJoined(nodes, maxRows) {
  const places = new Map();
  if (nodes.length === 0) return { width: 0, height: 0, places, ways: new Map() };
  const level = levels(nodes);
  const columns = [];
  for (const node of nodes) (columns[level.get(node.name)] ??= []).push(node);
  const ways = addWays(nodes, level, columns);
  const order = new Map();
  const rows = Math.max(...columns.map((column) => Math.min(maxRows, column.length)));
  const height = blockHeight(rows);
  let x = MARGIN;
  for (const column of columns) {
    const sorted = byNeighbours(column, order);
    const stacks = Math.ceil(sorted.length / maxRows);
    const perStack = Math.ceil(sorted.length / stacks);
    sorted.forEach((node, index) => {
      const stack = Math.floor(index / perStack);
      const count = Math.min(perStack, sorted.length - stack * perStack);
      const top = (height - count * (NODE.height + GAP.row) + GAP.row) / 2;
      places.set(node.name, {
        x: x + stack * (NODE.width + GAP.stack), y: top + (index % perStack) * (NODE.height + GAP.row),
      });
      order.set(node.name, index / Math.max(1, sorted.length - 1));
    });
    x += stacks * (NODE.width + GAP.stack) - GAP.stack + GAP.column;
  }
  return { width: x - GAP.column + MARGIN, height, places, ways };
}

/** Put a stand-in into each column that an edge only passes; one for all edges of the same agent. */
function addWays(nodes, level, columns) {
  const ways = new Map();
  const made = new Set();
  for (const { name: to, depends_on: sources } of nodes) {
    for (const from of sources) {
      const passed = [];
      for (let at = level.get(from) + 1; at < level.get(to); at += 1) {
        const name = `way ${at} ${from}`;
        if (!made.has(name)) columns[at].push({ name, depends_on: [passed.at(-1) ?? from] });
        made.add(name);
        passed.push(name);
      }
      ways.set(wayKey({ from, to }), passed);
    }
  }
  return ways;
}

function wayKey({ from, to }) {
  return `${from} ${to}`;
}

/** Those without: rows below the others, as wide as they are. */
function placeAlone(nodes, { width, height }) {
  const places = new Map();
  if (nodes.length === 0) return { width, height, places };
  const step = NODE.width + GAP.stack;
  const across = Math.max(Math.min(ALONE_COLUMNS, nodes.length), Math.floor((width - 2 * MARGIN + GAP.stack) / step));
  const top = height ? height + GAP.block - MARGIN : 0;
  nodes.forEach((node, index) => places.set(node.name, {
    x: MARGIN + (index % across) * step,
    y: top + MARGIN + Math.floor(index / across) * (NODE.height + GAP.row),
  }));
  return {
    width: 2 * MARGIN + Math.min(across, nodes.length) * step - GAP.stack,
    height: top + blockHeight(Math.ceil(nodes.length / across)), places,
  };
}

function blockHeight(rows) {
  return rows * (NODE.height + GAP.row) - GAP.row + 2 * MARGIN;
}

/** Those that depend on what stands high come first, so that few edges cross. */
function byNeighbours(column, order) {
  const weight = (node) => {
    const known = node.depends_on.map((name) => order.get(name)).filter((value) => value !== undefined);
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : 0.5;
  };
  return column.map((node) => [weight(node), node]).sort((a, b) => a[0] - b[0]).map(([, node]) => node);
}
