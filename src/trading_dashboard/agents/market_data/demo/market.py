"""The replayed market: what can be asked of it at one moment of its clock.

Owns quotes, symbols and actions, and the rule that nothing later than the `Instant` passed in is
used. Knows no clock, no store and no network.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

from trading_dashboard.agents.market_data.demo.dataset import CALENDAR, SOURCE, TIME_ZONE
from trading_dashboard.agents.market_data.demo.history import History
from trading_dashboard.agents.market_data.demo.intraday import Intraday
from trading_dashboard.agents.market_data.demo.series import DailySeries
from trading_dashboard.agents.market_data.demo.timeline import Instant, Timeline, iso
from trading_dashboard.models.errors import UnknownSymbol
from trading_dashboard.models.market import INTERVALS

_SPREAD = 0.0002
"""Simulated bid-ask spread as a share of the price, a cent at least."""


class DemoMarket:
    """Real daily history, simulated within the day, cut off at whatever moment is asked for."""

    def __init__(self, timeline: Timeline, series: Mapping[str, DailySeries], seed: int) -> None:
        self.timeline = timeline
        self.series = dict(series)
        self.intraday = Intraday(timeline, self.series, seed)
        self.history = History(timeline, self.intraday)

    def listed(self, instant: Instant) -> list[str]:
        """Return the symbols that trade, or have traded, by then."""
        return [
            symbol
            for symbol, series in self.series.items()
            if int(series.session[0]) <= instant.session
        ]

    def find(self, symbol: str, instant: Instant) -> DailySeries:
        """Return a symbol's series, whatever its case.

        Raises:
            UnknownSymbol: Not known, or not yet listed at that moment; says what is near.
        """
        name = symbol.strip().upper()
        listed = self.listed(instant)
        if name in listed:
            return self.series[name]
        near = difflib.get_close_matches(name, listed, n=3, cutoff=0.4)
        near += [other for other in listed if name and other.startswith(name) and other not in near]
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise UnknownSymbol(
            f"Symbol '{name[:32]}' is not known at the market clock.",
            subject=name[:32],
            observed=f"{len(listed)} symbols at {iso(instant.now)}",
            next_step=f"{hint}GET /symbols lists all.",
            details=[{"symbol": other} for other in near],
        )

    def quote(self, symbol: str, instant: Instant) -> dict[str, Any]:
        """Return a body shaped like `PriceResponse` for a listed symbol."""
        series = self.series[symbol]
        row = series.row_of(instant.session)
        if row is None:
            raise UnknownSymbol(f"Symbol '{symbol}' does not trade in this session.")
        path = self.intraday.path(symbol, row)
        at = min(int(instant.offset), len(path) - 1)
        session = self.timeline.sessions[instant.session]
        price = float(path.price[at])
        previous = series.previous_close(row)
        bid, ask = bid_ask(price)
        made_at = session.open_at + at
        return {
            "symbol": symbol,
            "price": price,
            "timestamp": iso(made_at),
            "volume": int(path.traded[at]),
            "bid": bid,
            "ask": ask,
            "source": SOURCE,
            "quality_score": float(series.quality[row]),
            "cached": False,
            "currency": "USD",
            "previous_close": previous,
            "change_percent": (
                None if not previous else round((price / previous - 1.0) * 100.0, 4)
            ),
            "day_open": float(path.price[0]),
            "day_high": float(path.high[at]),
            "day_low": float(path.low[at]),
            "session": session.day.isoformat(),
            "age_seconds": 0.0 if instant.finished else round(instant.now - made_at, 3),
            "seq": self.timeline.start_of(instant.session) + at + 1,
            "replay": True,
            "intraday": "simulated",
        }

    def symbols(self, instant: Instant) -> list[dict[str, Any]]:
        """Return bodies shaped like `SymbolInfo`."""
        found = []
        for symbol in self.listed(instant):
            series = self.series[symbol]
            sessions = self.timeline.sessions
            newest = min(instant.session, int(series.session[-1]))
            found.append(
                {
                    "symbol": symbol,
                    "name": series.listing.name,
                    "exchange": series.listing.exchange,
                    "calendar": CALENDAR,
                    "time_zone": TIME_ZONE,
                    "currency": "USD",
                    "asset_class": "equity",
                    "first_session": sessions[int(series.session[0])].day.isoformat(),
                    "last_session": sessions[newest].day.isoformat(),
                    "source": SOURCE,
                }
            )
        return found

    def actions(self, symbol: str, instant: Instant) -> list[dict[str, Any]]:
        """Return bodies shaped like `CorporateAction`, effective by then, oldest first."""
        return [
            {
                "symbol": item.action.symbol,
                "ex_date": item.action.ex_date,
                "kind": item.action.kind,
                "ratio": item.action.ratio,
                "amount": item.action.amount,
                "source": SOURCE,
            }
            for item in self.find(symbol, instant).effective(instant)
        ]

    def sources(self) -> list[dict[str, Any]]:
        """Return bodies shaped like `SourceInfo`."""
        return [
            {
                "name": SOURCE,
                "active": True,
                "real": False,
                "description": "Replay of real daily history of five US stocks, 2000-03-01 to "
                "2013-03-01; prices within a day are simulated and reproduce the real day.",
                "licence": "Public domain (Quandl WIKI, through bokeh_sampledata)",
                "intervals": list(INTERVALS),
                "status": "ok",
            }
        ]


def bid_ask(price: float) -> tuple[float, float]:
    """Return a simulated bid and ask in whole cents around the price."""
    cents = price * 100.0
    half = max(1.0, round(cents * _SPREAD)) / 2.0
    bid = max(math.floor(cents - half + 1e-6), 1)
    ask = math.ceil(cents + half - 1e-6)
    return bid / 100.0, ask / 100.0
