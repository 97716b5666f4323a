"""What every method of sizing shares: the facts it reckons with, rounding, and how it explains.

Owns the way from an amount to a quantity: rounded down, within the budget, bounded. Owns no method.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal, localcontext
from math import isfinite
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.risk_management.wording import money
from trading_dashboard.models.risk.account import MAX_QUANTITY
from trading_dashboard.models.risk.errors import InvalidScenario, NotEnoughData
from trading_dashboard.models.risk.measures import SizeRow

Side = Literal["buy", "sell"]
WHOLE = Decimal(1)


@dataclass(frozen=True, slots=True)
class SizingDefaults:
    """What a question leaves out."""

    risk_fraction: float = 0.01
    target_volatility: float = 0.10
    atr_multiple: float = 2.0
    kelly_cap: float = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class SizingFacts:
    """What is known of the account and the market.

    Attributes:
        equity: Of the account, in its currency.
        prices: Newest, by symbol.
        atr: Average true range of daily bars, in currency, by symbol.
        volatility: Of a year, as a fraction, by symbol.
        covariance: Of a day's returns, shape ``(N, N)``, in the order of `symbols`.
        symbols: Those of `covariance`.
        lots: Smallest part of a symbol that can be bought; whole units where none is said.
    """

    equity: float
    prices: Mapping[str, float]
    atr: Mapping[str, float] = field(default_factory=dict)
    volatility: Mapping[str, float] = field(default_factory=dict)
    covariance: NDArray[np.float64] | None = None
    symbols: tuple[str, ...] = ()
    lots: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sizing:
    """Sizes, and how they came about.

    Attributes:
        sizes: One a symbol.
        steps: The reckoning, one step a line.
        formula: In symbols.
        citation: Where it is from.
        warnings: What the reader must know before trading so.
    """

    sizes: list[SizeRow]
    steps: list[str]
    formula: str
    citation: str
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be put into a position, and into what parts it divides."""

    amount: float
    lot: Decimal = WHOLE


def check_equity(equity: float) -> None:
    """Refuse an account that has nothing to size by.

    Raises:
        InvalidScenario: Equity is not a number above zero.
    """
    if not (isfinite(equity) and equity > 0):
        raise InvalidScenario(
            "A size is a share of equity, and there is none.",
            subject="equity",
            observed=equity,
            next_step="Pay in cash, or ask with an account of your own.",
        )


def price_of(facts: SizingFacts, symbol: str, entry: float | None) -> float:
    """Return the price a position is entered at: the one asked with, or the newest.

    Raises:
        NotEnoughData: Neither is there.
    """
    price = entry if entry is not None else facts.prices.get(symbol)
    if price is None or not (isfinite(price) and price > 0):
        raise NotEnoughData(
            f"{symbol} has no price.",
            subject=symbol,
            observed=price,
            next_step="Give an entry price, or choose a symbol that is followed.",
        )
    return price


def rounded(amount: float, price: float, budget: Budget) -> tuple[Decimal, str]:
    """Return how many lots an amount of currency buys, and what bounded it, in words.

    Rounded down; never worth more than the budget, never more than the account can hold.

    Args:
        amount: Currency to put in, at least zero.
        price: Of one unit.
        budget: What bounds it.
    """
    wanted, why = amount, ""
    if amount > budget.amount:
        wanted, why = budget.amount, f", held to the budget of {money(budget.amount)}"
    with localcontext(prec=60, rounding=ROUND_FLOOR):
        quantity = _floor(Decimal(repr(wanted)) / Decimal(repr(price)), budget.lot)
        if quantity > MAX_QUANTITY:
            quantity = _floor(MAX_QUANTITY, budget.lot)
            why = f", held to the largest quantity of {MAX_QUANTITY:,}"
    return quantity, why


def size_row(
    symbol: str, quantity: Decimal, price: float, equity: float, risk: float | None = None
) -> SizeRow:
    """Return a size as it travels; short below zero."""
    notional = float(quantity * Decimal(repr(price)))
    return SizeRow(
        symbol=symbol,
        quantity=float(quantity),
        notional=notional,
        fraction=notional / equity,
        risk=risk,
    )


def too_small(symbol: str, quantity: Decimal, price: float, lot: Decimal) -> list[str]:
    """Return the warning that not even one lot fits."""
    if quantity:
        return []
    return [f"The amount does not buy {lot.normalize():f} of {symbol} at {money(price)}."]


def _floor(quantity: Decimal, lot: Decimal) -> Decimal:
    return (quantity / lot).to_integral_value(ROUND_FLOOR) * lot
