"""Bull and bear flags and pennants: a pole, then a small pause that gives back little of it.

A pole ends at a confirmed pivot. From then on each bar is looked at anew: the highest highs and
lowest lows of the first and last two fifths of the pause give its two lines, so a flag's lines
follow it until it breaks out, and are told as they were when it did.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from typing import Any

from trading_dashboard.agents.pattern_recognition.detections import Line, Pivot
from trading_dashboard.agents.pattern_recognition.shapes.candidate import Candidate, fit_of
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.sums import added
from trading_dashboard.agents.pattern_recognition.shapes.track import Column, Columns, oldest_at

LAST = 2
"""Newest bars left out when a pause is measured: a breakout may have begun."""


@dataclass(frozen=True, slots=True)
class Pole:
    """A steep move from `foot` to `top`; `sign` is 1 if it rose."""

    foot: Pivot
    top: Pivot
    sign: int
    height: float


class PoleWatch:
    """The poles whose pause may still become a flag."""

    __slots__ = ("poles", "settings")

    def __init__(self, settings: ShapeSettings) -> None:
        self.settings = settings
        self.poles: list[Pole] = []

    def see(self, top: Pivot, columns: Columns) -> None:
        """Take a new pivot: it may be the end of a pole."""
        if is_topped(top, self.poles):
            return
        pole = find_pole(top, columns, self.settings)
        if pole is not None:
            self.poles.append(pole)

    def push(self, columns: Columns, bar: int) -> list[Candidate]:
        """Return what the pauses look like at the close of a bar; forget those that are over."""
        if not self.poles:
            return []
        found, kept = [], []
        for pole in self.poles:
            length = bar - pole.top.bar
            if length > self.settings.flag_max_bars or is_beaten(pole, columns, self.settings, bar):
                continue
            kept.append(pole)
            if length >= self.settings.flag_min_bars:
                candidate = find_pause(pole, columns, self.settings, bar)
                if candidate is not None:
                    found.append(candidate)
        self.poles = kept
        return found

    def snapshot(self) -> list[Any]:
        """Return the poles, to be written as JSON."""
        return [
            [[p.bar, p.price, p.is_high, p.known_at] for p in (pole.foot, pole.top)]
            + [pole.sign, pole.height]
            for pole in self.poles
        ]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        self.poles = [
            Pole(Pivot(*foot), Pivot(*top), sign, height) for foot, top, sign, height in state
        ]


def is_topped(top: Pivot, poles: Iterable[Pole]) -> bool:
    """Return whether a pole that is watched ends as far, or farther."""
    side = 1 if top.is_high else -1
    return any(pole.sign == side and side * (pole.top.price - top.price) >= 0 for pole in poles)


def find_pole(top: Pivot, columns: Columns, settings: ShapeSettings) -> Pole | None:
    """Return the pole that ends at a pivot, if one does."""
    first = max(top.bar - settings.pole_max_bars, oldest_at(top.known_at), 0)
    if first >= top.bar:
        return None
    sign = 1 if top.is_high else -1
    prices = columns.lows(first, top.bar) if sign > 0 else columns.highs(first, top.bar)
    price = min(prices) if sign > 0 else max(prices)
    # Of equal feet the last: the pole is the steep part.
    bar = top.bar - 1 - prices[::-1].index(price)
    atr = columns.atr_at(bar)
    height = sign * (top.price - price)
    is_steep = height >= settings.pole_atr * atr and height >= settings.pole_speed * atr * (
        top.bar - bar
    )
    if atr <= 0 or not is_steep:
        return None
    return Pole(Pivot(bar, price, sign < 0, top.known_at), top, sign, height)


def is_beaten(pole: Pole, columns: Columns, settings: ShapeSettings, bar: int) -> bool:
    """Return whether a close passed the pole's end: the move goes on, without a pause."""
    margin = settings.breakout_atr * columns.atr_at(bar)
    return pole.sign * (columns.close_at(bar) - pole.top.price) > margin


