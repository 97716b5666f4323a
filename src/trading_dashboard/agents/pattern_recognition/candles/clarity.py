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
from trading_dashboard.agents.pattern_recognition.candles.kinds import Clear

LONGEST_SPAN = 7
"""A modified hikkake confirmed three bars later."""
WINDOW = 11
"""Rows a strength is computed from."""
_AVERAGED = 10


def shapes(opened: Floats, high: Floats, low: Floats, close: Floats) -> NDArray[np.float32]:
    """Return the shape of each bar, float32, shape ``(3, n)``: one row for each `Clear`."""
    table = np.empty((len(Clear), len(opened)), np.float32)
    span = high - low
    body = np.abs(close - opened)
    upper = high - np.maximum(opened, close)
    lower = np.minimum(opened, close) - low
    np.divide(body, span, out=table[Clear.BODY], casting="same_kind")
    np.subtract(1, table[Clear.BODY], out=table[Clear.SMALL_BODY])
    np.divide(np.maximum(upper, lower), span, out=table[Clear.SHADOW], casting="same_kind")
    return table


def sizes(high: Floats, low: Floats) -> NDArray[np.float32]:
    """Return the size by span and last bar, float32, shape ``(LONGEST_SPAN + 1, n)``.

    Where fewer than ten bars are before, their mean is taken; of the very first bar its own range.
    """
    count = len(high)
    table = np.zeros((LONGEST_SPAN + 1, count), np.float32)
    if not count:
        return table
    expected = _mean_range_before(high - low)
    top, bottom = high, low
    for span in range(1, min(LONGEST_SPAN, count) + 1):
        if span > 1:
            top = np.maximum(top[1:], high[: count - span + 1])
            bottom = np.minimum(bottom[1:], low[: count - span + 1])
        part = (top - bottom) / (expected[span - 1 :] * (2 * np.sqrt(span)))
        np.minimum(part, 1, out=table[span, span - 1 :], casting="same_kind")
    return table


def _mean_range_before(ranges: Floats) -> Floats:
    """Return the mean of the ten ranges before each bar, shape ``(n,)``."""
    count = len(ranges)
    padded = np.concatenate((np.zeros(_AVERAGED), ranges))
    pairs = padded[1:] + padded[:-1]
    fours = pairs[2:] + pairs[:-2]
    eights = fours[4:] + fours[:-4]
    sums = eights[:count] + pairs[_AVERAGED - 2 : _AVERAGED - 2 + count]
    sums[0] = ranges[0]
    divisor = np.full(count, float(_AVERAGED))
    early = min(count, _AVERAGED)
    divisor[:early] = np.maximum(np.arange(early), 1)
    return np.asarray(sums / divisor)
