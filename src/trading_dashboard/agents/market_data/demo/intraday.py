"""Simulated sessions on demand, with bounded memory.

Owns three caches, of second-by-second paths, minute bars and half hours; each counts its entries,
so memory does not grow with use. Safe to use from several threads: a value computed twice is the
same value.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from trading_dashboard.agents.market_data.demo.bars import DayBars, coarser, session_bars
from trading_dashboard.agents.market_data.demo.path import SessionPath, simulate
from trading_dashboard.agents.market_data.demo.series import DailySeries
from trading_dashboard.agents.market_data.demo.timeline import Timeline

PATH_CACHE_ENTRIES = 24
"""About 0.9 MB each: sessions that run, and those asked for second by second."""
MINUTE_CACHE_ENTRIES = 512
"""About 28 kB each."""
HALF_HOUR_CACHE_ENTRIES = 4096
"""About 2 kB each; a symbol's whole history, for the intervals that ask for years."""
HALF_HOUR = 1800

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """The values used last, at most so many."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._values: OrderedDict[tuple[str, int], Value] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def known(self, key: tuple[str, int]) -> Value | None:
        """Return the value of `key` if it is there."""
        return self._values.get(key)

    def get(self, key: tuple[str, int], make: Callable[[], Value]) -> Value:
        """Return the value of `key`, made if it is not there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._entries:
                self._values.popitem(last=False)
        return value


class Intraday:
    """Paths and bars of complete sessions; the caller cuts them off at the clock."""

    def __init__(self, timeline: Timeline, series: Mapping[str, DailySeries], seed: int) -> None:
        self._timeline = timeline
        self._series = series
        self._seed = seed
        self._paths: Recent[SessionPath] = Recent(PATH_CACHE_ENTRIES)
        self._minutes: Recent[DayBars] = Recent(MINUTE_CACHE_ENTRIES)
        self._half_hours: Recent[DayBars] = Recent(HALF_HOUR_CACHE_ENTRIES)

    def path(self, symbol: str, row: int) -> SessionPath:
        """Return the path of the symbol's daily row `row`, and keep it."""
        return self._paths.get((symbol, row), lambda: self._simulated(symbol, row))

    def bars(self, symbol: str, row: int, width: int) -> DayBars:
        """Return all bars of `width` seconds of the symbol's daily row `row`."""
        series = self._series[symbol]
        index = int(series.session[row])
        open_at = self._timeline.sessions[index].open_at

        def made(path: SessionPath, seconds: int) -> DayBars:
            return session_bars(
                path,
                seconds,
                open_at=open_at,
                session=index,
                quality=float(series.quality[row]),
            )

        def passing() -> SessionPath:
            # Not kept: the history of one symbol would push out all sessions that run.
            return self._paths.known((symbol, row)) or self._simulated(symbol, row)

        def half_hours() -> DayBars:
            minutes = self._minutes.known((symbol, row))
            if minutes is not None:
                return coarser(minutes, HALF_HOUR, open_at)
            return made(passing(), HALF_HOUR)

        if width < 60:
            return made(self.path(symbol, row), width)
        if width >= HALF_HOUR:
            finer = self._half_hours.get((symbol, row), half_hours)
            return finer if width == HALF_HOUR else coarser(finer, width, open_at)
        finer = self._minutes.get((symbol, row), lambda: made(passing(), 60))
        return finer if width == 60 else coarser(finer, width, open_at)

    def _simulated(self, symbol: str, row: int) -> SessionPath:
        series = self._series[symbol]
        session = self._timeline.sessions[int(series.session[row])]
        return simulate(
            series.day_bar(row),
            session.seconds,
            seed=self._seed,
            symbol=symbol,
            day=session.day.isoformat(),
        )
