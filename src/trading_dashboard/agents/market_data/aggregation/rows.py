"""Bars under way as rows of one array: what ticks add up to, and how two parts of a bar merge.

Owns the shape of the running state. A row's open is of its earliest tick and its close of its
latest one, by the source's time and then by arrival: the order of batches does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.market_data.aggregation.grid import Bounds
from trading_dashboard.agents.market_data.records import Floats, Indices, Integers

NEVER = np.iinfo(np.int64).min

ROW = np.dtype(
    [
        ("slot", np.int64),  # symbol times intervals, plus interval
        ("begin", np.int64),
        ("end", np.int64),
        ("label", np.int64),
        ("first_at", np.int64),
        ("last_at", np.int64),
        ("open", np.float64),
        ("high", np.float64),
        ("low", np.float64),
        ("close", np.float64),
        ("volume", np.float64),
        ("count", np.int64),  # ticks in it
        ("late", np.int64),  # of these, those that came after its end had passed
        ("closed", np.bool_),
        ("whole", np.bool_),  # watched since its beginning
    ],
    align=True,
)
Rows = NDArray[np.void]
"""An array of `ROW`."""

_OPAQUE = np.dtype((np.void, ROW.itemsize))


@dataclass(frozen=True, slots=True)
class RowParts:
    """Stretches of one symbol that no bar divides, by symbol and then time; each array is [n]."""

    symbol: Integers
    at: Integers
    session: Integers
    first_at: Integers
    last_at: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    count: Integers


def empty(count: int) -> Rows:
    """Return rows without a bar."""
    rows = np.zeros(count, dtype=ROW)
    rows["begin"] = NEVER
    rows["slot"] = np.arange(count)
    return rows


def put(state: Rows, rows: Rows) -> None:
    """Write rows over those of their slots."""
    # As opaque items: numpy copies structured ones field by field, twenty times slower.
    state.view(_OPAQUE)[rows["slot"]] = rows.view(_OPAQUE)


def revisions(rows: Rows) -> Indices:
    """Return int32[n]: how often each bar was amended since it first appeared closed.

    A bar of late ticks alone appears with the first of them, which amends nothing.
    """
    revision: Indices = np.minimum(rows["late"], rows["count"] - 1).astype(np.int32)
    return revision


def combined(parts: RowParts, bounds: Bounds) -> tuple[Rows, Integers]:
    """Return one row per interval, symbol and bar, in that order, and which row took each part.

    The second is int64[intervals, n].
    """
    intervals, n = bounds.begin.shape
    begin = bounds.begin.ravel()
    slot = (parts.symbol * intervals + np.arange(intervals)[:, None]).ravel()
    is_first = np.ones(len(slot), dtype=np.bool_)
    np.not_equal(slot[1:], slot[:-1], out=is_first[1:])
    is_first[1:] |= begin[1:] != begin[:-1]
    firsts = np.flatnonzero(is_first)
    lasts = np.append(firsts[1:], len(slot)) - 1
    rows = np.empty(len(firsts), dtype=ROW)
    rows["slot"], rows["begin"] = slot[firsts], begin[firsts]
    rows["end"] = bounds.end.ravel()[firsts]
    rows["label"] = bounds.label.ravel()[firsts]
    rows["first_at"], rows["open"] = parts.first_at[firsts % n], parts.open[firsts % n]
    rows["last_at"], rows["close"] = parts.last_at[lasts % n], parts.close[lasts % n]
    for name, fold in _FOLDS:
        values: NDArray[Any] = np.tile(getattr(parts, name), intervals)
        rows[name] = values if len(firsts) == len(slot) else fold.reduceat(values, firsts)
    rows["late"], rows["closed"], rows["whole"] = 0, False, False
    taken_by = np.cumsum(is_first).reshape(intervals, n) - 1
    return rows, taken_by


def merge(rows: Rows, known: Rows) -> None:
    """Add to each of `rows` what was known of the same bar before and arrived earlier."""
    opens_earlier = known["first_at"] <= rows["first_at"]
    closes_later = known["last_at"] > rows["last_at"]
    rows["open"] = np.where(opens_earlier, known["open"], rows["open"])
    rows["close"] = np.where(closes_later, known["close"], rows["close"])
    rows["first_at"] = np.minimum(known["first_at"], rows["first_at"])
    rows["last_at"] = np.maximum(known["last_at"], rows["last_at"])
    rows["high"] = np.maximum(known["high"], rows["high"])
    rows["low"] = np.minimum(known["low"], rows["low"])
    rows["volume"] += known["volume"]
    rows["count"] += known["count"]
    rows["late"] += known["late"]


def merge_at(rows: Rows, where: Integers, known: Rows) -> None:
    """Merge into some of the rows only."""
    merged = rows.take(where)
    merge(merged, known)
    rows.view(_OPAQUE)[where] = merged.view(_OPAQUE)


_FOLDS: tuple[tuple[str, np.ufunc], ...] = (
    ("high", np.maximum),
    ("low", np.minimum),
    ("volume", np.add),
    ("count", np.add),
)
