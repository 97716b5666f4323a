"""The bodies and errors of the live market.

Owns how what the parts know is said: prices with their age in market time, failures of sources as
errors with a next step, gaps and quarantined rows.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from trading_dashboard.agents.market_data.live.book import Newest
from trading_dashboard.agents.market_data.live.clock import EPOCH, iso
from trading_dashboard.agents.market_data.market import Body
from trading_dashboard.agents.market_data.records import MICROSECONDS
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import (
    Instrument,
    SourceFailure,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.store.contract import Gap, Rejected, SeriesInfo
from trading_dashboard.agents.market_data.streaming.live_state import amount
from trading_dashboard.models.errors import DataUnavailable, TradingDashboardError, UnknownSymbol

REAL: Body = {"replay": False, "intraday": "real"}
"""What answers of real sources say beside their source."""


def failed(symbol: str, failure: SourceFailure) -> TradingDashboardError:
    """Return the error that says why there is no answer about a symbol."""
    if isinstance(failure, UnknownToSource):
        return UnknownSymbol(
            f"Symbol '{symbol[:32]}' is not known to any source.",
            subject=symbol[:32],
            observed=str(failure),
            next_step="GET /symbols?text=… searches all sources.",
        )
    return DataUnavailable(
        f"No source can answer for {symbol[:32]} now.",
        subject=symbol[:32],
        observed=str(failure),
        next_step="GET /sources says how each source is and when it is asked again.",
        details=[{"code": failure.code, "retry_after": failure.retry_after}],
    )


def price_body(
    newest: Newest, sessions: Sessions, now: int, score: float | None, label: Body = REAL
) -> Body:
    """Return a body shaped like `PriceResponse`; `label` is said beside the source."""
    quote = newest.quote
    before = quote.previous_close
    change = round((quote.price / before - 1.0) * 100.0, 4) if before else None
    return {
        "symbol": quote.symbol,
        "price": quote.price,
        "timestamp": iso(quote.at),
        "volume": amount(quote.volume or 0),
        "bid": quote.bid,
        "ask": quote.ask,
        "quality_score": score,
        "cached": newest.is_cached,
        "currency": quote.currency or "USD",
        "previous_close": before,
        "change_percent": change,
        "day_open": quote.day_open,
        "day_high": quote.day_high,
        "day_low": quote.day_low,
        "session": session_at(sessions, quote.at),
        "age_seconds": round(sessions.open_micros(quote.at, now) / MICROSECONDS, 3),
        "seq": newest.seq,
        "source": quote.source,
        **label,
    }


def session_at(sessions: Sessions, at: int) -> str | None:
    """Return the date of the session that is open at a time, None if none is."""
    index = int(sessions.index_at(np.array([at], dtype=np.int64))[0])
    return _day(int(sessions.day[index])) if index >= 0 else None


def instrument_body(
    instrument: Instrument, source: str, first: int | None, last: int | None
) -> Body:
    """Return a body shaped like `SymbolInfo`; `first` and `last` are of the kept daily bars."""
    return {
        "symbol": instrument.symbol,
        "name": instrument.name,
        "asset_class": instrument.asset_class.value,
        "exchange": instrument.exchange,
        "calendar": instrument.calendar,
        "time_zone": instrument.time_zone,
        "currency": instrument.currency,
        "first_session": None if first is None else iso(first)[:10],
        "last_session": None if last is None else iso(last)[:10],
        "source": source,
    }


def gap_body(gap: Gap) -> Body:
    """Return a body that says what is missing, why, and whether it was filled."""
    return {
        "symbol": gap.symbol,
        "source": gap.source,
        "interval": gap.interval or None,
        "start": iso(gap.start),
        "end": iso(gap.end),
        "cause": gap.cause,
        "detail": gap.detail,
        "found_at": iso(gap.found_at),
        "filled_at": None if gap.filled_at is None else iso(gap.filled_at),
        "attempts": gap.attempts,
    }


def rejected_body(row: Rejected) -> Body:
    """Return a body that shows a quarantined row and the reason."""
    return {
        "symbol": row.symbol,
        "source": row.source,
        "interval": row.interval or None,
        "timestamp": None if row.at is None else iso(row.at),
        "received": iso(row.received),
        "reason": row.reason,
        "detail": row.detail,
        "row": row.row,
    }


def series_body(series: SeriesInfo) -> Body:
    """Return a body that says what is kept of a series."""
    return {
        "source": series.source,
        "symbol": series.symbol,
        "interval": series.interval or "ticks",
        "rows": series.rows,
        "first": iso(series.first),
        "last": iso(series.last),
    }


def calendar_body(symbol: str, sessions: Sessions, start: date, end: date) -> Body:
    """Return the sessions of the days `start` to `end`."""
    first = int(np.searchsorted(sessions.day, (start - EPOCH).days))
    after = int(np.searchsorted(sessions.day, (end - EPOCH).days, side="right"))
    found = [
        {
            "session": _day(int(sessions.day[at])),
            "open": iso(int(sessions.open_at[at])),
            "close": iso(int(sessions.close_at[at])),
            "break_start": _moment(int(sessions.break_start[at])),
            "break_end": _moment(int(sessions.break_end[at])),
        }
        for at in range(first, after)
    ]
    return {
        "symbol": symbol,
        "calendar": sessions.calendar,
        "time_zone": sessions.time_zone,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "sessions": found,
    }


def _moment(micros: int) -> str | None:
    return iso(micros) if micros else None


def _day(day: int) -> str:
    return (EPOCH + timedelta(days=day)).isoformat()
