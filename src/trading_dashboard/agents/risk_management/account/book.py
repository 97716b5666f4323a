"""The account: what the journal's entries, played in their order, come to.

Owns the state and the one way it changes, `apply`: the same entries give an equal book. No I/O, no
clock. What each kind of entry does is in `playing`, what that does to one holding or one order in
`holdings` and `orders`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading_dashboard.agents.risk_management.account import playing, snapshots
from trading_dashboard.agents.risk_management.account.holdings import Holding
from trading_dashboard.agents.risk_management.account.money import ZERO
from trading_dashboard.agents.risk_management.account.state import ActionKey, Change, Day
from trading_dashboard.models.risk.account import JournalEntry, Order
from trading_dashboard.models.risk.errors import InvalidOrder, UnknownOrder


@dataclass
class Book:
    """Cash, holdings and orders.

    Attributes:
        seq: The newest entry applied.
        contributed: Money and costs of holdings brought in, less what was taken out.
        contributed_fifo: The same with costs of lots.
        realised: Profit of trades by average cost, before fees and dividends.
        positions: Holdings that are not flat, by symbol.
        closed: Those that are, with the profit they made.
        orders: All that work, and the newest that ended.
        actions: The entry that applied each corporate action last.
        peak_equity: The highest at a session's start, moved by what is brought in and taken out.
    """

    seq: int = 0
    is_opened: bool = False
    currency: str = "USD"
    cash: Decimal = ZERO
    contributed: Decimal = ZERO
    contributed_fifo: Decimal = ZERO
    fees: Decimal = ZERO
    dividends: Decimal = ZERO
    realised: Decimal = ZERO
    realised_fifo: Decimal = ZERO
    positions: dict[str, Holding] = field(default_factory=dict)
    closed: dict[str, Holding] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    order_seqs: dict[str, int] = field(default_factory=dict)
    working: dict[str, list[str]] = field(default_factory=dict)
    """Ids of open orders by symbol, oldest first."""
    ended: deque[str] = field(default_factory=deque)
    client_ids: dict[str, str] = field(default_factory=dict)
    actions: dict[ActionKey, int] = field(default_factory=dict)
    day: Day | None = None
    peak_equity: Decimal | None = None

    def apply(self, entry: JournalEntry) -> Change:
        """Change as an entry says; return what is different now.

        Raises:
            RiskError: The entry contradicts the account. Nothing has changed.
        """
        if entry.seq != self.seq + 1:
            raise InvalidOrder(
                f"Entry {entry.seq} cannot follow entry {self.seq}.",
                subject=str(entry.seq),
                observed=entry.kind.value,
            )
        change = Change()
        try:
            playing.PLAYERS[entry.kind](self, entry, change)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise InvalidOrder(
                f"Entry {entry.seq} ({entry.kind.value}) cannot be understood.",
                subject=str(entry.seq),
                observed=f"{type(error).__name__}: {error}",
            ) from error
        self.seq = entry.seq
        return change

    def play(self, entries: Iterable[JournalEntry]) -> None:
        """Apply many."""
        for entry in entries:
            self.apply(entry)

    def snapshot(self) -> dict[str, Any]:
        """Return all of it as JSON values; `restore` gives an equal book."""
        return snapshots.dump(self)

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Book:
        """Return the book a snapshot was made of."""
        return snapshots.load(cls, state)

    # Queries

    @property
    def has_forgotten(self) -> bool:
        """Return whether orders that ended may be known to the store alone."""
        return len(self.ended) >= playing.KEPT_FINAL_ORDERS

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Return orders that may still be filled, of one symbol or all, oldest first."""
        if symbol is not None:
            return [self.orders[key] for key in self.working.get(symbol, ())]
        keys = [key for ids in self.working.values() for key in ids]
        return [self.orders[key] for key in sorted(keys, key=self.order_seqs.__getitem__)]

    def order(self, order_id: str) -> Order:
        """Return an order that works or ended lately.

        Raises:
            UnknownOrder: There is none, or it ended long ago: the store still has it.
        """
        try:
            return self.orders[order_id]
        except KeyError:
            raise UnknownOrder(
                f"There is no order {order_id}.",
                subject=order_id,
                next_step="Look at the orders for its id.",
            ) from None

    def quantity(self, symbol: str) -> Decimal:
        """Return the signed quantity held."""
        holding = self.positions.get(symbol)
        return holding.quantity if holding else ZERO

    @property
    def cost(self) -> Decimal:
        """Return what all holdings cost, by average cost."""
        return sum((holding.cost for holding in self.positions.values()), ZERO)

    @property
    def cost_fifo(self) -> Decimal:
        """Return what all lots cost."""
        return sum((holding.cost_fifo for holding in self.positions.values()), ZERO)

    @property
    def is_sample(self) -> bool:
        """Return whether any holding is of the sample portfolio."""
        return any(holding.is_sample for holding in self.positions.values())

    def is_due(self, key: ActionKey, before: datetime) -> bool:
        """Return whether anything came in before a time that an action was not applied to yet.

        After it was applied that can only be because market time was set back.
        """
        after_seq = self.actions.get(key, 0)
        holding = self.positions.get(key[0])
        is_held = holding is not None and any(
            lot.since < before and lot.seq > after_seq for lot in holding.lots
        )
        return is_held or bool(self.orders_before(key[0], before, after_seq))

    def orders_before(self, symbol: str, before: datetime, after_seq: int) -> list[Order]:
        """Return open orders placed before a market time, by entries after a number."""
        return [
            order
            for order in self.open_orders(symbol)
            if order.at < before and self.order_seqs[order.id] > after_seq
        ]
