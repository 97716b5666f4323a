"""The limits of a new account, and what can be said of each kind.

They are wide enough for a diversified portfolio without leverage in ordinary times, and stop one
that is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from trading_dashboard.models.risk.gate import CheckCode, Limit, LimitKind

Unit = Literal["currency", "fraction_of_equity", "fraction", "count"]

UNITS: Mapping[LimitKind, tuple[Unit, ...]] = {
    LimitKind.GROSS: ("fraction_of_equity", "currency"),
    LimitKind.NET: ("fraction_of_equity", "currency"),
    LimitKind.SYMBOL: ("fraction_of_equity", "currency"),
    LimitKind.CONCENTRATION: ("fraction",),
    LimitKind.VAR: ("fraction_of_equity", "currency"),
    LimitKind.DRAWDOWN: ("fraction",),
    LimitKind.DAILY_LOSS: ("fraction_of_equity", "currency"),
    LimitKind.ORDERS_PER_MINUTE: ("count",),
    LimitKind.ORDER_VOLUME: ("fraction",),
}

NAMES: Mapping[LimitKind, str] = {
    LimitKind.GROSS: "Gross exposure",
    LimitKind.NET: "Net exposure",
    LimitKind.SYMBOL: "Value of a holding",
    LimitKind.CONCENTRATION: "The largest holding's share of gross exposure",
    LimitKind.VAR: "Value at risk",
    LimitKind.DRAWDOWN: "Drawdown",
    LimitKind.DAILY_LOSS: "Today's loss",
    LimitKind.ORDERS_PER_MINUTE: "Orders within a minute",
    LimitKind.ORDER_VOLUME: "An order's share of average daily volume",
}

CODES: Mapping[LimitKind, CheckCode] = {
    kind: CheckCode(f"limit_{kind.value}") for kind in LimitKind
}

OF_THE_ACCOUNT = frozenset(LimitKind) - {LimitKind.ORDERS_PER_MINUTE, LimitKind.ORDER_VOLUME}
"""Kinds that the market can breach: they close the gate. The others only stop orders."""

DEFAULT_LIMITS: tuple[Limit, ...] = (
    Limit(kind=LimitKind.GROSS, soft=1.2, hard=2.0, unit="fraction_of_equity"),
    Limit(kind=LimitKind.NET, soft=1.0, hard=1.5, unit="fraction_of_equity"),
    Limit(kind=LimitKind.SYMBOL, soft=0.25, hard=0.4, unit="fraction_of_equity"),
    Limit(kind=LimitKind.CONCENTRATION, soft=0.4, unit="fraction"),
    Limit(kind=LimitKind.VAR, soft=0.03, hard=0.05, unit="fraction_of_equity"),
    Limit(kind=LimitKind.DRAWDOWN, soft=0.1, hard=0.2, unit="fraction"),
    Limit(kind=LimitKind.DAILY_LOSS, soft=0.02, hard=0.05, unit="fraction_of_equity"),
    Limit(kind=LimitKind.ORDERS_PER_MINUTE, soft=60, hard=120, unit="count"),
    Limit(kind=LimitKind.ORDER_VOLUME, soft=0.01, hard=0.05, unit="fraction"),
)


def name_of(limit: Limit) -> str:
    """Return what a limit is known by, such as ``gross`` or ``symbol AAPL``."""
    return limit.kind.value if limit.subject == "*" else f"{limit.kind.value} {limit.subject}"


def shown(value: float, unit: str | None) -> str:
    """Return a value for people."""
    if unit in ("fraction", "fraction_of_equity"):
        tail = " of equity" if unit == "fraction_of_equity" else ""
        return f"{value * 100:.2f} %{tail}"
    return f"{value:,.0f}" if unit == "count" else f"{value:,.2f}"
