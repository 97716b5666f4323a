"""A whole series as columns made at once: the same numbers a `Track` makes bar by bar.

Each number comes from the same operations in the same order, so it is equal to the last bit.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.bars import Bars, Floats
from trading_dashboard.agents.pattern_recognition.shapes.track import ATR_BARS, Column, Columns

Places = NDArray[np.intp]


class Whole(Columns):
    """All bars of a series, as recognisers read them and as arrays to search.

    Attributes:
        all_high, all_low, all_close, all_atrs: The columns, float64, shape ``(n,)``.
        bars: Numbers of the bars at which patterns are looked for, shape ``(m,)``: sound ones of
            which the ATR is known and not 0.
    """

    __slots__ = (
        *("all_atrs", "all_close", "all_high", "all_low"),
        *("bars", "largest", "looked_at", "looked_highs", "looked_lows"),
    )

    def __init__(self, bars: Bars) -> None:
        super().__init__()
        is_sound = bars.is_sound
        high, low, close = bars.high, bars.low, bars.close
        if is_sound.all():
            atrs = _atrs(high, low, close)
        else:
            sound = np.flatnonzero(is_sound)
            high, low, close, atrs = _filled(high, low, close, sound)
        self.all_high, self.all_low, self.all_close, self.all_atrs = high, low, close, atrs
        self.bars = np.flatnonzero(is_sound & (atrs > 0))
        self.looked_at: list[int] = self.bars.tolist()
        self.looked_highs: list[float] = high[self.bars].tolist()
        self.looked_lows: list[float] = low[self.bars].tolist()
        self.largest = max(float(high.max()), -float(low.min())) if len(high) else 0.0
        self.high, self.low, self.close = _column(high), _column(low), _column(close)
        self.atrs = _column(atrs)
        is_known = (bars.volume > 0) & (bars.volume < np.inf)
        self.volume = _column(np.where(is_known, bars.volume, 0.0))

    def __len__(self) -> int:
        return len(self.all_close)


def _column(values: Floats) -> Column:
    return array("d", values.tobytes())


def _atrs(high: Floats, low: Floats, close: Floats) -> Floats:
    """Return the ATR after each sound bar, 0 until 14 were seen."""
    ranges = high - low
    before = close[:-1]
    np.subtract(np.maximum(before, high[1:]), np.minimum(before, low[1:]), out=ranges[1:])
    extents = ranges.tolist()
    if len(extents) < ATR_BARS:
        return np.zeros(len(extents))
    total = 0.0
    for extent in extents[:ATR_BARS]:
        total += extent
    atr = total / ATR_BARS
    atrs = [0.0] * (ATR_BARS - 1)
    atrs.append(atr)
    # The longest loop of all but one: a comprehension has no call for each bar.
    atrs += [atr := atr + (extent - atr) / ATR_BARS for extent in extents[ATR_BARS:]]
    return np.frombuffer(array("d", atrs))


def _filled(
    high: Floats, low: Floats, close: Floats, sound: Places
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the columns with the close before in gap rows; at the start the first close."""
    count = len(high)
    if not len(sound):
        return (np.zeros(count),) * 4
    # Of each row the number of sound ones up to it, less one: where it gets its close from.
    place = np.searchsorted(sound, np.arange(count), "right") - 1
    own_high, own_low, own_close = high[sound], low[sound], close[sound]
    atrs = _atrs(own_high, own_low, own_close)
    filled = own_close[np.maximum(place, 0)]
    high, low = filled.copy(), filled.copy()
    high[sound], low[sound] = own_high, own_low
    return high, low, filled, np.where(place < 0, 0.0, atrs[np.maximum(place, 0)])
