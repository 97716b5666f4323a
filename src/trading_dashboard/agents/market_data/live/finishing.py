"""From kept bars to those that are answered: forming ones or not, adjusted, with their score.

Owns no arithmetic of its own: factors are `aggregation.adjusting`'s, scores the scorer's. Blocks;
called in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from trading_dashboard.agents.market_data.aggregation.adjusting import Adjustments, AsOf
from trading_dashboard.agents.market_data.live.ranges import DAY, DAYS
from trading_dashboard.agents.market_data.market import BarsQuestion
from trading_dashboard.agents.market_data.records import BAR_COLUMNS, Bars, CorporateEvent, Integers
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import Instrument, NotOffered

if TYPE_CHECKING:
    import pyarrow as pa

_DECIMALS = 8


class KeptBars(Protocol):
    """Where daily bars are kept."""

    def bars(self, source: str, symbol: str, interval: str) -> pa.Table:
        """Return all bars of a series, oldest first."""


class Finishing:
    """Finishes answers. Implements `past.Finish`."""

    def __init__(
        self,
        archive: KeptBars,
        score: Callable[[str, str], float | None],
        now: Callable[[], int],
    ) -> None:
        """Take where daily bars are kept, the score of a source's symbol, and the clock."""
        self._archive = archive
        self._score = score
        self._now = now

    def __call__(
        self,
        table: pa.Table,
        instrument: Instrument,
        sessions: Sessions,
        source: str,
        question: BarsQuestion,
        events: Sequence[CorporateEvent],
    ) -> pa.Table:
        """Return columns as `BarsAnswer` has them. Raises `NotOffered`."""
        import pyarrow as pa

        bars = bars_of(table, source, instrument.symbol, question.interval)
        if not question.include_partial:
            bars = bars.take(bars.closed)
        adjustments = self._adjustments(instrument, sessions, source, events)
        days = session_days(bars.start, question.interval, sessions)
        is_long = question.interval in ("1w", "1M")
        if is_long and question.adjusted != "none" and events:
            raise NotOffered(
                f"adjusted {question.interval} bars are not made of bars of that length; ask for 1d"
            )
        adjusted = bars if is_long else adjustments.apply(bars, days, question.adjusted)
        # A week may hold an event: what its close would be is not told by one factor.
        comparable = (
            np.full(len(bars), np.nan)
            if is_long and events
            else bars.close * adjustments.price_factors(days, "all")
        )
        score = self._score(source, instrument.symbol)
        columns = {name: getattr(adjusted, name) for name in BAR_COLUMNS}
        for name in ("open", "high", "low", "close"):
            columns[name] = np.round(columns[name], _DECIMALS)
        columns["adjusted_close"] = np.round(comparable, _DECIMALS)
        columns["quality_score"] = np.full(len(bars), np.nan if score is None else score)
        return pa.table(columns)

    def _adjustments(
        self,
        instrument: Instrument,
        sessions: Sessions,
        source: str,
        events: Sequence[CorporateEvent],
    ) -> Adjustments:
        daily = Bars.of(source, instrument.symbol, "1d", [])
        if any(event.amount is not None for event in events):
            kept = self._archive.bars(source, instrument.symbol, "1d")
            daily = bars_of(kept, source, instrument.symbol, "1d")
        return Adjustments(events, daily, AsOf.at(sessions, self._now()))


def bars_of(table: pa.Table, source: str, symbol: str, interval: str) -> Bars:
    """Return a table of the archive as bars."""
    columns = {name: table.column(name).to_numpy() for name in BAR_COLUMNS}
    return Bars(source=source, symbol=symbol, interval=interval, **columns)


def session_days(start: Integers, interval: str, sessions: Sessions) -> Integers:
    """Return int64[n]: the session each bar belongs to, in days since 1970."""
    if interval in DAYS or not len(sessions):
        return start // DAY
    index = np.searchsorted(sessions.open_at, start, side="right") - 1
    return np.where(index >= 0, sessions.day[np.maximum(index, 0)], start // DAY)
