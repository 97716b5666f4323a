"""Candlestick patterns at the newest bar of many series, in one pass.

Owns putting the newest rows of many series one after the other, so that each of TA-Lib's functions
is called once and not once for each series. A series takes part if its rows are sound and its sums
exact whatever is before them: what TA-Lib still holds of another series has then left without a
trace before the newest row. The others are looked at alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trading_dashboard.agents.pattern_recognition.candles.detector import (
    ALL_CANDLES,
    CANDLE_LOOKBACK,
    latest_candles,
)
from trading_dashboard.agents.pattern_recognition.candles.exact import (
    DECIDING_ROWS,
    MEMORY_ROWS,
    can_be_stacked,
    stacked,
)
from trading_dashboard.agents.pattern_recognition.candles.finding import find
from trading_dashboard.agents.pattern_recognition.detections import CandleHits
from trading_dashboard.agents.pattern_recognition.live.series import LiveSeries

Hit = tuple[int, int, int, float]
"""Pattern, span, direction, strength."""


def latest_of(series: Sequence[LiveSeries]) -> list[list[Hit]]:
    """Return the hits at the last bar of each series, exactly as `latest_candles` finds them."""
    found: list[list[Hit]] = [[] for _ in series]
    together = _together(series, found)
    for place, one in enumerate(series):
        if place not in together and len(one):
            window = one.bars.between(max(len(one) - CANDLE_LOOKBACK, 0), len(one))
            found[place] = _rows(latest_candles(window))
    return found


def _together(series: Sequence[LiveSeries], found: list[list[Hit]]) -> set[int]:
    """Find the hits of all series that can be looked at together; return their places."""
    long = [place for place, one in enumerate(series) if len(one) >= MEMORY_ROWS]
    if not long:
        return set()
    prices = np.stack([series[place].newest(MEMORY_ROWS) for place in long], axis=1)
    can_be = can_be_stacked(prices)
    places = np.array(long)[can_be].tolist()
    if places:
        hits = find(stacked(prices[:, can_be]), ALL_CANDLES)
        owner, row = np.divmod(hits.bar, DECIDING_ROWS)
        at = np.flatnonzero(row == DECIDING_ROWS - 1)
        for number, hit in zip(owner[at].tolist(), _rows(hits, at), strict=True):
            found[places[number]].append(hit)
    return set(places)


def _rows(hits: CandleHits, at: slice | np.ndarray = slice(None)) -> list[Hit]:
    columns = (hits.pattern, hits.span, hits.direction, hits.strength)
    return list(zip(*(column[at].tolist() for column in columns), strict=True))
