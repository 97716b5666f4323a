"""One holding: quantity, what it cost, its lots, the profit made with it.

Owns trades, splits and transfers of one symbol. Quantities and costs are signed: a short holding
has a quantity below zero and, as its cost, what was received for it, below zero, too. Costs are
whole cents, kept as totals and never as averages, so that to the cent and at any time

    cash + sum of costs = money brought in + realised + dividends - fees

by average cost and, with the lots' costs, first in first out. See docs/decisions/0120.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from trading_dashboard.agents.risk_management.account.money import (
    DOWN,
    ZERO,
    per_unit,
    scaled,
    share,
)


@dataclass(slots=True)
class Lot:
    """What is left of one opening trade.

    Attributes:
        seq: The journal entry that opened it.
        opened_at: Market time, or what the importer said.
        since: Market time it came into the account: corporate actions before it are not its own.
        quantity: Signed.
        cost: Signed.
    """

    seq: int
    opened_at: datetime
    since: datetime
    quantity: Decimal
    cost: Decimal

    @property
    def price(self) -> Decimal:
        """Return what a unit cost."""
        return per_unit(self.cost, self.quantity)


class Realised(NamedTuple):
    """The profit of a trade before its fee."""

    average: Decimal
    fifo: Decimal


@dataclass(slots=True)
class Holding:
    """What is held of one symbol, and the profit so far."""

    symbol: str
    currency: str = "USD"
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    """By average cost."""
    cost_fifo: Decimal = ZERO
    """Of the lots."""
    lots: deque[Lot] = field(default_factory=deque)
    realised: Decimal = ZERO
    realised_fifo: Decimal = ZERO
    dividends: Decimal = ZERO
    """Paid less charged."""
    is_sample: bool = False

    @property
    def average_cost(self) -> Decimal:
        """Return what a unit cost, rounded to a step; 0 of nothing."""
        return per_unit(self.cost, self.quantity) if self.quantity else ZERO

    def trade(self, quantity: Decimal, money: Decimal, seq: int, at: datetime) -> Realised:
        """Trade a signed quantity for signed money: paid above zero, received below.

        A trade that turns the holding closes all of it and opens the rest; the money is divided
        by quantity.
        """
        held = self.quantity
        if not held or (held > 0) == (quantity > 0):
            self._open(quantity, money, Lot(seq, at, at, quantity, money))
            return Realised(ZERO, ZERO)
        closing = quantity if abs(quantity) <= abs(held) else -held
        closing_money = share(money, closing, quantity)
        realised = self._close(closing, closing_money)
        if closing != quantity:
            rest, rest_money = quantity - closing, money - closing_money
            self._open(rest, rest_money, Lot(seq, at, at, rest, rest_money))
        return realised

    def entitled(self, before: datetime, after_seq: int) -> Decimal:
        """Return the quantity that came in before a time, by entries after a number."""
        return sum(
            (lot.quantity for lot in self.lots if lot.since < before and lot.seq > after_seq), ZERO
        )

    def split(self, ratio: Fraction, before: datetime, after_seq: int) -> Realised:
        """Multiply what came in before a time; the cost stays.

        Fractions are kept, down to a step. Lots are rounded together, so that they add up to
        what one lot of their sum would be; one that vanishes leaves its cost to the next.
        If nothing is left at all, its cost is lost.
        """
        old = exact = new = carried = ZERO
        kept: deque[Lot] = deque()
        for lot in self.lots:
            quantity = lot.quantity
            if lot.since < before and lot.seq > after_seq:
                old += quantity
                exact, before_it = scaled(old, ratio, DOWN), exact
                quantity = exact - before_it
            cost = lot.cost + carried
            if not quantity:
                carried = cost
                continue
            carried = ZERO
            new += quantity
            kept.append(Lot(lot.seq, lot.opened_at, lot.since, quantity, cost))
        if kept:
            kept[-1].cost += carried
        self.lots, self.quantity = kept, new
        return self._lose_cost_of_nothing()

    def replace(self, quantity: Decimal, cost: Decimal, lot: Lot | None) -> tuple[Decimal, Decimal]:
        """Hold this instead; return by how much the cost grew, by average and by lots."""
        grown = cost - self.cost, cost - self.cost_fifo
        self.quantity, self.cost, self.cost_fifo = quantity, cost, cost
        self.lots = deque([lot] if lot else [])
        return grown

    def _open(self, quantity: Decimal, money: Decimal, lot: Lot) -> None:
        self.quantity += quantity
        self.cost += money
        self.cost_fifo += money
        self.lots.append(lot)

    def _close(self, quantity: Decimal, money: Decimal) -> Realised:
        """Close a quantity of the other sign, at most all."""
        freed = share(self.cost, -quantity, self.quantity)
        freed_fifo, left = ZERO, -quantity
        while left:
            lot = self.lots[0]
            if abs(lot.quantity) <= abs(left):
                freed_fifo += lot.cost
                left -= lot.quantity
                self.lots.popleft()
                continue
            part = share(lot.cost, left, lot.quantity)
            freed_fifo += part
            lot.cost -= part
            lot.quantity -= left
            left = ZERO
        self.quantity += quantity
        self.cost -= freed
        self.cost_fifo -= freed_fifo
        return self._realise(-(money + freed), -(money + freed_fifo))

    def _lose_cost_of_nothing(self) -> Realised:
        if self.quantity:
            return Realised(ZERO, ZERO)
        lost, lost_fifo = -self.cost, -self.cost_fifo
        self.cost = self.cost_fifo = ZERO
        return self._realise(lost, lost_fifo)

    def _realise(self, average: Decimal, fifo: Decimal) -> Realised:
        self.realised += average
        self.realised_fifo += fifo
        return Realised(average, fifo)
