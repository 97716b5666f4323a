"""What the limits and the pre-trade check ask of the account.

Every answer comes from memory at once: they are asked between a decision and its reservation, with
nothing in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from trading_dashboard.agents.risk_management.limits.exposure import ExposureBook


@dataclass(frozen=True, slots=True)
class Quote:
    """The newest price of a symbol.

    Attributes:
        price: Above zero.
        age_seconds: In market time.
        is_stale: Older than it may be while the symbol's exchange trades.
    """

    price: float
    age_seconds: float
    is_stale: bool = False


class AccountView(Protocol):
    """The account as of now, positions valued at the newest prices.

    Attributes:
        exposure: Positions and what open orders may add.
        as_of: Market time.
        cash: In the account's currency; what open buys will take is not taken off.
        equity: None while a holding has no price.
        day_pnl: Since the last session's close; None if it is not known.
        drawdown: From the peak of equity, a fraction of it, 0 or above; None if not known.
        is_market_open: The exchange trades; None if it is not known.
    """

    @property
    def exposure(self) -> ExposureBook: ...  # noqa: D102
    @property
    def as_of(self) -> datetime | None: ...  # noqa: D102
    @property
    def cash(self) -> float: ...  # noqa: D102
    @property
    def equity(self) -> float | None: ...  # noqa: D102
    @property
    def day_pnl(self) -> float | None: ...  # noqa: D102
    @property
    def drawdown(self) -> float | None: ...  # noqa: D102
    @property
    def is_market_open(self) -> bool | None: ...  # noqa: D102

    def knows(self, symbol: str) -> bool:
        """Return whether market data serves this symbol."""

    def quote(self, symbol: str) -> Quote | None:
        """Return the newest price; None if there is none."""

    def average_volume(self, symbol: str) -> float | None:
        """Return units traded on an average day lately; None if it is not known."""

    def most_paid(self, symbol: str, price: float) -> float:
        """Return what a buyer pays a unit at the worst where the market is at `price`."""

    def fee(self, symbol: str, quantity: Decimal, price: float) -> float:
        """Return what the broker would take for this."""
