"""Small parts of the book's state, and what a change of it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from trading_dashboard.agents.risk_management.account.money import ZERO
from trading_dashboard.models.risk.account import Fill, Order

ActionKey = tuple[str, str, str]
"""Symbol, ``split`` or ``dividend``, ex-date."""


@dataclass(slots=True)
class Change:
    """What an entry changed, for whoever keeps copies."""

    orders: dict[str, tuple[Order, int]] = field(default_factory=dict)
    """As they are after it, each with the entry that placed it."""
    symbols: set[str] = field(default_factory=set)
    fills: list[Fill] = field(default_factory=list)


@dataclass(slots=True)
class Day:
    """The session in progress: what its profit counts from.

    Attributes:
        session: Its date.
        equity: At its start; None where that was not known.
        flows: Money and holdings brought in since, less what was taken out. No profit.
        prices: The closes `equity` was reckoned with.
    """

    session: date
    equity: Decimal | None
    flows: Decimal = ZERO
    prices: dict[str, Decimal] = field(default_factory=dict)
