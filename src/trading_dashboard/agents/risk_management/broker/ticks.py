"""One tick as the broker sees it, and how it is read from what market data tells.

Owns turning floats into decimals and the session's volume into what was traded since the tick
before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from trading_dashboard.agents.risk_management.account.money import ZERO, from_float
from trading_dashboard.models.market import PriceResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The newest price of a symbol, and whether it may be traded at.

    Attributes:
        at: When the price was made, market time.
        price: The last trade's.
        bid, ask: None where the source tells none.
        volume: Traded since the tick before; None where the source tells no volumes.
        source: Whose price it is.
        is_open: The symbol's market trades now.
        is_stale: The price is older than it should be.
        is_quarantined: Market data does not believe it.
        last_close_at: The newest close of its exchange before now: day orders placed before it
            have expired. None where that is not known.
    """

    symbol: str
    price: Decimal
    at: datetime
    source: str
    bid: Decimal | None = None
    ask: Decimal | None = None
    volume: Decimal | None = None
    is_open: bool = True
    is_stale: bool = False
    is_quarantined: bool = False
    last_close_at: datetime | None = None

    @property
    def is_tradable(self) -> bool:
        """Return whether orders may be filled from it."""
        return self.is_open and not self.is_stale and not self.is_quarantined and self.price > 0


@dataclass(slots=True)
class _Traded:
    session: date | None
    volume: float
    has_volume: bool


class TickReader:
    """Reads ticks of one stream; remembers each symbol's volume so far."""

    def __init__(self) -> None:
        self._traded: dict[str, _Traded] = {}

    def read(
        self,
        told: PriceResponse,
        *,
        is_open: bool,
        is_stale: bool = False,
        is_quarantined: bool = False,
        last_close_at: datetime | None = None,
    ) -> Tick:
        """Return a price as a tick.

        Of the first one nothing is known to have been traded: its volume is the session's, not
        this tick's.
        """
        return Tick(
            symbol=told.symbol,
            price=from_float(told.price),
            at=told.timestamp,
            source=told.source,
            bid=_quote(told.bid),
            ask=_quote(told.ask),
            volume=self._volume(told),
            is_open=is_open,
            is_stale=is_stale,
            is_quarantined=is_quarantined,
            last_close_at=last_close_at,
        )

    def forget(self, symbol: str | None = None) -> None:
        """Begin anew with one symbol or all: ticks were missed, or the clock was set."""
        if symbol is None:
            self._traded.clear()
        else:
            self._traded.pop(symbol, None)

    def _volume(self, told: PriceResponse) -> Decimal | None:
        before = self._traded.get(told.symbol)
        has_volume = told.volume > 0 or (before is not None and before.has_volume)
        self._traded[told.symbol] = _Traded(told.session, told.volume, has_volume)
        if not has_volume:
            return None
        if before is None:
            return ZERO
        # A new session counts from nothing; so does one whose volume shrank, which was corrected.
        is_same = before.session == told.session
        traded = told.volume - before.volume if is_same else told.volume
        return from_float(max(traded, 0.0))


def _quote(value: float | None) -> Decimal | None:
    return from_float(value) if value is not None and value > 0 else None
