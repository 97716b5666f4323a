"""What the gate looks at, at one moment: three clocks and the feed of market data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketNow:
    """The market as the follower of market data knows it.

    Attributes:
        connected: The feed's connection stands.
        heard: When anything at all came over it, monotonic seconds; None if never.
        now: The market clock; None before it was told.
        era: Another number whenever the clock was set on purpose (a jump, another replay): within
            one era it never goes back.
        is_open: The exchange trades.
        is_moving: The clock moves: neither paused nor at its end.
        speed: Market seconds per second; None if it is not known.
        newest: Market time of the newest price; None before the first.
        account_at: Market time of the newest thing the account has done; None if nothing.
    """

    connected: bool
    heard: float | None
    now: datetime | None = None
    era: int = 0
    is_open: bool = False
    is_moving: bool = True
    speed: float | None = None
    newest: datetime | None = None
    account_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One moment on every clock there is.

    Attributes:
        wall: The wall clock, aware UTC; for people.
        monotonic: Seconds on a clock that nobody sets; for durations.
        market: What is known of the market.
    """

    wall: datetime
    monotonic: float
    market: MarketNow

    @property
    def market_time(self) -> datetime | None:
        """Return the market clock."""
        return self.market.now
