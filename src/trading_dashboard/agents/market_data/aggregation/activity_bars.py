"""Bars by activity: so many ticks, so much volume, or so much turnover each.

Owns where they end. A session's running total is cut at multiples of the bar's size: the tick that
reaches one completes the bar, and what it has beyond counts for the next, so that bars hold their
size on average. A tick larger than a bar fills several; those that hold no tick are left out. Bars
end with their session. Ticks count as they arrive, also those that come late; those of a session
that is over are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from trading_dashboard.agents.market_data.aggregation.changes import BarChange
from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars, Floats, Integers, Ticks
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.models.market import INTERVALS

_KIND = re.compile(r"([1-9]\d{0,14})([tvd])")
_NONE = -1
MAX_SERIES = 1_000


@dataclass(frozen=True, slots=True)
class Activity:
    """What a bar such as ``5000v`` holds."""

    interval: str
    size: int
    measure: Literal["t", "v", "d"]

    @classmethod
    def parse(cls, interval: str) -> Activity:
        """Return what the text says. Raises ValueError, also for ``1d``, which is a day."""
        found = _KIND.fullmatch(interval)
        if found is None or interval in INTERVALS:
            raise ValueError(
                f"an activity bar is written like 100t, 5000v or 1000000d, got {interval!r}"
            )
        measure: Literal["t", "v", "d"] = found[2]  # type: ignore[assignment] # by the pattern
        return cls(interval, int(found[1]), measure)

    def amounts(self, price: Floats, size: Floats) -> Floats:
        """Return float64[n]: what each tick adds."""
        if self.measure == "t":
            return np.ones(len(price))
        return size if self.measure == "v" else price * size


def is_activity(interval: str) -> bool:
    """Return whether an interval is one of bars by ticks, volume or turnover."""
    return interval not in INTERVALS and _KIND.fullmatch(interval) is not None


class ActivityBars:
    """Activity bars of the series asked for. Used from one thread at a time.

    The cost is by series that have ticks in a batch, so ask only for those somebody watches.
    """

    def __init__(
        self, sessions_of: Callable[[str], Sessions | None], *, grace_seconds: float = 2.0
    ) -> None:
        self._sessions_of = sessions_of
        self._grace = int(grace_seconds * MICROSECONDS)
        self._series: dict[tuple[str, str], dict[str, _Series]] = {}
        self.left_out = 0
        """Ticks outside sessions, or of one that is over, counted once per series."""

    def __len__(self) -> int:
        return sum(len(series) for series in self._series.values())

    def add(self, source: str, symbol: str, interval: str) -> None:
        """Begin a series with the next tick; nothing happens if there is one.

        Raises ValueError for an interval that is none, for one series too many, and while the
        symbol's sessions are not known.
        """
        activity = Activity.parse(interval)
        if interval in self._series.get((source, symbol), {}):
            return
        if len(self) >= MAX_SERIES:
            raise ValueError(f"{MAX_SERIES} series of activity bars are the most there can be")
        sessions = self._sessions_of(symbol)
        if sessions is None or not len(sessions):
            raise ValueError(f"the sessions of {symbol} are not known yet; ask again")
        series = _Series(source, symbol, activity, sessions)
        self._series.setdefault((source, symbol), {})[interval] = series

    def remove(self, source: str, symbol: str, interval: str) -> None:
        """End a series; nothing happens if there is none."""
        series = self._series.get((source, symbol), {})
        series.pop(interval, None)
        if not series:
            self._series.pop((source, symbol), None)

    def push(self, ticks: Ticks) -> list[BarChange]:
        """Add ticks and return what became of bars."""
        changes = []
        for number, symbol in enumerate(ticks.symbols):
            series = self._series.get((ticks.source, symbol))
            if not series:
                continue
            own = ticks.take(np.flatnonzero(ticks.symbol == number))
            for one in series.values():
                rows, left_out = one.push(own)
                self.left_out += left_out
                changes += one.change(rows)
        return changes

    def advance(self, now: int) -> list[BarChange]:
        """Close bars whose session is over by the market's clock, in microseconds."""
        return [
            change
            for series in self._series.values()
            for one in series.values()
            for change in one.change(one.advance(now - self._grace))
        ]


