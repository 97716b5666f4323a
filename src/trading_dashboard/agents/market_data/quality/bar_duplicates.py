"""Several rows for the same bar: which of them is kept, if any.

Owns the choice. Identical rows are one row. A closed bar replaces a forming one, a later revision
an earlier one. Rows that contradict each other are settled by the bars around them if only one
fits; otherwise none is believed, because the wrong one would be served half of the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading_dashboard.agents.market_data.quality.bar_settings import BarSettings
from trading_dashboard.agents.market_data.records import Bars, Floats, Integers

_VALUES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Unique:
    """Rows by their index in the batch.

    Attributes:
        kept: Sorted by start, each start once.
        misfits: Contradicted by another row that fits its neighbours while they do not.
        conflicting: Contradict each other.
        superseded: How many were identical to one kept, or replaced by it.
    """

    kept: Integers
    misfits: Integers
    conflicting: Integers
    superseded: int


def unique_rows(bars: Bars, rows: Integers, settings: BarSettings) -> Unique:
    """Return which of some sound rows are kept."""
    start, closed, revision = bars.start[rows], bars.closed[rows], bars.revision[rows]
    order = np.lexsort((rows, -revision.astype(np.int64), ~closed, start))
    rows, start = rows[order], start[order]
    is_first = np.ones(len(rows), dtype=np.bool_)
    is_first[1:] = start[1:] != start[:-1]
    if is_first.all():
        return Unique(rows, rows[:0], rows[:0], 0)
    firsts = rows[is_first]
    head = np.repeat(firsts, np.diff(np.flatnonzero(is_first), append=len(rows)))
    is_equal = (bars.closed[rows] == bars.closed[head]) & (
        bars.revision[rows] == bars.revision[head]
    )
    differs = np.zeros(len(rows), dtype=np.bool_)
    for name in _VALUES:
        column = getattr(bars, name)
        differs |= column[rows] != column[head]
    contested = np.unique(start[is_equal & differs])
    is_contested = np.isin(start, contested) & is_equal
    kept = rows[is_first & ~is_contested]
    contenders = rows[is_contested]
    winners, misfits, conflicting = _settled(bars, kept, contenders, settings)
    gone = len(rows) - len(kept) - len(winners) - len(misfits) - len(conflicting)
    kept = np.concatenate((kept, winners))
    return Unique(kept[np.argsort(bars.start[kept])], misfits, conflicting, gone)


def _settled(
    bars: Bars, kept: Integers, contenders: Integers, settings: BarSettings
) -> tuple[Integers, Integers, Integers]:
    """Return winners, misfits and those that stay contested."""
    if not len(contenders):
        return contenders, contenders, contenders
    fits = _fits(bars, kept, contenders, settings)
    start = bars.start[contenders]
    won: list[int] = []
    lost: list[int] = []
    open_: list[int] = []
    for one in np.unique(start).tolist():
        group = contenders[start == one]
        fitting = group[fits[start == one]]
        same = {tuple(float(getattr(bars, name)[row]) for name in _VALUES) for row in fitting}
        if len(same) == 1:
            won.append(int(fitting[0]))
            lost.extend(int(row) for row in group if row not in fitting)
        else:
            open_.extend(int(row) for row in group)
    return _indices(won), _indices(lost), _indices(open_)


def _fits(bars: Bars, kept: Integers, rows: Integers, settings: BarSettings) -> np.ndarray:
    """Return bool[n]: whether open and close are near the closes before and after."""
    if len(kept) < 2:
        return np.zeros(len(rows), dtype=np.bool_)
    close: Floats = np.log(bars.close[kept])
    limit = max(
        settings.jump_factor * float(np.median(np.abs(np.diff(close)))),
        settings.jump_floor_minute,
    )
    place = np.searchsorted(bars.start[kept], bars.start[rows])
    before = close[np.maximum(place - 1, 0)]
    after = close[np.minimum(place, len(close) - 1)]
    near = np.ones(len(rows), dtype=np.bool_)
    for column in (bars.open, bars.close):
        price = np.log(column[rows])
        near &= np.minimum(np.abs(price - before), np.abs(price - after)) <= limit
    return near


def _indices(rows: list[int]) -> Integers:
    return np.array(rows, dtype=np.int64)
