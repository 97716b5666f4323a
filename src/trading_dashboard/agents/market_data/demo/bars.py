"""Bars of the replay: the arrays they travel in, and how they are made of a session's path.

Owns resampling. Bars shorter than a day start at the session's open (10:30 for the second hour of
New York) and the last one ends with the session, however short. Weeks are ISO weeks and months
calendar months, of the sessions they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.market_data.aggregation.intervals import DAILY, SECONDS, group_keys
from trading_dashboard.agents.market_data.demo.path import Floats, Integers, SessionPath
from trading_dashboard.agents.market_data.market import Columns
from trading_dashboard.agents.market_data.records import MICROSECONDS

__all__ = [
    "DAILY",
    "DAY_SECONDS",
    "EMPTY",
    "SECONDS",
    "DayBars",
    "coarser",
    "concat",
    "group_days",
    "group_keys",
    "session_bars",
    "slice_bar",
]

DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class DayBars:
    """Bars as columns, oldest first.

    Attributes:
        start: int64[n], opening time in seconds since 1970 UTC.
        session: int64[n], index of the bar's last session.
        open, high, low, close: float64[n], dollars.
        volume: int64[n], shares.
        quality: float64[n], 0 to 100.
        closed: bool[n], False while forming.
    """

    start: Integers
    session: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Integers
    quality: Floats
    closed: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.start)

    def take(self, part: slice | NDArray[np.bool_]) -> DayBars:
        """Return some of the bars."""
        return DayBars(*(getattr(self, field.name)[part] for field in fields(self)))


def concat(parts: Sequence[DayBars]) -> DayBars:
    """Return all bars of the parts in their order."""
    if not parts:
        return EMPTY
    return DayBars(
        *(
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(DayBars)
        )
    )


def group_days(bars: DayBars, interval: str, next_day: int) -> DayBars:
    """Return daily bars grouped into `interval`.

    Args:
        bars: Daily bars without gaps in time; the last may be forming.
        interval: 1d, 1w or 1M.
        next_day: The session that follows the last bar, in days since 1970: it tells whether the
            last group is complete.
    """
    if interval == "1d" or not len(bars):
        return bars
    keys = group_keys(bars.start // DAY_SECONDS, interval)
    firsts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    lasts = np.append(firsts[1:], len(keys)) - 1
    closed = np.ones(len(firsts), dtype=np.bool_)
    following = int(group_keys(np.array([next_day], dtype=np.int64), interval)[0])
    closed[-1] = bool(bars.closed[-1]) and following != keys[-1]
    return DayBars(
        start=bars.start[firsts],
        session=bars.session[lasts],
        open=bars.open[firsts],
        high=np.maximum.reduceat(bars.high, firsts),
        low=np.minimum.reduceat(bars.low, firsts),
        close=bars.close[lasts],
        volume=np.add.reduceat(bars.volume, firsts),
        quality=np.minimum.reduceat(bars.quality, firsts),
        closed=closed,
    )


def session_bars(
    path: SessionPath, width: int, *, open_at: int, session: int, quality: float
) -> DayBars:
    """Return all bars of one complete session."""
    firsts = np.arange(0, len(path), width)
    lasts = np.append(firsts[1:], len(path)) - 1
    count = len(firsts)
    reached = path.traded[lasts]
    return DayBars(
        start=firsts + open_at,
        session=np.full(count, session, dtype=np.int64),
        open=path.price[firsts],
        high=np.maximum.reduceat(path.price, firsts),
        low=np.minimum.reduceat(path.price, firsts),
        close=path.price[lasts],
        volume=np.diff(reached, prepend=0),
        quality=np.full(count, quality),
        closed=np.ones(count, dtype=np.bool_),
    )


def coarser(bars: DayBars, width: int, open_at: int) -> DayBars:
    """Return the bars of one complete session merged to `width` seconds."""
    keys = (bars.start - open_at) // width
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    lasts = np.append(firsts[1:], len(keys)) - 1
    return DayBars(
        start=bars.start[firsts],
        session=bars.session[firsts],
        open=bars.open[firsts],
        high=np.maximum.reduceat(bars.high, firsts),
        low=np.minimum.reduceat(bars.low, firsts),
        close=bars.close[lasts],
        volume=np.add.reduceat(bars.volume, firsts),
        quality=bars.quality[firsts],
        closed=bars.closed[firsts],
    )


def slice_bar(path: SessionPath, first: int, last: int) -> tuple[float, float, float, float, int]:
    """Return open, high, low, close and volume of the seconds `first` to `last`, both included."""
    prices = path.price[first : last + 1]
    before = int(path.traded[first - 1]) if first else 0
    return (
        float(prices[0]),
        float(prices.max()),
        float(prices.min()),
        float(prices[-1]),
        int(path.traded[last]) - before,
    )


def as_columns(bars: DayBars, adjusted_close: Floats) -> Columns:
    """Return the columns of a `BarsAnswer`; a replayed bar is never amended."""
    return {
        "start": bars.start * MICROSECONDS,
        "open": bars.open,
        "high": bars.high,
        "low": bars.low,
        "close": bars.close,
        "volume": bars.volume,
        "adjusted_close": adjusted_close,
        "quality_score": bars.quality,
        "closed": bars.closed,
    }


EMPTY = DayBars(
    *(
        np.empty(0, dtype=kind)
        for kind in (np.int64, np.int64, *[np.float64] * 4, np.int64, np.float64, np.bool_)
    )
)
