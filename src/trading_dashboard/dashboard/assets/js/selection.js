// Which agent the Agents view is about. It is in the URL, so that the view can be shared.

const NAME = /^[a-z][a-z0-9_]{0,63}$/;

class Selection {
  constructor() {
    this.name = null;
    this.listeners = new Set();
    this.logListeners = new Set();
  }

  /** Call `listener()` when another agent is chosen; returns what ends it. */
  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Call `listener(name)` when somebody wants to see an agent's log; returns what ends it. */
  onLog(listener) {
    this.logListeners.add(listener);
    return () => this.logListeners.delete(listener);
  }

  /** Take what the URL says: the view was just opened. */
  read() {
    const name = new URLSearchParams(location.search).get('agent');
    this.name = name && NAME.test(name) ? name : null;
  }

  choose(name) {
    if (name === this.name) return;
    this.name = name;
    const query = name ? `?${new URLSearchParams({ agent: name })}` : '';
    history.replaceState(history.state, '', `${location.pathname}${query}`);
    for (const listener of this.listeners) listener();
  }

  showLog(name) {
    for (const listener of this.logListeners) listener(name);
  }
}

export const selection = new Selection();
