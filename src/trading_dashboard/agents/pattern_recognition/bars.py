"""A series of bars as columns: what every detector, indicator and statistic of the agent reads.

Owns the columns and what makes them usable. It does not know where they are from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Closed bars, oldest first. All columns have shape ``(n,)``.

    A row whose prices are not finite is a gap: it keeps its place and its number, and detectors
    pass over it.

    Attributes:
        time: Opening times, microseconds since 1970 UTC, int64, strictly growing.
        open, high, low, close: Prices, float64.
        volume: Shares or coins, float64, not negative where finite.
    """

    time: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.time)

    @property
    def is_sound(self) -> NDArray[np.bool_]:
        """Which rows have four finite prices, shape ``(n,)``."""
        total = self.open + self.high + self.low + self.close
        return np.asarray(np.isfinite(total))

    def prefix(self, length: int) -> Self:
        """Return the first `length` bars, without copying."""
        return self.between(0, length)

    def between(self, start: int, stop: int) -> Self:
        """Return bars `start` to `stop` (exclusive), without copying."""
        part = slice(start, stop)
        return type(self)(
            self.time[part],
            self.open[part],
            self.high[part],
            self.low[part],
            self.close[part],
            self.volume[part],
        )

    def moment(self, index: int) -> datetime:
        """Return the opening time of one bar."""
        return datetime.fromtimestamp(int(self.time[index]) / MICROSECONDS, UTC)

    @classmethod
    def empty(cls) -> Self:
        """Return no bars at all."""
        none = np.empty(0)
        return cls(np.empty(0, np.int64), none, none, none, none, none)
