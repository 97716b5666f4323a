"""Looks at what is kept of live series: what is missing, and whether two sources say the same.

Owns when which series is looked at, and how much of it. What is found goes to the scores; missing
bars to the gaps, which are filled from the source they belong to. A comparison never mixes series:
each source's bars are kept and scored as its own.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

from trading_dashboard.agents.market_data.live.expected import expected_starts
from trading_dashboard.agents.market_data.live.finishing import bars_of
from trading_dashboard.agents.market_data.live.gaps import GapKeeper
from trading_dashboard.agents.market_data.live.past import PastReader
from trading_dashboard.agents.market_data.live.ports import InThread, SourcesDesk
from trading_dashboard.agents.market_data.live.ranges import DAY, SECONDS, TimeRange
from trading_dashboard.agents.market_data.quality.agreement import agreement
from trading_dashboard.agents.market_data.quality.gaps import (
    Completeness,
    Series,
    completeness,
)
from trading_dashboard.agents.market_data.quality.scorer import Scorer
from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars, Integers
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import Instrument, SourceFailure
from trading_dashboard.agents.market_data.store.contract import Archive, SeriesInfo

LOOKED_AT = {"1d": 30 * DAY, "1m": 7 * DAY}
"""Intervals and how far back."""
SERIES_AT_ONCE = 50
"""Series looked at in one turn; all of them in turns."""
SETTLED_MICROS = 20 * 60 * MICROSECONDS
"""Bars younger than this may be under way: many sources are a quarter of an hour late."""
COMPARED_AT_ONCE = 2
"""Symbols that another source is asked about in one turn."""
COMPARE_AGAIN = DAY

logger = logging.getLogger(__name__)

OthersOf = Callable[[Instrument], Sequence[str]]


class Looker:
    """Looks at kept series in turns. Used from one event loop."""

    def __init__(
        self,
        archive: Archive,
        scorer: Scorer,
        gaps: GapKeeper,
        desk: SourcesDesk,
        history: PastReader,
        others_of: OthersOf,
        *,
        sessions_of: Callable[[str], Sessions | None],
        now: Callable[[], int],
        in_thread: InThread,
    ) -> None:
        """Look at nothing yet.

        Args:
            archive: Where series are kept.
            scorer: Takes what is found.
            gaps: Takes what is missing.
            desk: Knows symbols and who serves them.
            history: Reads a second source's days, asking for them if they are not kept.
            others_of: Returns the sources that can be asked for days of an instrument.
            sessions_of: Returns a symbol's sessions, None if they are not known yet.
            now: Microseconds since 1970 UTC.
            in_thread: Does the archive's work.
        """
        self._archive = archive
        self._scorer = scorer
        self._gaps = gaps
        self._desk = desk
        self._history = history
        self._others_of = others_of
        self._sessions_of = sessions_of
        self._now = now
        self._in_thread = in_thread
        self._looked: OrderedDict[tuple[str, str, str], int] = OrderedDict()
        self._compared: dict[str, int] = {}

    async def look(self) -> None:
        """Look at the series that were not looked at for longest."""
        kept = await self._in_thread(self._archive.series)
        due = [series for series in kept if series.interval in LOOKED_AT]
        due.sort(key=lambda series: self._looked.get(_key(series), 0))
        for series in due[:SERIES_AT_ONCE]:
            self._looked[_key(series)] = self._now()
            sessions = self._sessions_of(series.symbol)
            if sessions is not None:
                await self._complete(series, sessions)

    async def compare(self, symbols: Sequence[str]) -> None:
        """Compare the days of some of the symbols with those of a second source, once a day."""
        now = self._now()
        due = [s for s in symbols if now - self._compared.get(s, 0) >= COMPARE_AGAIN]
        for symbol in due[:COMPARED_AT_ONCE]:
            self._compared[symbol] = now
            try:
                await self._compare(symbol, now)
            except SourceFailure as failure:
                logger.info("%s cannot be compared today: %s", symbol, failure)

    # Private

    async def _complete(self, series: SeriesInfo, sessions: Sessions) -> None:
        start, end = self._period(series)
        if start >= end:
            return
        what = Series(source=series.source, symbol=series.symbol, interval=series.interval)
        present = await self._in_thread(lambda: self._starts(series, start, end))
        filled, told = await self._in_thread(lambda: self._told(series, sessions))

        def missing(known: Integers) -> Completeness:
            starts = np.concatenate([present, known])
            return completeness(what, starts, sessions, (start, end), now=self._now())

        found = missing(filled)
        if found.expected:
            self._scorer.note_completeness(what, found)
        if self._desk.serving(series.symbol) == series.source:
            # What is told already is not found again, whether it could be filled or not.
            await self._gaps.found(missing(told).gaps)

    def _period(self, series: SeriesInfo) -> tuple[int, int]:
        now = self._now()
        width = SECONDS.get(series.interval, 0) * MICROSECONDS or DAY
        # A series that ends a moment ago is whole up to there; one that ended earlier is not.
        end = max(now - SETTLED_MICROS, min(series.last + width, now))
        return max(series.first, now - LOOKED_AT[series.interval]), end

    def _starts(self, series: SeriesInfo, start: int, end: int) -> Integers:
        what = (series.source, series.symbol, series.interval)
        table = self._archive.bars(*what, start=start, end=end)
        return np.asarray(table.column("start").to_numpy(), dtype=np.int64)

    def _told(self, series: SeriesInfo, sessions: Sessions) -> tuple[Integers, Integers]:
        """Return the bars of gaps that were filled (nobody traded then), and of all gaps."""
        filled, known = [np.array([], np.int64)], [np.array([], np.int64)]
        for gap in self._archive.gaps(series.symbol):
            if (gap.source, gap.interval) == (series.source, series.interval):
                starts = expected_starts(sessions, gap.interval, gap.start, gap.end)
                known.append(starts)
                if gap.filled_at is not None:
                    filled.append(starts)
        return np.concatenate(filled), np.concatenate(known)

    async def _compare(self, symbol: str, now: int) -> None:
        instrument = await self._desk.instrument(symbol)
        own, sessions = self._desk.serving(instrument.symbol), self._sessions_of(instrument.symbol)
        others = [name for name in self._others_of(instrument) if name != own]
        if own is None or sessions is None or not others:
            return
        mine = await self._days(instrument, sessions, own, now)
        theirs = await self._days(instrument, sessions, others[0], now)
        found = agreement(mine, theirs)
        if found.common:
            self._scorer.note_agreement(found)
        if found.disagreeing:
            logger.warning(
                "%s and %s disagree about %d of %d days of %s, by %.2f %% at most",
                own, others[0], found.disagreeing, found.common, symbol,
                100 * (found.largest or 0.0),
            )  # fmt: skip

    async def _days(
        self, instrument: Instrument, sessions: Sessions, source: str, now: int
    ) -> Bars:
        wanted = TimeRange(now - LOOKED_AT["1d"], now)
        found = await self._history.read(
            instrument, sessions, "1d", wanted, now, limit=60, newest=True, source=source
        )
        bars = bars_of(found.table, found.source, instrument.symbol, "1d")
        return bars.take(bars.closed)


def _key(series: SeriesInfo) -> tuple[str, str, str]:
    return series.source, series.symbol, series.interval
