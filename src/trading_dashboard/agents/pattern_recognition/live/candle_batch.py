"""Candlestick patterns at the newest bar of many series, in one pass.

Owns putting windows of many series into one, with a gap between them, so that each of TA-Lib's
functions is called once and not once for each series. A pattern never spans a gap, so each series
gets what it would get alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.candles.detector import (
    CANDLE_LOOKBACK,
    detect_candles,
    latest_candles,
)
from trading_dashboard.agents.pattern_recognition.candles.exact import MEMORY_ROWS
from trading_dashboard.agents.pattern_recognition.detections import CandleHits

WINDOW = MEMORY_ROWS
"""Rows without a gap that are enough; a series that has a gap among them is looked at alone."""

Hit = tuple[int, int, int, float]
"""Pattern, span, direction, strength."""


def latest_of(series: Sequence[Bars]) -> list[list[Hit]]:
    """Return the hits at the last bar of each series, exactly as `latest_candles` finds them."""
    found: list[list[Hit]] = [[] for _ in series]
    together: list[int] = []
    for place, bars in enumerate(series):
        count = len(bars)
        if count >= WINDOW and _is_sound(bars, count - WINDOW):
            together.append(place)
        elif count:
            window = bars.between(max(count - CANDLE_LOOKBACK, 0), count)
            found[place] = _hits(latest_candles(window))
    if len(together) == 1:
        bars = series[together[0]]
        found[together[0]] = _hits(latest_candles(bars.between(len(bars) - WINDOW, len(bars))))
    elif together:
        for place, hits in zip(together, _at_once([series[it] for it in together]), strict=True):
            found[place] = hits
    return found


def _is_sound(bars: Bars, first: int) -> bool:
    total = bars.open[first:] + bars.high[first:] + bars.low[first:] + bars.close[first:]
    return math.isfinite(float(total.sum()))


def _at_once(series: Sequence[Bars]) -> list[list[Hit]]:
    """Return the hits at the last bar of each of several series."""
    width = WINDOW + 1
    columns = np.full((5, len(series), width), np.nan)
    for place, bars in enumerate(series):
        columns[0, place, 1:] = bars.open[-WINDOW:]
        columns[1, place, 1:] = bars.high[-WINDOW:]
        columns[2, place, 1:] = bars.low[-WINDOW:]
        columns[3, place, 1:] = bars.close[-WINDOW:]
    flat = columns.reshape(5, -1)
    time = np.arange(flat.shape[1], dtype=np.int64)
    hits = detect_candles(Bars(time, *flat))
    is_last = hits.bar % width == WINDOW
    found: list[list[Hit]] = [[] for _ in series]
    owners = (hits.bar[is_last] // width).tolist()
    rows = zip(
        hits.pattern[is_last].tolist(),
        hits.span[is_last].tolist(),
        hits.direction[is_last].tolist(),
        hits.strength[is_last].tolist(),
        strict=True,
    )
    for owner, row in zip(owners, rows, strict=True):
        found[owner].append(row)
    return found


def _hits(hits: CandleHits) -> list[Hit]:
    return list(
        zip(
            hits.pattern.tolist(),
            hits.span.tolist(),
            hits.direction.tolist(),
            hits.strength.tolist(),
            strict=True,
        )
    )