@dataclass(slots=True)
class _Row:
    """One bar."""

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    closed: bool = False


@dataclass(slots=True)
class _Series:
    """One symbol's bars of one kind."""

    source: str
    symbol: str
    activity: Activity
    sessions: Sessions
    _session: int = _NONE
    _total: float = 0.0
    _forming: _Row | None = None
    _last_start: int = field(default=np.iinfo(np.int64).min)

    def push(self, ticks: Ticks) -> tuple[list[_Row], int]:
        """Add ticks; return the bars that changed, and how many ticks were left out."""
        session = self.sessions.index_at(ticks.at)
        # A session begins with its first tick, for those that follow it too.
        newest = np.maximum(np.maximum.accumulate(session), self._session)
        is_in = (session != _NONE) & (session == newest)
        kept = np.flatnonzero(is_in)
        rows: list[_Row] = []
        if len(kept):
            session = session[kept]
            edges = np.flatnonzero(np.diff(session)) + 1
            for part in np.split(np.arange(len(kept)), edges):
                rows += self._begin(int(session[part[0]]))
                rows += self._add(ticks.take(kept[part]))
        return rows, len(ticks) - len(kept)

    def advance(self, until: int) -> list[_Row]:
        """Return the bar that ends with its session, if the session is over."""
        if self._forming is None or self.sessions.close_at[self._session] > until:
            return []
        return self._close()

    def change(self, rows: list[_Row]) -> list[BarChange]:
        """Return rows as a change; none if there are none."""
        if not rows:
            return []
        values = [(row.start, row.open, row.high, row.low, row.close, row.volume) for row in rows]
        bars = Bars.of(self.source, self.symbol, self.activity.interval, values)
        bars.closed[:] = [row.closed for row in rows]
        return [BarChange(bars, np.ones(len(rows), dtype=np.bool_))]

    def _begin(self, session: int) -> list[_Row]:
        if session == self._session:
            return []
        closed = self._close()
        self._session, self._total = session, 0.0
        return closed

    def _close(self) -> list[_Row]:
        if self._forming is None:
            return []
        row, self._forming = self._forming, None
        row.closed = True
        return [row]

    def _add(self, ticks: Ticks) -> list[_Row]:
        """Add ticks of the session; return the bars that changed."""
        amounts = self.activity.amounts(ticks.price, ticks.size)
        # One after the other, so that the sum does not depend on where batches end.
        running = np.cumsum(np.concatenate(([self._total], amounts)))
        number: Integers = np.floor_divide(running, self.activity.size).astype(np.int64)
        self._total = float(running[-1])
        before = number[:-1]
        edges = np.flatnonzero(np.diff(before)) + 1
        firsts = [0, *edges.tolist()]
        ends = [*edges.tolist(), len(before)]
        changed = []
        for first, end in zip(firsts, ends, strict=True):
            row = self._extended(ticks, first, end)
            if number[end] != before[first]:
                self._close()
            changed.append(row)
        return changed

    def _extended(self, ticks: Ticks, first: int, end: int) -> _Row:
        price, size = ticks.price[first:end], ticks.size[first:end]
        high, low, close = float(price.max()), float(price.min()), float(price[-1])
        row = self._forming
        if row is None:
            # Several trades may bear one time; a series has one bar for each start.
            start = max(int(ticks.at[first]), self._last_start + 1)
            row = _Row(start, float(price[0]), high, low, close, 0.0)
            self._forming, self._last_start = row, start
        row.high, row.low, row.close = max(row.high, high), min(row.low, low), close
        row.volume = float(np.cumsum(np.concatenate(([row.volume], size)))[-1])
        return row