def find_pause(pole: Pole, columns: Columns, settings: ShapeSettings, bar: int) -> Candidate | None:
    """Return what a pole's pause looks like at the close of a bar; None if it is no pattern."""
    first = pole.top.bar
    highs, lows = columns.highs(first, bar + 1), columns.lows(first, bar + 1)
    deepest = pole.top.price - min(lows) if pole.sign > 0 else max(highs) - pole.top.price
    gives_back = deepest / (settings.flag_depth * pole.height)
    if gives_back > 1:
        return None
    upper, lower = _line(highs, first, "upper"), _line(lows, first, "lower")
    at_start = upper.start_price - lower.start_price
    at_end = upper.end_price - lower.end_price
    width = max(at_start, at_end)
    if width <= 0 or width > settings.flag_width * pole.height:
        return None
    drift = (upper.end_price + lower.end_price - upper.start_price - lower.start_price) / 2
    with_pole = pole.sign * drift / width
    if with_pole < -settings.flag_slope_against:
        return None
    closes = columns.closes(first, bar + 1)
    if _swings(closes, settings.flag_swing) < settings.flag_swings:
        return None
    name = _name(pole.sign, _narrowing(closes[:-LAST]), with_pole, settings)
    if name is None:
        return None
    over = _overshoot(highs, upper, lows, lower) / (settings.flag_tolerance * width)
    if over > 1:
        return None
    return _candidate(name, pole, upper, lower, fit_of(over, gives_back), settings)


def _line(prices: Column, first: int, role: str) -> Line:
    """Return the line through the extremes of its two ends, over the whole pause."""
    count = len(prices)
    part = count * 2 // 5
    pick = max if role == "upper" else min
    sooner, later = pick(prices[:part]), pick(prices[-part:])
    start = prices.index(sooner, 0, part)
    end = prices.index(later, count - part)
    slope = (later - sooner) / (end - start)
    at_first = sooner - slope * start
    return Line(role, first, at_first, first + count - 1, at_first + slope * (count - 1))


def _name(sign: int, ratio: float, drift: float, settings: ShapeSettings) -> str | None:
    """`ratio` is as `_narrowing` says, `drift` is with the pole, in widths."""
    side = "bull" if sign > 0 else "bear"
    if ratio <= settings.pennant_ratio:
        return f"{side}_pennant"
    is_flag = ratio <= settings.flag_ratio
    return f"{side}_flag" if is_flag and drift <= settings.flag_slope else None


def _swings(closes: Column, share: float) -> int:
    """Return how often closes turned by a share of their whole range: a leg alone has none."""
    reach = share * (max(closes) - min(closes))
    turns, side = 0, 0
    highest = lowest = closes[0]
    for close in closes:
        if close > highest:
            highest = close
        elif close < lowest:
            lowest = close
        if side >= 0 and highest - close >= reach:
            turns, side, lowest = turns + 1, -1, close
        elif side <= 0 and close - lowest >= reach:
            turns, side, highest = turns + 1, 1, close
        elif side < 0 and close == lowest:
            highest = close
        elif side > 0 and close == highest:
            lowest = close
    return turns


def _narrowing(closes: Column) -> float:
    """Return how far closes are off their straight line, last two fifths over first two."""
    count = len(closes)
    mean, runs = added(closes) / count, _runs(count)
    slope = added(map(mul, runs, closes)) / (count * (count * count - 1) / 12)
    off = [close - mean - slope * run for close, run in zip(closes, runs, strict=True)]
    squares = list(map(mul, off, off))
    # Halves are steadier, the ends tell more: the geometric mean of both.
    ratio = 1.0
    for part in (count // 2, count * 2 // 5):
        sooner = added(squares[:part])
        ratio *= added(squares[count - part :]) / sooner if sooner > 0 else 1.0
    return math.sqrt(math.sqrt(ratio))


@lru_cache
def _runs(count: int) -> tuple[float, ...]:
    """Return how far each of so many bars is from their middle."""
    return tuple(place - (count - 1) / 2 for place in range(count))


def _overshoot(highs: Column, upper: Line, lows: Column, lower: Line) -> float:
    """Return the farthest a bar of the middle reaches over the lines."""
    run = len(highs) - 1
    top, climb = upper.start_price, (upper.end_price - upper.start_price) / run
    bottom, lift = lower.start_price, (lower.end_price - lower.start_price) / run
    above = [high - (top + climb * place) for place, high in enumerate(highs)]
    below = [bottom + lift * place - low for place, low in enumerate(lows)]
    return max(0.0, *above, *below)


def _candidate(
    name: str,
    pole: Pole,
    upper: Line,
    lower: Line,
    fit: float,
    settings: ShapeSettings,
) -> Candidate:
    foot, top = pole.foot, pole.top
    return Candidate(
        pattern=name,
        direction=pole.sign,
        pivots=(foot, top),
        lines=(Line("pole", foot.bar, foot.price, top.bar, top.price), upper, lower),
        above=upper,
        below=lower,
        height=pole.height,
        fit=fit,
        touches=6,
        expires=top.bar + settings.flag_max_bars,
        follows=True,
    )
