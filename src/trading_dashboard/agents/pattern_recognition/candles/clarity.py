"""How clear a candlestick pattern is: the strength of a hit.

    strength = grade · (shape + size) / 2

*grade* is TA-Lib's: 1, or 0.8 for an engulfing or harami with one equal end; of a hikkake 0.5 at
first and 1 once confirmed. *shape* (0 to 1) is the feature of the last bar that makes the pattern:
its body, its longest shadow, or 1 less the body, as a share of its range. *size* is the range of
the bars the pattern spans over the range to be expected of them, halved and at most 1: the mean
range of the ten bars before the last, times the square root of the span, as ranges of a random
walk grow (Feller 1951). So 0.5 is an ordinary size and 1 is twice that.

Every number is a function of at most `WINDOW` rows and summed in one fixed order: the same to the
last bit wherever the series starts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.bars import Floats
from trading_dashboard.agents.pattern_recognition.candles.exact import SUMMED, SoundRows
from trading_dashboard.agents.pattern_recognition.candles.kinds import Clear

Indices = NDArray[np.intp]

LONGEST_SPAN = 7
"""A modified hikkake confirmed three bars later."""
WINDOW = SUMMED + 1
"""Rows a strength is computed from."""
_COUNTS = np.arange(SUMMED)
_GROWTH = 1 / np.sqrt(np.maximum(np.arange(LONGEST_SPAN + 1), 1))
"""By span."""


def shapes_of(rows: SoundRows, bar: Indices, clear: Indices) -> Floats:
    """Return the shapes of patterns, float64, shape ``(k,)``.

    Args:
        rows: Rows that have a candle.
        bar: Last bar of each, shape ``(k,)``.
        clear: What makes each clear, numbers of `Clear`, shape ``(k,)``.
    """
    table = np.empty((len(Clear), len(rows)))
    body, small_body, shadow = table
    top, bottom = np.maximum(rows.open, rows.close), np.minimum(rows.open, rows.close)
    np.subtract(top, bottom, out=body)
    body /= rows.ranges
    np.subtract(1, body, out=small_body)
    np.maximum(rows.high - top, bottom - rows.low, out=shadow)
    shadow /= rows.ranges
    return table.ravel().take(clear * len(rows) + bar)


def sizes_of(rows: SoundRows, bar: Indices, span: Indices) -> Floats:
    """Return the sizes of patterns, float64, shape ``(k,)``.

    Where fewer than ten bars are before, their mean is what is to be expected.

    Args:
        rows: Rows that have a candle.
        bar: Last bar of each, shape ``(k,)``.
        span: How many bars each spans, shape ``(k,)``.
    """
    spreads = np.empty((LONGEST_SPAN, len(rows)))
    spreads[0] = rows.ranges
    # The highest high and the highest negative low at once: less of the one is more of the other.
    ends = reach = np.stack((rows.high, -rows.low))
    for back in range(1, min(LONGEST_SPAN, len(rows))):
        reach = np.maximum(reach[:, 1:], ends[:, :-back])
        np.add(reach[0], reach[1], out=spreads[back, back:])
    found = spreads.ravel().take((span - 1) * len(rows) + bar)
    found *= (0.5 / _mean_range_before(rows)).take(bar)
    found *= _GROWTH.take(span)
    return np.minimum(found, 1, out=found)


def _mean_range_before(rows: SoundRows) -> Floats:
    """Return the mean of the ten ranges before each bar, shape ``(n,)``."""
    mean: Floats = rows.sums_before / SUMMED
    early = min(len(rows), SUMMED)
    mean[1:early] = rows.sums_before[1:early] / _COUNTS[1:early]
    mean[0] = rows.ranges[0]
    return mean
