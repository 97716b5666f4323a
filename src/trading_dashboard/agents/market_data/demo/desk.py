"""The replayed market, as the routes ask it: every answer as of one instant of its clock.

Owns which instant an answer is of, and where heavy simulation runs. Nothing later than the clock is
in an answer; of the calendar, only the session that follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol, TypeVar

from trading_dashboard.agents.market_data.demo import quality
from trading_dashboard.agents.market_data.demo.clock import ReplayClock
from trading_dashboard.agents.market_data.demo.dataset import CALENDAR, SOURCE, TIME_ZONE
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.series import DailySeries
from trading_dashboard.agents.market_data.demo.timeline import Instant, iso
from trading_dashboard.agents.market_data.disk import files_in
from trading_dashboard.agents.market_data.market import BarsAnswer, BarsQuestion, Body
from trading_dashboard.agents.market_data.search import SymbolIndex
from trading_dashboard.models.errors import UnknownSource, UnknownSymbol

LABEL: Mapping[str, Any] = {"source": SOURCE, "replay": True, "intraday": "simulated"}

_INLINE_SESSIONS = 2
_INLINE_BARS = 500
"""Questions that need more simulated sessions, or bars, than this leave the event loop."""

Result = TypeVar("Result")


class Computed(Protocol):
    """Does work that simulates so many sessions in a thread."""

    def __call__(self, work: Callable[[], Result], sessions: int) -> Awaitable[Result]:
        """Return what `work` returns."""


class DemoDesk:
    """Implements `Market` over the replay."""

    def __init__(
        self, market: DemoMarket, clock: ReplayClock, computed: Computed, data_directory: Path
    ) -> None:
        self._market = market
        self._clock = clock
        self._computed = computed
        self._data_directory = data_directory

    def label(self) -> Body:
        """Return what every answer says of itself."""
        return LABEL

    def clock(self) -> Body:
        """Return a body shaped like `ClockState`."""
        return self._clock.state().model_dump(mode="json")

    async def symbols(self, text: str | None, limit: int, offset: int) -> tuple[list[Body], int]:
        """Return what is listed by the clock and fits, best first."""
        rows = self._market.symbols(self._clock.instant())
        index = SymbolIndex([(row["symbol"], row["name"]) for row in rows])
        found = index.search(text or "")
        return [rows[i] for i in found[offset : offset + limit]], len(found)

    async def price(self, symbol: str) -> Body:
        """Return a body shaped like `PriceResponse`."""
        instant = self._clock.instant()
        return self._market.quote(self._market.find(symbol, instant).listing.symbol, instant)

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Body]:
        """Return a price, or an error body, for each symbol, all of one instant."""
        instant = self._clock.instant()
        found: dict[str, Body] = {}
        for symbol in symbols:
            try:
                name = self._market.find(symbol, instant).listing.symbol
                found[symbol] = self._market.quote(name, instant)
            except UnknownSymbol as error:
                found[symbol] = error.as_body()
        return found

    async def bars(self, question: BarsQuestion) -> BarsAnswer:
        """Return bars up to the clock."""
        instant = self._clock.instant()
        series = self._market.find(question.symbol, instant)
        _check_source(question.source)
        asked = replace(question, symbol=series.listing.symbol)

        def answer() -> BarsAnswer:
            return self._market.history.answer(asked, series, instant)

        sessions = self._market.history.cost(asked)
        if sessions <= _INLINE_SESSIONS and asked.limit <= _INLINE_BARS:
            return answer()
        return await self._computed(answer, sessions)

    async def actions(self, symbol: str) -> list[Body]:
        """Return bodies shaped like `CorporateAction`, effective by the clock."""
        return list(self._market.actions(symbol, self._clock.instant()))

    def sources(self) -> list[Body]:
        """Return bodies shaped like `SourceInfo`."""
        return list(self._market.sources())

    async def quality(self, symbol: str) -> list[Body]:
        """Return the score of a symbol's real days."""
        instant = self._clock.instant()
        series = self._market.find(symbol, instant)
        return [await self._computed(lambda: self._score(series, instant), 1)]

    async def quality_report(self) -> list[Body]:
        """Return the scores of all symbols that are listed."""
        instant = self._clock.instant()
        return await self._computed(
            lambda: [self._score(series, instant) for series in self._listed(instant)], 1
        )

    async def rejected(self, symbol: str | None, limit: int) -> list[Body]:
        """Return the real rows that contradict themselves, newest first."""
        instant = self._clock.instant()
        rows: list[Body] = [
            row
            for series in self._asked(symbol, instant)
            for row in quality.rejected(series, instant)
        ]
        return sorted(rows, key=lambda row: str(row["timestamp"]), reverse=True)[:limit]

    async def gaps(self, symbol: str | None) -> list[Body]:
        """Return stretches of sessions without a row, newest first."""
        instant = self._clock.instant()
        found: list[Body] = [
            gap
            for series in self._asked(symbol, instant)
            for gap in quality.gaps(series, self._market.timeline, instant)
        ]
        return sorted(found, key=lambda gap: str(gap["start"]), reverse=True)

    async def calendar(self, symbol: str, start: date, end: date) -> Body:
        """Return the sessions within the days, up to the one after the clock's."""
        instant = self._clock.instant()
        name = self._market.find(symbol, instant).listing.symbol
        timeline = self._market.timeline
        first = timeline.index_from(start)
        known = timeline.sessions[first : instant.session + 2]
        return {
            "symbol": name,
            "calendar": CALENDAR,
            "time_zone": TIME_ZONE,
            "start": start.isoformat(),
            "end": end.isoformat(),
            "sessions": [
                {
                    "session": session.day.isoformat(),
                    "open": iso(session.open_at),
                    "close": iso(session.close_at),
                    "break_start": None,
                    "break_end": None,
                }
                for session in known
                if session.day <= end
            ],
        }

    async def storage(self) -> Body:
        """Return the data directory's files and the real rows in them."""
        series = [self._stored(series) for series in self._market.series.values()]
        files, free = await asyncio.to_thread(files_in, self._data_directory)
        return {
            "files": files,
            "total_bytes": sum(file["bytes"] for file in files),
            "free_bytes": free,
            "rows": sum(row["rows"] for row in series),
            "series": series,
        }

    # Private

    def _listed(self, instant: Instant) -> list[DailySeries]:
        return [self._market.series[symbol] for symbol in self._market.listed(instant)]

    def _asked(self, symbol: str | None, instant: Instant) -> list[DailySeries]:
        """Return the one series, or all that are listed."""
        return self._listed(instant) if symbol is None else [self._market.find(symbol, instant)]

    def _score(self, series: DailySeries, instant: Instant) -> Body:
        return quality.score(series, self._market.timeline, instant)

    def _stored(self, series: DailySeries) -> dict[str, Any]:
        """Return what is kept of a series, without saying what is later than the clock."""
        instant = self._clock.instant()
        rows = series.closed_rows(instant)
        sessions = self._market.timeline.sessions
        ends = series.session[:rows][[0, -1]].tolist() if rows else []
        days = [f"{sessions[index].day}T00:00:00Z" for index in ends]
        return {
            "source": SOURCE,
            "symbol": series.listing.symbol,
            "interval": "1d",
            "rows": rows,
            "first": days[0] if days else None,
            "last": days[-1] if days else None,
        }


def _check_source(name: str | None) -> None:
    if name not in (None, SOURCE):
        raise UnknownSource(
            f"There is no source '{str(name)[:32]}'.",
            subject=str(name)[:32],
            observed=SOURCE,
            next_step="GET /sources lists all.",
        )
