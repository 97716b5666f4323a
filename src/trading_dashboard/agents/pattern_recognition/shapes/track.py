"""What the engine remembers of a series: the newest closed bars as plain columns, and their ATR.

Arrays of the standard library, since bars come one by one and are read one by one. Positions are
bar numbers; old bars are dropped in blocks, so memory is bounded.
"""

from __future__ import annotations

import math
from array import array
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.shapes.sums import added

MAX_LOOKBACK = 512
"""No pattern starts further back than this, whatever its settings."""
SPARE = 128
"""Old bars are dropped so many at once."""
ATR_BARS = 14
"""Average true range over 14 bars, smoothed as Wilder does (New Concepts, 1978, ch. 3)."""
COLUMN_NAMES = ("high", "low", "close", "volume", "atrs")

Column: TypeAlias = "array[float]"
Bar = TypeVar("Bar", int, NDArray[np.intp])
"""The number of a bar, or of many."""


class Columns:
    """Bars as recognisers read them. A gap row stands there as the close before it."""

    __slots__ = ("atrs", "base", "close", "high", "low", "volume")

    def __init__(self) -> None:
        self.base = 0
        """Number of the first bar kept."""
        self.high = array("d")
        self.low = array("d")
        self.close = array("d")
        self.volume = array("d")
        self.atrs = array("d")

    def highs(self, first: int, stop: int) -> Column:
        """Return highs of bars `first` to `stop`, exclusive."""
        return self.high[first - self.base : stop - self.base]

    def lows(self, first: int, stop: int) -> Column:
        """Return lows of bars `first` to `stop`, exclusive."""
        return self.low[first - self.base : stop - self.base]

    def closes(self, first: int, stop: int) -> Column:
        """Return closes of bars `first` to `stop`, exclusive."""
        return self.close[first - self.base : stop - self.base]

    def close_at(self, bar: int) -> float:
        """Return the close of a bar."""
        return self.close[bar - self.base]

    def atr_at(self, bar: int) -> float:
        """Return the ATR as it was at the close of a bar; 0 until 14 were seen."""
        return self.atrs[bar - self.base]

    def volume_ratio(self, bar: int, length: int) -> float | None:
        """Return a bar's volume over the average of those before it; None where unknown."""
        place = bar - self.base
        known = [volume for volume in self.volume[max(place - length, 0) : place] if volume > 0]
        if not known or self.volume[place] <= 0:
            return None
        return self.volume[place] * len(known) / added(known)


def oldest_at(bar: Bar) -> Bar:
    """Return the first bar that may be read at the close of `bar`, if there is one of that number.

    So a series is read in the same way whether all of it is remembered or what a restart left.
    """
    return bar + 1 - MAX_LOOKBACK


class Track(Columns):
    """Columns of the newest bars, growing at the end and forgetting at the beginning."""

    __slots__ = ("_ranges", "atr", "seen")

    def __init__(self) -> None:
        super().__init__()
        self.atr = 0.0
        """Of the newest sound bar; 0 until 14 were seen."""
        self.seen = 0
        """Sound bars so far."""
        self._ranges = 0.0

    @property
    def stop(self) -> int:
        """The number the next bar will have."""
        return self.base + len(self.close)

    def push(self, row: tuple[float, float, float, float, float]) -> bool:
        """Append a bar; return whether it is sound."""
        opened, high, low, close, volume = row
        is_sound = math.isfinite(opened + high + low + close)
        if is_sound:
            if not self.seen:
                self._fill(close)
            self._measure(high, low)
            self.seen += 1
        else:
            high = low = close = self.close[-1] if self.close else 0.0
        self.high.append(high)
        self.low.append(low)
        self.close.append(close)
        self.volume.append(volume if 0.0 < volume < math.inf else 0.0)
        self.atrs.append(self.atr)
        if len(self.close) >= MAX_LOOKBACK + SPARE:
            self._drop(SPARE)
        return is_sound

    def _fill(self, price: float) -> None:
        """Let gap rows before the first sound bar stand there as its close."""
        for column in (self.high, self.low, self.close):
            column[:] = array("d", [price]) * len(column)

    def _measure(self, high: float, low: float) -> None:
        if self.seen:
            before = self.close[-1]
            extent = (max(before, high)) - (min(before, low))
        else:
            extent = high - low
        if self.seen < ATR_BARS:
            self._ranges += extent
            if self.seen == ATR_BARS - 1:
                self.atr = self._ranges / ATR_BARS
        else:
            self.atr += (extent - self.atr) / ATR_BARS

    def _drop(self, count: int) -> None:
        for column in (self.high, self.low, self.close, self.volume, self.atrs):
            del column[:count]
        self.base += count

    def snapshot(self) -> dict[str, Any]:
        """Return all that may still be read, to be written as JSON."""
        spare = max(len(self.close) - MAX_LOOKBACK, 0)
        state: dict[str, Any] = {
            name: getattr(self, name)[spare:].tolist() for name in COLUMN_NAMES
        }
        numbers = {"atr": self.atr, "seen": self.seen, "ranges": self._ranges}
        return state | numbers | {"base": self.base + spare}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        for name in COLUMN_NAMES:
            setattr(self, name, array("d", state[name]))
        self.atr, self.seen, self._ranges = state["atr"], state["seen"], state["ranges"]
        self.base = state["base"]
