"""Positions and open orders, as sums that are kept and not computed anew.

Owns what each symbol is worth now and, if the worst part of the open orders is filled, might be:
between `quantity - sells` and `quantity + buys`. An order that is let through is reserved here in
the same step; the reservation is the open order's until it is filled or final.

Quantities are decimals, so that "does it turn the position?" has an exact answer; values are
floats. Used from one thread.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.risk_management.limits.losses import (
    History,
    LossVector,
    VarTerms,
)
from trading_dashboard.models.risk.account import Side

ZERO = Decimal(0)
_ROWS = 64


@dataclass(frozen=True, slots=True)
class Reserved:
    """What one open order may still do.

    Attributes:
        symbol: What it trades.
        side: In which direction.
        remaining: Not filled yet, above zero.
        price: What a unit of it is reckoned at for cash: of a buy with slippage and fee.
    """

    symbol: str
    side: Side
    remaining: Decimal
    price: float


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all symbols, in currency.

    Attributes:
        gross: Of absolute values.
        net: Of signed values.
        largest: The largest absolute value of one symbol.
        symbol: Whose that is; empty if there is none.
    """

    gross: float
    net: float
    largest: float
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One symbol: what is held, and what its open orders may add."""

    quantity: Decimal = ZERO
    buys: Decimal = ZERO
    sells: Decimal = ZERO
    price: float = float("nan")

    @property
    def value(self) -> float:
        """Return what is held is worth, signed; NaN without a price."""
        return float(self.quantity) * self.price if self.quantity else 0.0

    @property
    def upper(self) -> float:
        """Return the value if all buys and no sells are filled."""
        held = self.quantity + self.buys
        return float(held) * self.price if held else 0.0

    @property
    def lower(self) -> float:
        """Return the value if all sells and no buys are filled."""
        held = self.quantity - self.sells
        return float(held) * self.price if held else 0.0

    @property
    def worst(self) -> float:
        """Return that of the two which is farther from zero."""
        upper, lower = self.upper, self.lower
        return lower if abs(lower) > abs(upper) else upper

    def with_order(self, side: Side, quantity: Decimal) -> Line:
        """Return the line with one more open order."""
        if side == "buy":
            return replace(self, buys=self.buys + quantity)
        return replace(self, sells=self.sells + quantity)

    def reduces(self, side: Side, quantity: Decimal) -> bool:
        """Return whether an order brings the position nearer to zero and cannot turn it.

        Open orders in the same direction may be filled first, so they count.
        """
        if side == "sell":
            return self.quantity > 0 and self.sells + quantity <= self.quantity
        return self.quantity < 0 and self.buys + quantity <= -self.quantity


class ExposureBook:
    """The lines of all symbols and their sums."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._rows: dict[str, int] = {}
        self._names: list[str] = []
        # Columns: value, upper, lower, worst.
        self._values: NDArray[np.float64] = np.zeros((4, _ROWS))
        self._sums: tuple[Totals, Totals, float, float] | None = None
        self._orders: dict[str, Reserved] = {}
        self._unpriced: set[str] = set()
        """Orders kept over a restart, of symbols without a price yet."""
        self._buying = 0.0
        self._losses: tuple[LossVector, LossVector] | None = None  # of what is held, of the worst

    # Changes.

    def use_history(self, history: History, terms: VarTerms) -> None:
        """Go by other past returns from now on."""
        held, worst = LossVector(history, terms), LossVector(history, terms)
        for symbol, line in self._lines.items():
            held.set_value(symbol, line.value)
            worst.set_value(symbol, line.worst)
        self._losses = held, worst

    def set_quantity(self, symbol: str, quantity: Decimal) -> None:
        """Say what is held, signed."""
        self._set(symbol, replace(self.line(symbol), quantity=quantity))

    def set_price(self, symbol: str, price: float) -> None:
        """Say what a unit is worth; NaN if that is no longer known."""
        self._set(symbol, replace(self.line(symbol), price=price))
        for order_id in self.unpriced(symbol):
            if not math.isnan(price):
                self._orders[order_id] = replace(self._orders[order_id], price=price)
                self._unpriced.discard(order_id)
                self._buying = -1.0

    def reserve(
        self, order_id: str, symbol: str, side: Side, quantity: Decimal, price: float
    ) -> None:
        """Count an order among the open ones. The same id again replaces it.

        Raises:
            ValueError: The quantity is not above zero.
        """
        if not quantity > 0:
            raise ValueError(f"order {order_id} has nothing left to trade: {quantity}")
        self.release(order_id)
        self._orders[order_id] = Reserved(symbol, side, quantity, price)
        if math.isnan(price):
            self._unpriced.add(order_id)
        self._count(symbol, side, quantity)

    def filled(self, order_id: str, quantity: Decimal) -> None:
        """Let a part of an order be filled; what is held is said by `set_quantity`."""
        order = self._orders.get(order_id)
        if order is None:
            return
        remaining = order.remaining - quantity
        if remaining > 0:
            self._orders[order_id] = replace(order, remaining=remaining)
            self._count(order.symbol, order.side, -quantity)
        else:
            self.release(order_id)

    def release(self, order_id: str) -> None:
        """Forget an order: it is final, or was never placed after all."""
        order = self._orders.pop(order_id, None)
        self._unpriced.discard(order_id)
        if order is not None:
            self._count(order.symbol, order.side, -order.remaining)

    # Queries.

    def line(self, symbol: str) -> Line:
        """Return one symbol's line."""
        return self._lines.get(symbol, _EMPTY)

    def lines(self) -> Iterator[tuple[str, Line]]:
        """Yield all lines that hold something or have open orders."""
        for symbol, line in self._lines.items():
            if line.quantity or line.buys or line.sells:
                yield symbol, line

    def held(self) -> Totals | None:
        """Return the sums of what is held; None while a holding has no price."""
        return _known(self._totals()[0])

    def worst(self) -> Totals | None:
        """Return the sums if the worst part of the open orders is filled; None as `held`.

        `net` is the one of the two ends that is farther from zero.
        """
        return _known(self._totals()[1])

    def worst_with(self, symbol: str, line: Line) -> Totals | None:
        """Return `worst` if this symbol's line were another; changes nothing."""
        _, now, upper, lower = self._totals()
        before = self.line(symbol)
        gross = now.gross - abs(before.worst) + abs(line.worst)
        upper += line.upper - before.upper
        lower += line.lower - before.lower
        largest, name = now.largest, now.symbol
        if name == symbol:
            largest, name = self._largest(self._values[3], (symbol,))
        if abs(line.worst) >= largest:
            largest, name = abs(line.worst), symbol
        return _known(Totals(max(gross, 0.0), _farther(upper, lower), largest, name))

    def largest_but(self, symbols: Collection[str]) -> tuple[float, str]:
        """Return the largest absolute value held of any other symbol, and whose it is."""
        return self._largest(self._values[0], symbols)

    def held_var(self) -> float | None:
        """Return the VaR of what is held, in currency; None if it cannot be told."""
        return None if self._losses is None else self._losses[0].var()

    def worst_var(self) -> float | None:
        """Return the VaR with each symbol at the end that is farther from zero; None as above.

        No bound on every outcome: what is left unfilled may have been a hedge.
        """
        return None if self._losses is None else self._losses[1].var()

    def worst_var_with(self, symbol: str, line: Line) -> float | None:
        """Return `worst_var` if this symbol's line were another; changes nothing."""
        return None if self._losses is None else self._losses[1].var_with(symbol, line.worst)

    def why_no_var(self) -> str:
        """Return in words why there is no VaR."""
        if self._losses is None:
            return "history has not been read yet"
        unknown = sorted(self._losses[1].unknown)
        if not unknown:
            return "the holdings have too few days of history in common"
        return f"there is no history or price of {', '.join(unknown[:5])}"

    def unpriced(self, symbol: str) -> list[str]:
        """Return the open orders of a symbol that have been without a price so far."""
        return [order_id for order_id in self._unpriced if self._orders[order_id].symbol == symbol]

    @property
    def orders(self) -> dict[str, Reserved]:
        """Return the open orders by id."""
        return self._orders

    @property
    def buying(self) -> float:
        """Return the cash that open buys will take; NaN while one of them has no price yet."""
        if self._buying < 0:
            self._buying = sum(
                float(order.remaining) * order.price
                for order in self._orders.values()
                if order.side == "buy"
            )
        return self._buying

    def increasing(self) -> list[str]:
        """Return the open orders that could, with the others, increase or turn a position.

        Of those of one symbol and side the oldest may reduce as far as there is something held.
        """
        found = []
        used: dict[tuple[str, Side], Decimal] = {}
        for order_id, order in self._orders.items():
            key = (order.symbol, order.side)
            before = used.get(key, ZERO)
            held = self.line(order.symbol).quantity
            alone = Line(held, buys=before) if order.side == "buy" else Line(held, sells=before)
            if alone.reduces(order.side, order.remaining):
                used[key] = before + order.remaining
            else:
                found.append(order_id)
        return found

    # Inside.

    def _count(self, symbol: str, side: Side, quantity: Decimal) -> None:
        self._buying = -1.0
        self._set(symbol, self.line(symbol).with_order(side, quantity))

    def _set(self, symbol: str, line: Line) -> None:
        row = self._rows.get(symbol)
        if row is None:
            row = self._rows[symbol] = len(self._names)
            self._names.append(symbol)
            if row >= self._values.shape[1]:
                self._values = np.concatenate([self._values, np.zeros_like(self._values)], axis=1)
        self._lines[symbol] = line
        value, worst = line.value, line.worst
        self._values[:, row] = (value, line.upper, line.lower, worst)
        self._sums = None
        if self._losses is not None:
            self._losses[0].set_value(symbol, value)
            self._losses[1].set_value(symbol, worst)

    def _totals(self) -> tuple[Totals, Totals, float, float]:
        """Return the sums, added up anew after a change: nothing drifts."""
        if self._sums is None:
            value, upper, lower, worst = self._values[:, : max(1, len(self._names))]
            ends = float(upper.sum()), float(lower.sum())
            held = self._sum(value, float(value.sum()))
            self._sums = held, self._sum(worst, _farther(*ends)), *ends
        return self._sums

    def _sum(self, values: NDArray[np.float64], net: float) -> Totals:
        sizes = np.abs(values)
        row = int(sizes.argmax())
        name = self._names[row] if self._names and sizes[row] > 0 else ""
        return Totals(float(sizes.sum()), net, float(sizes[row]), name)

    def _largest(self, values: NDArray[np.float64], without: Collection[str]) -> tuple[float, str]:
        sizes = np.abs(values[: max(1, len(self._names))])
        for symbol in without:
            row = self._rows.get(symbol)
            if row is not None:
                sizes[row] = 0.0
        row = int(sizes.argmax())
        return float(sizes[row]), self._names[row] if sizes[row] > 0 else ""


_EMPTY = Line()


def _farther(upper: float, lower: float) -> float:
    return lower if abs(lower) > abs(upper) else upper


def _known(totals: Totals) -> Totals | None:
    return None if totals.gross != totals.gross else totals
