"""What a sorted part is known by: a digest of its content, and where its series are.

Owns both while rows pass by in batches of any size; the result does not depend on their size.
"""

from __future__ import annotations

import zlib

import numpy as np

from trading_dashboard.agents.market_data.store.parts import Index
from trading_dashboard.agents.market_data.store.reading import Arrays
from trading_dashboard.agents.market_data.store.schema import Kind


class PartDigest:
    """Adds up a part that passes by in its order."""

    def __init__(self, kind: Kind) -> None:
        self.rows = 0
        self.max_seq = 0
        self._kind = kind
        self._sums = dict.fromkeys(kind.columns, 0)
        self._series: list[list[int]] = []
        """Of each series: number, first, last, rows, position."""

    def add(self, rows: Arrays) -> None:
        """Add the next rows."""
        count = len(rows["series"])
        if not count:
            return
        for name in self._kind.columns:
            # The sum of columns one after the other: quick, the same on all systems.
            self._sums[name] = zlib.crc32(np.ascontiguousarray(rows[name]).data, self._sums[name])
        self.max_seq = max(self.max_seq, int(rows["seq"].max()))
        self._add_series(rows["series"], rows[self._kind.time])
        self.rows += count

    def text(self) -> str:
        """Return the digest."""
        return "".join(f"{value:08x}" for value in self._sums.values())

    def index(self) -> Index:
        """Return where the series are."""
        table = np.array(self._series, np.int64).reshape(-1, 5)
        return Index(*(table[:, column].copy() for column in range(5)))

    def _add_series(self, series: np.ndarray, times: np.ndarray) -> None:
        begins = np.flatnonzero(np.append(True, series[1:] != series[:-1]))
        ends = np.append(begins[1:], len(series)) - 1
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            number, first, last = int(series[begin]), int(times[begin]), int(times[end])
            rows = end - begin + 1
            if self._series and self._series[-1][0] == number:
                self._series[-1][2] = last
                self._series[-1][3] += rows
            else:
                self._series.append([number, first, last, rows, self.rows + begin])
