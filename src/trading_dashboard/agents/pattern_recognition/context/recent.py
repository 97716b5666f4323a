"""The newest bars a statistic reads: sound ones only, and always the same number of them."""

from __future__ import annotations

import numpy as np
import talib
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.bars import Bars


def recent(bars: Bars, count: int) -> tuple[Bars, NDArray[np.int64]]:
    """Return the last `count` sound bars, fewer if there are fewer, and their numbers in `bars`.

    What is computed from these alone does not depend on how much history was loaded.
    """
    row = np.flatnonzero(bars.is_sound)[-count:]
    part = Bars(
        bars.time[row], bars.open[row], bars.high[row], bars.low[row], bars.close[row],
        bars.volume[row],
    )  # fmt: skip
    return part, row


def average_true_range(bars: Bars, period: int) -> float | None:
    """Return Wilder's average true range at the last bar; None with fewer than `period` + 1."""
    if len(bars) <= period:
        return None
    return float(talib.ATR(bars.high, bars.low, bars.close, period)[-1])
