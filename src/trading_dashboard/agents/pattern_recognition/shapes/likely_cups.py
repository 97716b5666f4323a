"""Where a series may have a cup, asked of all its turning points at once."""

from __future__ import annotations

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Floats
from trading_dashboard.agents.pattern_recognition.shapes.pivots import KEPT
from trading_dashboard.agents.pattern_recognition.shapes.points import Flags, Numbers, Points
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.track import oldest_at
from trading_dashboard.agents.pattern_recognition.shapes.whole import Whole


def may_be_cups(points: Points, whole: Whole, settings: ShapeSettings) -> dict[int, int]:
    """Return points that may be the right rim of a cup, and how many pivots are looked at then."""
    count = len(points)
    back = np.arange(KEPT)[:, np.newaxis]
    side = np.where(points.is_high, 1.0, -1.0)
    at = np.maximum(np.arange(count) - back, 0)
    price = (points.price[0] * side)[at] * side
    price[back > points.place] = -np.inf
    lowest = np.minimum.accumulate(price, axis=0)
    right = price[0]
    reach = settings.cup_rim_spread * (right - lowest[:-1])
    left = 1 + np.argmax(price[1:] > right - reach, axis=0)
    column = np.arange(count)
    rim, bottom = price[left, column], lowest[left - 1, column]
    before = price[np.minimum(left + 1, KEPT - 1), column]
    first = points.bar[0][at[left, column]]
    depth = np.minimum(rim, right) - bottom
    span = points.bar[0] - first
    is_cup = (
        (left + 1 < np.minimum(points.place + 1, KEPT))
        & (rim > right - reach[left - 1, column])
        & (rim < right + reach[left - 1, column])
        & (span >= settings.cup_min_bars)
        & (span <= settings.cup_max_bars)
        & (depth >= settings.min_height_atr * points.atr - points.room)
        & (rim - before >= settings.cup_trend * depth - points.room)
        & (first >= oldest_at(points.known))
    )
    found = np.flatnonzero(is_cup)
    if len(found):
        found = found[_are_round(whole, first[found], span[found] + 1, side[found], settings)]
    return dict(zip(found.tolist(), (left[found] + 2).tolist(), strict=True))


def _are_round(
    whole: Whole, first: Numbers, length: Numbers, side: Floats, settings: ShapeSettings
) -> Flags:
    """Return of which stretches enough closes lie in the lowest third."""
    starts = np.cumsum(length) - length
    owner = np.repeat(np.arange(len(first)), length)
    closes = whole.all_close[np.arange(len(owner)) + (first - starts)[owner]] * side[owner]
    lowest = np.minimum.reduceat(closes, starts)
    third = lowest + (np.maximum.reduceat(closes, starts) - lowest) / 3
    low = np.add.reduceat((closes <= third[owner]).astype(np.intp), starts)
    return np.asarray(low >= settings.cup_round * length)
