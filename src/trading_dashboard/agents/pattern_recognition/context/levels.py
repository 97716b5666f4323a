"""Support and resistance: prices at which a market turned more than once.

Turning points are confirmed fractals (Williams, Trading Chaos, 1995): a high above those of
`pivot_bars` bars on each side, known only when the last of these has closed. Points near each
other make a level, whether highs or lows: support that gives way becomes resistance (Murphy,
Technical Analysis of the Financial Markets, 1999, chapter 4). That turns cluster at such prices is
measured by Osler (Support for resistance, FRBNY Economic Policy Review, July 2000).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.bars import Bars, Floats
from trading_dashboard.agents.pattern_recognition.context.recent import average_true_range, recent
from trading_dashboard.agents.pattern_recognition.context.settings import LevelSettings

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Level:
    """One level, as known at the last bar.

    Attributes:
        price: Mean of its turning points, newer ones weighing more.
        low, high: Its lowest and highest turning point.
        kind: Support below the last close, resistance above it.
        touches: How many turning points.
        last_touch: Bar of the newest one.
        strength: 0 to 1, from the number and age of the touches.
        distance_atr: From the last close, in average true ranges; negative below it.
    """

    price: float
    low: float
    high: float
    kind: Literal["support", "resistance"]
    touches: int
    last_touch: int
    strength: float
    distance_atr: float


def price_levels(bars: Bars, settings: LevelSettings) -> list[Level]:
    """Return levels at the close of the last bar, lowest first.

    Empty where there are too few bars for an average true range, or nothing moved.
    """
    used, row = recent(bars, settings.bars_needed)
    atr = average_true_range(used, settings.atr_bars)
    if not atr:
        return []
    at, price = _turning_points(used, settings.pivot_bars)
    weights = 0.5 ** ((len(used) - 1 - at) / settings.half_life_bars)
    close = float(used.close[-1])
    levels = [
        _level(at[part], price[part], weights[part], row, close, atr, settings)
        for part in _clusters(price, settings.width_atr * atr)
        if part.stop - part.start >= settings.least_touches
    ]
    strongest = sorted(levels, key=lambda level: (-level.strength, level.price))
    return sorted(strongest[: settings.most_levels], key=lambda level: level.price)


def _level(
    at: Numbers, price: Floats, weights: Floats, row: Numbers, close: float, atr: float,
    settings: LevelSettings,
) -> Level:  # fmt: skip
    weight = float(weights.sum())
    # Rounding may carry a mean of equal prices beyond them.
    middle = min(max(float(price @ weights / weight), float(price[0])), float(price[-1]))
    return Level(
        price=middle,
        low=float(price[0]),
        high=float(price[-1]),
        kind="support" if middle <= close else "resistance",
        touches=len(at),
        last_touch=int(row[at.max()]),
        strength=weight / (weight + settings.half_strength_touches),
        distance_atr=(middle - close) / atr,
    )


def _turning_points(used: Bars, width: int) -> tuple[Numbers, Floats]:
    """Return bars and prices of confirmed highs and lows, sorted by price, then bar."""
    highs, lows = _peaks(used.high, width), _peaks(-used.low, width)
    at = np.concatenate((highs, lows))
    price = np.concatenate((used.high[highs], used.low[lows]))
    order = np.lexsort((at, price))
    return at[order], price[order]


def _peaks(values: Floats, width: int) -> Numbers:
    """Return where a value is the highest of its window; of equal ones the first."""
    if len(values) < 2 * width + 1:
        return np.empty(0, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(values, 2 * width + 1)
    return np.flatnonzero(windows.argmax(axis=1) == width) + width


def _clusters(price: Floats, width: float) -> list[slice]:
    """Return runs of sorted prices no wider than `width`, densest first taken.

    Where runs overlap the one with more points wins, of equal ones the narrower, then the lower:
    a level is not cut in two by where counting began.
    """
    stops = np.searchsorted(price, price + width, side="right")
    ranked = sorted(
        range(len(price)),
        key=lambda i: (i - int(stops[i]), float(price[stops[i] - 1] - price[i]), i),
    )
    is_taken = np.zeros(len(price), np.bool_)
    found = []
    for start in ranked:
        if is_taken[start]:
            continue
        stop = int(stops[start])
        beyond = np.flatnonzero(is_taken[start:stop])
        # A denser run has its top already; what is below that stays together.
        part = slice(start, start + int(beyond[0]) if len(beyond) else stop)
        is_taken[part] = True
        found.append(part)
    return found
