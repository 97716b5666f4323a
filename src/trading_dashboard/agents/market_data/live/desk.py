"""The market by real sources, as the routes and the stream ask it.

Owns the bodies. What is behind them is asked of the parts: the source desk (who answers), history
(what is kept), the newest prices (`PriceBook`), the scores and the gaps. Every answer names the one
source it is from; what no source has now is said as `DataUnavailable`, never made up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from trading_dashboard.agents.market_data.disk import files_in
from trading_dashboard.agents.market_data.live.answers import (
    REAL,
    calendar_body,
    failed,
    gap_body,
    instrument_body,
    price_body,
    rejected_body,
    series_body,
)
from trading_dashboard.agents.market_data.live.hours import Hours
from trading_dashboard.agents.market_data.live.past import LivePast
from trading_dashboard.agents.market_data.live.ports import (
    InThread,
    KeptRecords,
    MarketClock,
    Prices,
    Scores,
    SymbolsKnown,
)
from trading_dashboard.agents.market_data.market import BarsAnswer, BarsQuestion, Body
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import Instrument, SourceFailure
from trading_dashboard.models.errors import TradingDashboardError

MAX_FOUND = 200
"""Instruments one search asks each source for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveParts:
    """What a `LiveDesk` is made of."""

    sources: SymbolsKnown
    archive: KeptRecords
    hours: Hours
    clock: MarketClock
    past: LivePast
    intake: Prices
    scores: Scores
    source_bodies: Callable[[], Sequence[Body]]
    in_thread: InThread
    data_directory: Path
    symbols: Collection[str] = ()
    """Followed from the start."""
    source: str = "live"
    """What the whole is called; each answer names its own source."""
    label: Body = field(default_factory=lambda: REAL)
    """What every answer says beside its source."""


class LiveDesk:
    """Implements `Market` over real sources, or over a recording of one."""

    def __init__(self, parts: LiveParts) -> None:
        self._parts = parts

    def label(self) -> Body:
        """Return what the whole says of itself; each answer names its own source."""
        return {"source": self._parts.source, **self._parts.label}

    def clock(self) -> Body:
        """Return a body shaped like `ClockState`."""
        return self._parts.clock.body()

    async def symbols(self, text: str | None, limit: int, offset: int) -> tuple[list[Body], int]:
        """Return what sources find for a text; without one, what is followed or kept."""
        if text:
            found = list((await self._parts.sources.find(text, MAX_FOUND)).instruments)
        else:
            found = [await self._instrument(symbol) for symbol in await self._known()]
        page = found[offset : offset + limit]
        return [await self._symbol_body(item) for item in page], len(found)

    async def price(self, symbol: str) -> Body:
        """Return a body shaped like `PriceResponse`."""
        instrument = await self._instrument(symbol)
        answer = (await self._prices([instrument]))[instrument.symbol]
        if isinstance(answer, TradingDashboardError):
            raise answer
        return answer

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Body]:
        """Return a price, or an error body, for each symbol asked for."""
        found: dict[str, Body] = {}
        known: dict[str, Instrument] = {}
        for symbol in symbols:
            try:
                known[symbol] = await self._instrument(symbol)
            except TradingDashboardError as error:
                found[symbol] = error.as_body()
        prices = await self._prices(list(known.values()))
        for symbol, instrument in known.items():
            answer = prices[instrument.symbol]
            if isinstance(answer, TradingDashboardError):
                answer = answer.as_body()
            found[symbol] = answer
        return found

    async def bars(self, question: BarsQuestion) -> BarsAnswer:
        """Return bars up to now."""
        instrument = await self._instrument(question.symbol)
        sessions = await self._sessions(instrument)
        try:
            return await self._parts.past.bars(instrument, sessions, question)
        except SourceFailure as failure:
            raise failed(instrument.symbol, failure) from failure

    async def actions(self, symbol: str) -> list[Body]:
        """Return bodies shaped like `CorporateAction`, oldest first."""
        instrument = await self._instrument(symbol)
        source = self._parts.sources.serving(instrument.symbol) or ""
        return await self._parts.past.actions(instrument, source)

    def sources(self) -> list[Body]:
        """Return bodies shaped like `SourceInfo`."""
        return list(self._parts.source_bodies())

    async def quality(self, symbol: str) -> list[Body]:
        """Return the scores of a symbol, one for each source that has it."""
        instrument = await self._instrument(symbol)
        scores = self._parts.scores
        return list(await self._parts.in_thread(lambda: scores.quality(instrument.symbol)))

    async def quality_report(self) -> list[Body]:
        """Return the newest scores of all symbols."""
        return list(await self._parts.in_thread(self._parts.scores.report))

    async def rejected(self, symbol: str | None, limit: int) -> list[Body]:
        """Return quarantined rows, newest first."""
        rows = await self._parts.in_thread(
            lambda: self._parts.archive.rejected(symbol, limit=limit)
        )
        return [rejected_body(row) for row in rows]

    async def gaps(self, symbol: str | None) -> list[Body]:
        """Return gaps, newest first."""
        rows = await self._parts.in_thread(lambda: self._parts.archive.gaps(symbol))
        return [gap_body(row) for row in rows]

    async def calendar(self, symbol: str, start: date, end: date) -> Body:
        """Return the sessions of a symbol's exchange within the dates."""
        instrument = await self._instrument(symbol)
        sessions = await self._sessions(instrument)
        return calendar_body(instrument.symbol, sessions, start, end)

    async def storage(self) -> Body:
        """Return what is kept and how much room it takes."""
        series = await self._parts.in_thread(self._parts.archive.series)
        files, free = await self._parts.in_thread(lambda: files_in(self._parts.data_directory))
        return {
            "files": files,
            "total_bytes": sum(file["bytes"] for file in files),
            "free_bytes": free,
            "rows": sum(item.rows for item in series),
            "series": [series_body(item) for item in series],
        }

    # Private

    async def _instrument(self, symbol: str) -> Instrument:
        try:
            return await self._parts.sources.instrument(symbol.strip())
        except SourceFailure as failure:
            raise failed(symbol, failure) from failure

    async def _sessions(self, instrument: Instrument) -> Sessions:
        return await self._parts.hours.learn(instrument)

    async def _known(self) -> list[str]:
        """Return the symbols that are followed or kept."""
        kept = await self._parts.in_thread(self._parts.archive.series)
        return sorted({*self._parts.symbols, *(series.symbol for series in kept)})

    async def _symbol_body(self, instrument: Instrument) -> Body:
        symbol = instrument.symbol
        source = self._parts.sources.serving(symbol) or ""
        kept = await self._parts.in_thread(lambda: self._parts.archive.series(symbol))
        days = next((s for s in kept if (s.source, s.interval) == (source, "1d")), None)
        return instrument_body(
            instrument, source, days.first if days else None, days.last if days else None
        )

    async def _prices(
        self, instruments: Sequence[Instrument]
    ) -> Mapping[str, Body | TradingDashboardError]:
        """Return the newest price of each, or why there is none."""
        answers = await self._parts.intake.prices([item.symbol for item in instruments])
        found: dict[str, Body | TradingDashboardError] = {}
        for item in instruments:
            answer = answers[item.symbol]
            if isinstance(answer, SourceFailure):
                found[item.symbol] = failed(item.symbol, answer)
                continue
            sessions = await self._sessions(item)
            score = self._parts.scores.total(answer.quote.source, item.symbol)
            now = self._parts.clock.micros()
            found[item.symbol] = price_body(answer, sessions, now, score, self._parts.label)
        return found
