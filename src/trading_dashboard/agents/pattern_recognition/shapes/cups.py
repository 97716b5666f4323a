"""Cup and handle and inverse: two rims, a round bottom between them, a small give-back after.

Written for the cup; the inverse is the same of prices turned over (`sign` -1).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Floats
from trading_dashboard.agents.pattern_recognition.detections import Line, Pivot
from trading_dashboard.agents.pattern_recognition.shapes.candidate import Candidate, fit_of, level
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.sums import added_all
from trading_dashboard.agents.pattern_recognition.shapes.track import Column, Columns, oldest_at


def find_cup(
    pivots: Sequence[Pivot], columns: Columns, settings: ShapeSettings, bar: int
) -> Candidate | None:
    """Return the cup whose right rim is the newest pivot, if there is one."""
    right = pivots[-1]
    sign = 1 if right.is_high else -1
    place = _left_rim(pivots, sign, settings)
    if place is None or place == 0:
        return None
    left, between = pivots[place], pivots[place + 1 : -1]
    span = right.bar - left.bar
    bottom = min(between, key=lambda pivot: sign * pivot.price)
    rim = min(sign * left.price, sign * right.price)
    depth = rim - sign * bottom.price
    is_cup = (
        settings.cup_min_bars <= span <= settings.cup_max_bars
        and depth >= settings.min_height_atr * columns.atr_at(bar)
        and sign * (left.price - pivots[place - 1].price) >= settings.cup_trend * depth
    )
    if not is_cup or left.bar < oldest_at(bar):
        return None
    misfit = _misfit(columns.closes(left.bar, right.bar + 1), sign, depth, settings)
    if misfit is None:
        return None
    return _candidate(left, bottom, right, sign, depth, misfit, settings, bar)


def _left_rim(pivots: Sequence[Pivot], sign: int, settings: ShapeSettings) -> int | None:
    """Return the newest pivot about as high as the last, with nothing as high between them."""
    right = sign * pivots[-1].price
    lowest = right
    for place in range(len(pivots) - 2, -1, -1):
        price = sign * pivots[place].price
        if price < lowest:
            lowest = price
        elif price > right - settings.cup_rim_spread * (right - lowest):
            fits = price < right + settings.cup_rim_spread * (right - lowest)
            return place if fits else None
    return None


def _misfit(closes: Column, sign: int, depth: float, settings: ShapeSettings) -> float | None:
    """Return how far closes are off a parabola, in what is tolerated; None if it is no bowl."""
    prices = sign * np.frombuffer(closes)
    count = len(prices)
    lowest = prices.min()
    third = lowest + (prices.max() - lowest) / 3
    if np.count_nonzero(prices <= third) < settings.cup_round * count:
        return None
    bowl = _bowl(count)
    # Numbers so large that they overflow are no bowl.
    with np.errstate(all="ignore"):
        prices /= depth
        prices -= added_all(prices) / count
        bend = added_all(bowl.bends * prices) / bowl.bend
        if not bend > 0:
            return None
        tilt = added_all(bowl.runs * prices) / bowl.tilt
        prices -= tilt * bowl.runs + bend * bowl.bends
        misfit = float(np.sqrt(added_all(prices * prices) / count)) / settings.cup_misfit
    return misfit if misfit <= 1 else None


class _Bowl(NamedTuple):
    """What a parabola of so many bars is fitted with: two columns, and their sums of squares."""

    runs: Floats
    bends: Floats
    tilt: float
    bend: float


@lru_cache(maxsize=512)
def _bowl(count: int) -> _Bowl:
    runs = (np.arange(count, dtype=np.float64) - (count - 1) / 2) / (count / 2)
    squares = runs * runs
    bends = squares - added_all(squares) / count
    return _Bowl(runs, bends, added_all(squares), added_all(bends * bends))


def _candidate(
    left: Pivot,
    bottom: Pivot,
    right: Pivot,
    sign: int,
    depth: float,
    misfit: float,
    settings: ShapeSettings,
    bar: int,
) -> Candidate:
    span = right.bar - left.bar
    rim = max(sign * left.price, sign * right.price) * sign
    limit = right.price - sign * settings.handle_depth * depth
    breakout = level("level", left.bar, bar, rim)
    wrong = level("level", right.bar, bar, limit)
    apart = abs(left.price - right.price) / (settings.cup_rim_spread * depth)
    return Candidate(
        pattern="cup_and_handle" if sign > 0 else "inverse_cup_and_handle",
        direction=sign,
        pivots=(left, bottom, right),
        lines=(
            breakout,
            Line("cup", left.bar, left.price, bottom.bar, bottom.price),
            Line("cup", bottom.bar, bottom.price, right.bar, right.price),
        ),
        above=breakout if sign > 0 else wrong,
        below=wrong if sign > 0 else breakout,
        height=depth,
        fit=fit_of(misfit, apart),
        touches=5,
        expires=right.bar + int(settings.handle_share * span),
        earliest=right.bar + settings.handle_min_bars,
        stop=limit,
    )
