// What somebody wants to trade, told from elsewhere on the page to the order ticket.

class TicketWish {
  constructor() {
    this.listeners = new Set();
    this.pending = null;
  }

  /** Call `listener(wish)`; one that nobody has heard yet is told at once. Returns what ends it. */
  subscribe(listener) {
    this.listeners.add(listener);
    if (this.pending) listener(this.pending);
    this.pending = null;
    return () => this.listeners.delete(listener);
  }

  /** @param wish {symbol, side, quantity, isReducing}, what is known of it. */
  ask(wish) {
    if (this.listeners.size === 0) this.pending = wish;
    for (const listener of this.listeners) listener(wish);
  }
}

export const ticketWish = new TicketWish();
