"""Bars closed lately, kept so that a late tick can amend them.

Owns sorted runs of rows that are merged as they grow, so that adding one costs little however many
there are. A row added again replaces the one before it.
"""

from __future__ import annotations

import numpy as np

from trading_dashboard.agents.market_data.aggregation.rows import ROW, Rows
from trading_dashboard.agents.market_data.records import MICROSECONDS, Flags, Integers

_SLOT_BITS = 23
_SECOND_BITS = 40
MAX_SLOTS = 1 << _SLOT_BITS
"""Symbols times intervals that a key has room for."""


class RecentRows:
    """Closed bars; the oldest are dropped beyond `max_rows`."""

    def __init__(self, intervals: int, max_rows: int) -> None:
        self._intervals = intervals
        self._max_rows = max_rows
        self._runs: list[tuple[Integers, Rows]] = []
        self.forgotten_until: int = np.iinfo(np.int64).min
        """Bars that end by then may have been dropped for want of room."""

    def __len__(self) -> int:
        return sum(len(keys) for keys, _ in self._runs)

    def add(self, rows: Rows, oldest: Integers) -> None:
        """Add closed bars. What ends by `oldest` (int64, by symbol) is dropped in passing."""
        if not len(rows):
            return
        self._runs.append(_newest_by_key(_keys(rows), rows))
        while len(self._runs) > 1 and len(self._runs[-2][0]) <= 2 * len(self._runs[-1][0]):
            self._merge_last(oldest)

    def find(self, rows: Rows) -> tuple[Rows, Flags]:
        """Return for each bar what is known of it, and whether anything is."""
        found = np.zeros(len(rows), dtype=ROW)
        is_found = np.zeros(len(rows), dtype=np.bool_)
        wanted = _keys(rows)
        for keys, known in reversed(self._runs):
            at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            is_here = (keys[at] == wanted) & ~is_found
            if is_here.any():
                found[is_here] = known.take(at[is_here])
                is_found |= is_here
        return found, is_found

    def _merge_last(self, oldest: Integers) -> None:
        newer = self._runs.pop()
        older = self._runs.pop()
        keys = np.concatenate((older[0], newer[0]))
        rows = np.concatenate((older[1], newer[1]))
        is_young = rows["end"] > oldest[rows["slot"] // self._intervals]
        keys, rows = _newest_by_key(keys[is_young], rows.take(np.flatnonzero(is_young)))
        excess = len(rows) - self._max_rows
        if excess > 0:
            last = int(np.partition(rows["end"], excess - 1)[excess - 1])
            self.forgotten_until = max(self.forgotten_until, last)
            is_kept = rows["end"] > last
            keys, rows = keys[is_kept], rows.take(np.flatnonzero(is_kept))
        if len(keys):
            self._runs.append((keys, rows))


def _keys(rows: Rows) -> Integers:
    keys: Integers = (rows["slot"] << _SECOND_BITS) | (rows["begin"] // MICROSECONDS)
    return keys


def _newest_by_key(keys: Integers, rows: Rows) -> tuple[Integers, Rows]:
    """Return keys and rows by key; of equal keys the last one given."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    is_last = np.ones(len(keys), dtype=np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=is_last[:-1])
    return keys[is_last], rows.take(order[is_last])
