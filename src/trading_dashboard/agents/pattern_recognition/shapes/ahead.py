"""When an open detection may next change, looked for in a whole series.

Between that bar and now each bar would leave it as it is.
"""

from __future__ import annotations

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Floats
from trading_dashboard.agents.pattern_recognition.detections import Line
from trading_dashboard.agents.pattern_recognition.shapes.life import Living
from trading_dashboard.agents.pattern_recognition.shapes.points import Flags
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.whole import Whole


class Ahead:
    """Looks ahead in one series."""

    def __init__(self, whole: Whole, settings: ShapeSettings) -> None:
        self._close, self._high, self._low = whole.all_close, whole.all_high, whole.all_low
        self._margin = settings.breakout_atr * whole.all_atrs
        self._bar = np.arange(len(whole), dtype=np.float64)

    def next_change(self, living: Living, bar: int) -> int:
        """Return the first bar after `bar` that may change a detection."""
        if living.is_forming:
            if living.candidate.follows:
                return bar + 1
            return self._leaves(living, bar + 1)
        return self._ends(living, bar + 1)

    def _leaves(self, living: Living, first: int) -> int:
        stop = living.expires
        if stop <= first:
            return first
        part = slice(first, stop)
        close, margin = self._close[part], self._margin[part]
        above = self._line(living.candidate.above, part)
        below = self._line(living.candidate.below, part)
        return _first((close > above + margin) | (close < below - margin), first, stop)

    def _line(self, line: Line, part: slice) -> Floats | float:
        """Return a line's prices, computed as `Line.at` does; of a level one number."""
        if line.start_price == line.end_price or line.start == line.end:
            return line.start_price
        slope = (line.end_price - line.start_price) / (line.end - line.start)
        return line.start_price + slope * (self._bar[part] - line.start)

    def _ends(self, living: Living, first: int) -> int:
        stop = living.expires
        if stop <= first:
            return first
        part, detection = slice(first, stop), living.detection
        if detection.direction > 0:
            is_over = self._close[part] < detection.invalidation
            is_over |= self._high[part] >= detection.target
        else:
            is_over = self._close[part] > detection.invalidation
            is_over |= self._low[part] <= detection.target
        return _first(is_over, first, stop)


def _first(flags: Flags, first: int, stop: int) -> int:
    if not len(flags):
        return stop
    place = int(flags.argmax())
    return first + place if flags[place] else stop
