"""Small questions about live sources and prices that the assembled parts ask each other.

Owns no state. Each is answered from memory.
"""

from __future__ import annotations

from trading_dashboard.agents.market_data.choosing.desk import SourceDesk
from trading_dashboard.agents.market_data.choosing.states import source_body
from trading_dashboard.agents.market_data.live.answers import session_at
from trading_dashboard.agents.market_data.live.book import PriceBook
from trading_dashboard.agents.market_data.live.hours import Hours
from trading_dashboard.agents.market_data.market import Body
from trading_dashboard.agents.market_data.quality.scorer import Scorer
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import Instrument
from trading_dashboard.models.errors import UnknownSymbol


def busiest_first(desk: SourceDesk) -> list[str]:
    """Return the sources, first the one that most live symbols come from."""
    states = sorted(desk.states(), key=lambda state: -state.live_symbols)
    return [state.name for state in states]


def comparable_sources(desk: SourceDesk, instrument: Instrument) -> list[str]:
    """Return who can be asked for days only to compare: half of a day's requests stay unspent."""
    chain = desk.routing.chain(instrument.asset_class, "history 1d")
    return [
        line.name for line in chain if line.day.limit is None or line.day.used * 2 < line.day.limit
    ]


def is_offered(desk: SourceDesk, instrument: Instrument, interval: str, source: str | None) -> bool:
    """Return whether an interval can be had, from a source if one is named."""
    chain = desk.routing.chain(instrument.asset_class, f"history {interval}")
    return any(source in (None, line.name) for line in chain)


def source_bodies(desk: SourceDesk) -> list[Body]:
    """Return bodies shaped like `SourceInfo`."""
    return [source_body(state, is_active=True) for state in desk.states()]


def details(book: PriceBook, scorer: Scorer, hours: Hours, source: str, symbol: str) -> Body:
    """Return what a streamed price says beside what ticks tell."""
    known = book.newest(source, symbol)
    score = scorer.total(source, symbol)
    if known is None:
        return {"quality_score": score}
    quote = known.quote
    before, sessions = quote.previous_close, hours.of(symbol)
    return {
        "quality_score": score,
        "session": None if sessions is None else session_at(sessions, quote.at),
        "previous_close": before,
        "change_percent": round((quote.price / before - 1.0) * 100.0, 4) if before else None,
        "currency": quote.currency or "USD",
    }


def certain(hours: Hours, symbol: str) -> Sessions:
    """Return a symbol's sessions. Raises `UnknownSymbol` while they are not known."""
    sessions = hours.of(symbol)
    if sessions is None:
        raise UnknownSymbol(f"The sessions of {symbol} are not known yet.", subject=symbol)
    return sessions


def resolved(desk: SourceDesk, symbol: str) -> str:
    """Return a symbol as it is written, as far as it is known; a feed weeds out what nobody has."""
    known = desk.known(symbol.strip())
    return known.symbol if known is not None else symbol.strip().upper()
