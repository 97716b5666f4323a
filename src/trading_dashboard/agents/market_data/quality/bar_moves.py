"""How much a series moves from bar to bar, net of splits and dividends, and how much is usual.

Owns the arithmetic that `bar_outliers` and `splits` judge by. Everything is a log return.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trading_dashboard.agents.market_data.quality.bar_grid import Cadence, day_of
from trading_dashboard.agents.market_data.quality.bar_settings import BarSettings
from trading_dashboard.agents.market_data.records import (
    MICROSECONDS,
    Bars,
    CorporateEvent,
    Floats,
    Integers,
)
from trading_dashboard.agents.market_data.sessions import Sessions

_WINDOW = 64
_LEAST = 10
_CUT = 4.0
"""A move counts at most as so many median ones in what is usual."""
_HOUR_US = 3600 * MICROSECONDS


@dataclass(frozen=True, slots=True)
class Moves:
    """A series of n bars, as logarithms.

    Attributes:
        close: float64[n].
        before: float64[n], the close before each bar, as seen after the actions in between; NaN
            for the first bar if nothing is known of the one before.
        usual: float64[n], the mean absolute move of the bars before each.
        limit: float64[n], the largest move that is no jump.
        day: int64[n], session dates.
        day_before: int64[n], that of the bar before.
    """

    close: Floats
    before: Floats
    usual: Floats
    limit: Floats
    day: Integers
    day_before: Integers

    @property
    def move(self) -> Floats:
        """Return float64[n], signed; NaN where there is none."""
        return self.close - self.before


def moves_of(
    bars: Bars,
    cadence: Cadence,
    sessions: Sessions | None,
    actions: Sequence[CorporateEvent],
    previous_close: float | None,
    settings: BarSettings,
) -> Moves:
    """Return the moves of bars that are sound, sorted and each there once."""
    close = np.log(bars.close)
    day = day_of(bars.start, cadence, sessions)
    before, day_before = np.empty_like(close), np.empty_like(day)
    before[1:], day_before[1:] = close[:-1], day[:-1]
    before[:1] = math.nan
    if previous_close is not None and previous_close > 0:
        before[:1] = math.log(previous_close)
    day_before[:1] = day[:1] - 1
    for event in actions:
        place = int(np.searchsorted(day, event.ex_day))
        if place < len(day) and day_before[place] < event.ex_day:
            before[place] += _effect(event, before[place])
    usual = _usual(np.abs(close - before))
    floor = _floor(cadence, settings)
    limit = np.maximum(floor, settings.jump_factor * usual)
    return Moves(close, before, usual, limit, day, day_before)


def _effect(event: CorporateEvent, before: float) -> float:
    """Return what an action does to the logarithm of the close before it."""
    if event.ratio is not None:
        return -math.log(event.ratio)
    share = (event.amount or 0.0) / math.exp(before) if math.isfinite(before) else 0.0
    return math.log1p(-share) if share < 1 else 0.0


def _usual(moves: Floats) -> Floats:
    """Return the mean absolute move of up to 64 bars before each; at first that of all."""
    known = np.isfinite(moves)
    count = int(known.sum())
    if count < _LEAST:
        return np.zeros(len(moves))
    median = float(np.median(moves[known]))
    cut = np.where(known, np.minimum(moves, _CUT * median), 0.0)
    sums = np.concatenate(([0.0], np.cumsum(cut)))
    counts = np.concatenate(([0], np.cumsum(known)))
    last = np.arange(len(moves))
    first = np.maximum(last - _WINDOW, 0)
    within = counts[last] - counts[first]
    mean = (sums[last] - sums[first]) / np.maximum(within, 1)
    usual: Floats = np.where(within >= _LEAST, mean, cut.sum() / count)
    return usual


def _floor(cadence: Cadence, settings: BarSettings) -> float:
    if cadence.kind in {"day", "week", "month"}:
        return settings.jump_floor_day
    if cadence.width >= _HOUR_US or cadence.kind == "event":
        return settings.jump_floor_hour
    return settings.jump_floor_minute
