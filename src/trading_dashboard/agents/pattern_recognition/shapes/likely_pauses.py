"""Poles of a series, and when their pauses are worth a look: what a `PoleWatch` would look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Floats
from trading_dashboard.agents.pattern_recognition.shapes.flags import Pole, find_pole, is_topped
from trading_dashboard.agents.pattern_recognition.shapes.points import Flags, Numbers
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.track import oldest_at
from trading_dashboard.agents.pattern_recognition.shapes.turning import Turns
from trading_dashboard.agents.pattern_recognition.shapes.whole import Whole


@dataclass(slots=True)
class Watched:
    """A pole, the bars at which it is looked at, and the last one it is watched at."""

    pole: Pole
    bars: list[int]
    last: int


def find_poles(tips: Turns, whole: Whole, settings: ShapeSettings) -> Iterator[Watched]:
    """Yield the poles that are watched, in the order they are known.

    Args:
        tips: Turning points that may end a pole.
        whole: The series.
        settings: Thresholds.
    """
    watched: list[Watched] = []
    for number in _steep_ones(tips, whole, settings):
        top = tips.pivots(number, 1)[0]
        watched = [one for one in watched if one.last >= top.known_at]
        if is_topped(top, [one.pole for one in watched]):
            continue
        pole = find_pole(top, whole, settings)
        if pole is not None:
            watched.append(_watched(pole, whole, settings))
            yield watched[-1]


def _steep_ones(tips: Turns, whole: Whole, settings: ShapeSettings) -> list[int]:
    """Return the numbers of turning points that end a move far and steep enough."""
    is_high = (np.arange(len(tips)) + tips.is_high) % 2 == 1
    risen = _risen(np.flatnonzero(is_high), 1, whole.all_low, tips, whole, settings)
    fallen = _risen(np.flatnonzero(~is_high), -1, -whole.all_high, tips, whole, settings)
    steep: list[int] = np.sort(np.concatenate((risen, fallen))).tolist()
    return steep


def _risen(
    number: Numbers, sign: int, lows: Floats, tips: Turns, whole: Whole, settings: ShapeSettings
) -> Numbers:
    """Return those whose move is up. A move down is one of prices turned over: `sign` is -1."""
    at, known = np.array(tips.at, np.intp)[number], np.array(tips.known, np.intp)[number]
    price = sign * np.array(tips.price)[number]
    count = settings.pole_max_bars
    is_far = (
        price - _lowest(lows, count)[at] >= settings.pole_atr * _lowest(whole.all_atrs, count)[at]
    )
    number, at, known, price = number[is_far], at[is_far], known[is_far], price[is_far]
    bar = at - 1 - np.arange(count)[:, np.newaxis]
    before = np.where(bar < oldest_at(known), np.inf, lows[np.maximum(bar, 0)])
    # The nearest of equal ones, as the recogniser takes it.
    length = 1 + before.argmin(axis=0)
    atr, height = whole.all_atrs[at - length], price - before.min(axis=0)
    is_steep = (height >= settings.pole_atr * atr) & (height >= settings.pole_speed * atr * length)
    steep: Numbers = number[is_steep]
    return steep


def _lowest(values: Floats, count: int) -> Floats:
    """Return the lowest of up to `count` values before each and its own, shape ``(n,)``."""
    found, width = values.copy(), 1
    while width <= count:
        step = min(width, count + 1 - width)
        found[step:] = np.minimum(found[step:], found[:-step])
        width += step
    return found


def _watched(pole: Pole, whole: Whole, settings: ShapeSettings) -> Watched:
    first, sign, most = pole.top.bar, pole.sign, settings.flag_max_bars
    known = int(np.searchsorted(whole.bars, pole.top.known_at))
    bars = whole.bars[known : known + most + 2]
    length = bars - first
    margin = settings.breakout_atr * whole.all_atrs[bars]
    is_over = sign * (whole.all_close[bars] - pole.top.price) > margin
    stop = _first(is_over | (length > most))
    if sign > 0:
        deepest = pole.top.price - np.minimum.accumulate(whole.all_low[first : first + most + 1])
    else:
        deepest = np.maximum.accumulate(whole.all_high[first : first + most + 1]) - pole.top.price
    # What gave back too much does not un-give it.
    shallow = _first(deepest / (settings.flag_depth * pole.height) > 1)
    start, end = np.searchsorted(length[:stop], (settings.flag_min_bars, shallow))
    last = int(bars[stop]) if stop < len(bars) else len(whole)
    looked_at: list[int] = bars[start:end].tolist()
    return Watched(pole, looked_at, last)


def _first(flags: Flags) -> int:
    """Return the place of the first true one, how many there are if none is."""
    place = int(flags.argmax())
    return place if flags[place] else len(flags)
