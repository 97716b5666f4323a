"""From kept bars to those that are answered: forming ones or not, adjusted, with their score.

Owns no arithmetic of its own: factors are `aggregation.adjusting`'s, scores the scorer's. Blocks;
called in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.market_data.aggregation.adjusting import Adjustments, AsOf
from trading_dashboard.agents.market_data.live.ranges import DAY, DAYS
from trading_dashboard.agents.market_data.market import BarsQuestion, Columns
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
    ) -> Columns:
        """Return columns as `BarsAnswer` has them. Raises `NotOffered`."""
        bars = bars_of(table, source, instrument.symbol, question.interval)
        if not question.include_partial and not bars.closed.all():
            bars = bars.take(bars.closed)
        columns: dict[str, NDArray[Any]] = {name: getattr(bars, name) for name in BAR_COLUMNS}
        # What nothing is multiplied with stays as it is kept, to the last digit, and costs nothing.
        columns["adjusted_close"] = bars.close
        if events:
            columns.update(self._adjusted(bars, instrument, sessions, question, events))
        score = self._score(source, instrument.symbol)
        columns["quality_score"] = np.full(len(bars), np.nan if score is None else score)
        return columns

    def _adjusted(
        self,
        bars: Bars,
        instrument: Instrument,
        sessions: Sessions,
        question: BarsQuestion,
        events: Sequence[CorporateEvent],
    ) -> dict[str, NDArray[Any]]:
        """Return the columns that events change. Raises `NotOffered`."""
        if question.interval in ("1w", "1M"):
            if question.adjusted != "none":
                raise NotOffered(
                    f"adjusted {question.interval} bars are not made of bars of that length; "
                    "ask for 1d"
                )
            # A week may hold an event: what its close would be is not told by one factor.
            return {"adjusted_close": np.full(len(bars), np.nan)}
        adjustments = self._adjustments(instrument, sessions, bars.source, events)
        days = session_days(bars.start, question.interval, sessions)
        comparable = bars.close * adjustments.price_factors(days, "all")
        found = {"adjusted_close": np.round(comparable, _DECIMALS)}
        if question.adjusted != "none":
            adjusted = adjustments.apply(bars, days, question.adjusted)
            for name in ("open", "high", "low", "close"):
                found[name] = np.round(getattr(adjusted, name), _DECIMALS)
            found["volume"] = adjusted.volume
        return found

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
