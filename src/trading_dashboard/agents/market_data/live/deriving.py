"""Bars that a provider does not offer, made of finer ones of the same source.

Owns which finer bars a longer one is made of. Weeks and months are made of days, and what is within
a day of what divides it; the alignment is that of bars made of ticks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from trading_dashboard.agents.market_data.aggregation.resampling import resample
from trading_dashboard.agents.market_data.live.finishing import bars_of
from trading_dashboard.agents.market_data.live.history import Found
from trading_dashboard.agents.market_data.live.past import PastReader
from trading_dashboard.agents.market_data.live.ranges import (
    DAY,
    DAYS,
    SECONDS,
    TimeRange,
    first_day,
)
from trading_dashboard.agents.market_data.records import BAR_COLUMNS, MICROSECONDS, Bars
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import Instrument
from trading_dashboard.agents.market_data.store.arrow import to_arrow

if TYPE_CHECKING:
    import pyarrow as pa

MAX_FINER_BARS = 200_000
"""Finer bars read for one answer."""

Offered = Callable[[Instrument, str, str | None], bool]
"""Whether an interval of an instrument can be had, from a source if one is named."""


class DerivedHistory:
    """Implements `PastReader`: as the history under it, or made of what it has."""

    def __init__(self, history: PastReader, is_offered: Offered) -> None:
        """Take the history, and what tells which intervals it can have."""
        self._history = history
        self._is_offered = is_offered

    async def read(
        self,
        instrument: Instrument,
        sessions: Sessions,
        interval: str,
        wanted: TimeRange,
        now: int,
        *,
        limit: int,
        newest: bool,
        source: str | None = None,
    ) -> Found:
        """Return the bars of a stretch, up to `limit` of them. Raises `SourceFailure`."""
        finer = self._finer(instrument, interval, source)
        if finer is None:
            return await self._history.read(
                instrument, sessions, interval, wanted, now,
                limit=limit, newest=newest, source=source,
            )  # fmt: skip
        ratio = _width(interval) // _width(finer)
        found = await self._history.read(
            instrument, sessions, finer, _whole(wanted, interval), now,
            limit=min((limit + 1) * ratio, MAX_FINER_BARS), newest=newest, source=source,
        )  # fmt: skip
        bars = bars_of(found.table, found.source, instrument.symbol, finer)
        made = resample(bars, interval, sessions)
        if newest and len(bars) and bars.start[0] > _whole(wanted, interval).start:
            # The first group may lack its beginning: the limit cut it, or the source begins there.
            made = made.take(slice(1, None)) if len(bars) >= (limit + 1) * ratio else made
        made = made.take((made.start >= wanted.start) & (made.start < wanted.end))
        surplus = max(len(made) - limit, 0)
        kept = made.take(slice(surplus, None) if newest else slice(0, limit))
        return Found(
            source=found.source, table=_table(kept), events=found.events, failure=found.failure
        )

    def _finer(self, instrument: Instrument, interval: str, source: str | None) -> str | None:
        """Return what the interval is made of; None if it can be had itself, or not at all."""
        if self._is_offered(instrument, interval, source):
            return None
        within_days = [
            finer
            for finer, seconds in sorted(SECONDS.items(), key=lambda item: -item[1])
            if interval in SECONDS
            and seconds < SECONDS[interval]
            and SECONDS[interval] % seconds == 0
        ]
        candidates = ["1d"] if interval in ("1w", "1M") else within_days
        return next(
            (finer for finer in candidates if self._is_offered(instrument, finer, source)), None
        )


def _whole(wanted: TimeRange, interval: str) -> TimeRange:
    """Return the stretch with the week or month it begins in whole."""
    if interval not in DAYS:
        return wanted
    return TimeRange(first_day(math.floor(wanted.start / DAY), interval) * DAY, wanted.end)


def _width(interval: str) -> int:
    if interval in SECONDS:
        return SECONDS[interval] * MICROSECONDS
    return DAYS[interval] * DAY


def _table(bars: Bars) -> pa.Table:
    return to_arrow({name: getattr(bars, name) for name in BAR_COLUMNS})
