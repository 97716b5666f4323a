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

import math

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.bars import Floats
from trading_dashboard.agents.pattern_recognition.candles.kinds import Clear

Numbers = NDArray[np.int32] | NDArray[np.int64]

LONGEST_SPAN = 7
"""A modified hikkake confirmed three bars later."""
WINDOW = 11
"""Rows a strength is computed from."""
_AVERAGED = 10
_SHORT = 3
"""Spans common enough to compute for every bar."""


def shapes(opened: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
    """Return the shape of each bar, float64, shape ``(3, n)``: one row for each `Clear`."""
    table = np.empty((len(Clear), len(opened)))
    body, small_body, shadow = table
    span = high - low
    np.abs(close - opened, out=body)
    body /= span
    np.subtract(1, body, out=small_body)
    np.maximum(opened, close, out=shadow)
    np.maximum(high - shadow, np.minimum(opened, close) - low, out=shadow)
    shadow /= span
    return table


def sizes_of(bar: Numbers, span: NDArray[np.int16], high: Floats, low: Floats) -> Floats:
    """Return the sizes of patterns, float64, shape ``(k,)``.

    Where fewer than ten bars are before, their mean is what is to be expected.

    Args:
        bar: Last bar of each, shape ``(k,)``.
        span: How many bars each spans, shape ``(k,)``.
        high: Prices, shape ``(n,)``.
        low: Prices, shape ``(n,)``.
    """
    if not len(bar):
        return np.empty(0)
    scale = 0.5 / _mean_range_before(high - low)
    found = _short_sizes(high, low, scale).ravel().take(
        np.minimum(span - 1, _SHORT - 1) * np.intp(len(high)) + bar
    )  # fmt: skip
    longer = np.flatnonzero(span > _SHORT)
    if len(longer):
        last, bars = bar[longer], span[longer]
        top, bottom = high[last], low[last]
        for back in range(1, LONGEST_SPAN):
            # Of shorter ones the first bar is looked at again, which changes nothing.
            at = last - np.minimum(back, bars - 1)
            top, bottom = np.maximum(top, high[at]), np.minimum(bottom, low[at])
        found[longer] = (top - bottom) * scale[last] / np.sqrt(bars)
    return np.minimum(found, 1, out=found)


def _short_sizes(high: Floats, low: Floats, scale: Floats) -> Floats:
    """Return the sizes of 1, 2 and 3 bars, shape ``(3, n)``, not capped; 0 before they end."""
    table = np.zeros((_SHORT, len(high)))
    top, bottom = high, low
    for back in range(min(_SHORT, len(high))):
        if back:
            top = np.maximum(top[1:], high[:-back])
            bottom = np.minimum(bottom[1:], low[:-back])
        np.multiply(top - bottom, scale[back:] / math.sqrt(back + 1), out=table[back, back:])
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
