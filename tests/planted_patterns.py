"""Series with one chart pattern drawn into a random walk, and how well a detector finds them.

A pattern is drawn as turning points joined by straight lines (a parabola for a cup), with its
place, lengths, slopes and proportions drawn at random, an approach before it and a breakout after
it. Then:

- the approach of triangles, rectangles and channels comes from 0.8 to 1.5 heights beyond the first
  line it touches, wedges are approached along their slope: an approach that begins on a line
  would be one more turning point of the pattern, for anyone who looks.
- **noise** is the standard deviation of each close off that path, as a share of the price (0.01 is
  1 % of the price, independent from bar to bar). Patterns are 16 to 32 % of the price tall (the
  poles of flags and pennants 30 to 45 %), so noise of 1 % is 3 to 6 % of their height. A bar opens
  near the close before it and reaches over both by about half the noise.
- around it is a geometric random walk whose bars move by the same standard deviation.
- volume falls through the pattern and is about double at the breakout.

Scores count **confirmed** detections only. One is about the planted pattern if at least half of
the bars it spans, from its first turning point to the bar that confirmed it, lie in the planted
stretch, from the first turning point to ten bars after the breakout. It is right if name and
direction are the planted ones, it shares half of the planted bars and is confirmed within ten bars
of the breakout. Recall is the share of series with a right one; precision the share of detections
about the pattern that are right: any other name is wrong, also where both could be defended, and
so is the right name too early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.detections import ShapeDetection

Knots = list[tuple[float, float]]
Floats = NDArray[np.float64]
DAY = 86_400_000_000
BASE = 100.0
LATE_BARS = 10
BEFORE, AFTER = (70, 110), (50, 80)
"""Bars of random walk on both sides."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A series and the pattern in it: from its first turning point to its breakout."""

    bars: Bars
    pattern: str
    direction: int
    first: int
    last: int

    def is_about(self, found: ShapeDetection) -> bool:
        """Return whether a confirmed detection is about the planted stretch."""
        if found.confirmed_at is None:
            return False
        shared = _shared(found, self.first, self.last + LATE_BARS)
        return 2 * shared >= found.confirmed_at - found.start + 1

    def is_right(self, found: ShapeDetection) -> bool:
        """Return whether a confirmed detection is the planted pattern."""
        if (found.pattern, found.direction) != (self.pattern, self.direction):
            return False
        if found.confirmed_at is None or abs(found.confirmed_at - self.last) > LATE_BARS:
            return False
        return 2 * _shared(found, self.first, self.last) >= self.last - self.first + 1


def _shared(found: ShapeDetection, first: int, last: int) -> int:
    stop = found.end if found.confirmed_at is None else found.confirmed_at
    return max(min(stop, last) - max(found.start, first) + 1, 0)


@dataclass(slots=True)
class Score:
    """Counts over many planted series."""

    planted: int = 0
    recalled: int = 0
    right: int = 0
    wrong: int = 0
    wrong_touching: int = 0
    """Wrong ones with any bar in the planted stretch, however few."""

    @property
    def recall(self) -> float:
        """Share of series whose pattern was found."""
        return self.recalled / self.planted

    @property
    def precision(self) -> float:
        """Share of detections about the planted stretch that are right; 1 if there is none."""
        about = self.right + self.wrong
        return self.right / about if about else 1.0

    def add(self, planted: Planted, found: Iterable[ShapeDetection]) -> None:
        """Count one series."""
        confirmed = [one for one in found if one.confirmed_at is not None]
        right = [one for one in confirmed if planted.is_right(one)]
        others = [one for one in confirmed if not planted.is_right(one)]
        self.planted += 1
        self.recalled += bool(right)
        self.right += len(right)
        self.wrong += sum(planted.is_about(one) for one in others)
        self.wrong_touching += sum(_shared(one, planted.first, planted.last) > 0 for one in others)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A path in heights; `first` and `last` as bars of it, `gap` the bar after one or -1."""

    path: Floats
    first: int
    last: int
    direction: int
    gap: int = -1
    height: tuple[float, float] = (0.16, 0.32)


def plant(pattern: str, seed: int, noise: float) -> Planted:
    """Return a series with one pattern in it; the same for the same arguments.

    Args:
        pattern: Id of the catalogue.
        seed: Of all that is random.
        noise: Share of the price, see the module.
    """
    source = np.random.default_rng([seed, sorted(DRAWINGS).index(pattern)])
    draw, sign = DRAWINGS[pattern]
    drawing = draw(source)
    height = source.uniform(*drawing.height) * BASE
    path = BASE + sign * height * (drawing.path - drawing.path[drawing.first])
    length_before, length_after = int(source.integers(*BEFORE)), int(source.integers(*AFTER))
    before = path[0] * np.exp(-np.cumsum(source.normal(0, noise, length_before))[::-1])
    after = path[-1] * np.exp(np.cumsum(source.normal(0, noise, length_after)))
    noisy = path + source.normal(0, noise * BASE, len(path))
    close = np.concatenate((before, noisy, after))
    stretch = length_before + drawing.first, length_before + drawing.last
    gap = length_before + drawing.gap if drawing.gap >= 0 else -1
    bars = _bars(close, noise, source, stretch, gap)
    return Planted(bars, pattern, sign * drawing.direction, *stretch)


def without_pattern(planted: Planted, seed: int, noise: float) -> Planted:
    """Return the same place in a random walk with nothing planted: the control arm."""
    source = np.random.default_rng(seed)
    close = BASE * np.exp(np.cumsum(source.normal(0, noise, len(planted.bars))))
    bars = _bars(close, noise, source, (planted.first, planted.last), -1)
    return Planted(bars, planted.pattern, planted.direction, planted.first, planted.last)


def _bars(
    close: Floats, noise: float, source: np.random.Generator, stretch: tuple[int, int], gap: int
) -> Bars:
    count = len(close)
    least = max(noise, 0.0005) * BASE
    opened = np.concatenate((close[:1], close[:-1])) + source.normal(0, 0.1 * least, count)
    if gap >= 0:
        opened[gap] = close[gap] - 0.1 * (close[gap] - close[gap - 1])
    high = np.maximum(opened, close) + abs(source.normal(0, 0.5 * least, count))
    low = np.minimum(opened, close) - abs(source.normal(0, 0.5 * least, count))
    volume = source.lognormal(12, 0.25, count)
    first, last = stretch
    volume[first:last] *= np.linspace(1.1, 0.7, last - first)
    volume[last - 1 : last + 2] *= 2.2
    return Bars(np.arange(count, dtype=np.int64) * DAY, opened, high, low, close, volume)


def _joined(knots: Knots) -> tuple[Floats, list[int]]:
    """Return straight lines through knots, each (bars after the one before, level)."""
    places = np.cumsum([round(length) for length, _ in knots])
    path = np.interp(np.arange(places[-1] + 1), places, [height for _, height in knots])
    return path, [int(place) for place in places]


def _crossing(path: Floats, start: int, stop: int, line: Callable[[float], float]) -> int:
    """Return the first bar of the last leg that is beyond a line on the side it ends on."""
    side = np.sign(path[stop] - line(stop))
    for bar in range(start + 1, stop + 1):
        if side * (path[bar] - line(bar)) > 0:
            return bar
    raise AssertionError("the drawing does not break out")


def _double(source: np.random.Generator) -> Drawing:
    leg = source.uniform(10, 22)
    legs = leg * source.uniform(0.8, 1.25, 4)
    second = 1 + source.uniform(-0.05, 0.05)
    knots = [(0, -source.uniform(0.6, 1.2)), (legs[0] * 1.5, 1), (legs[1], 0), (legs[2], second)]
    path, places = _joined([*knots, (legs[3] * 1.8, -0.9)])
    last = _crossing(path, places[3], places[4], lambda _: 0)
    return Drawing(path, places[1], last, -1)


def _triple(source: np.random.Generator) -> Drawing:
    legs = source.uniform(9, 18) * source.uniform(0.8, 1.25, 6)
    peaks = 1 + source.uniform(-0.05, 0.05, 3)
    other = source.uniform(0, 0.15)
    knots = [(0, -source.uniform(0.6, 1.2)), (legs[0] * 1.5, peaks[0]), (legs[1], 0)]
    knots += [(legs[2], peaks[1]), (legs[3], other), (legs[4], peaks[2]), (legs[5] * 1.8, -0.9)]
    path, places = _joined(knots)
    return Drawing(path, places[1], _crossing(path, places[5], places[6], lambda _: 0), -1)


def _shoulders(source: np.random.Generator) -> Drawing:
    legs = source.uniform(9, 18) * source.uniform(0.8, 1.25, 6)
    shoulder = source.uniform(0.5, 0.65)
    tilt = source.uniform(-0.1, 0.1)
    knots = [(0, -source.uniform(0.5, 1.0)), (legs[0] * 1.3, shoulder), (legs[1], 0)]
    knots += [(legs[2], 1), (legs[3], tilt), (legs[4], shoulder + source.uniform(-0.07, 0.07))]
    path, places = _joined([*knots, (legs[5] * 1.8, -0.9)])
    slope = tilt / (places[4] - places[2])
    last = _crossing(path, places[5], places[6], lambda bar: slope * (bar - places[2]))
    return Drawing(path, places[1], last, -1)


def _between(
    source: np.random.Generator,
    upper: tuple[float, float],
    lower: tuple[float, float],
    touches: int,
    breaks: int,
    approach: float,
) -> Drawing:
    """Draw a path between two lines, each from its level at the first touch to that at the last.

    Legs become shorter as the lines converge. It leaves on the side `breaks`, from the other line,
    and comes from `approach` heights beyond the first line it touches.
    """
    starts_high = (touches % 2 == 1) == (breaks < 0)
    ratio = (upper[1] - lower[1]) / (upper[0] - lower[0])
    legs = source.uniform(8, 14) * source.uniform(0.85, 1.2, touches - 1)
    legs *= np.linspace(1.2, 1.2 * max(ratio, 0.45), touches - 1) / 1.1
    spent = np.concatenate(([0.0], np.cumsum(np.round(legs))))
    share = spent / spent[-1]
    tops = upper[0] + (upper[1] - upper[0]) * share
    bottoms = lower[0] + (lower[1] - lower[0]) * share
    jitter = source.uniform(-0.03, 0.03, touches)
    levels = [
        (tops if (touch % 2 == 0) == starts_high else bottoms)[touch] + jitter[touch]
        for touch in range(touches)
    ]
    away = -1.0 if starts_high else 1.0
    entry = (bottoms if starts_high else tops)[0] + away * approach
    width = upper[1] - lower[1]
    exit_level = (upper[1] + 0.9) if breaks > 0 else (lower[1] - 0.9)
    knots = [(0.0, entry), (source.uniform(12, 20), levels[0])]
    knots += [(leg, level) for leg, level in zip(np.round(legs), levels[1:], strict=True)]
    path, places = _joined([*knots, ((width + 0.9) * source.uniform(8, 12), exit_level)])
    first, end = places[1], places[touches]
    line = upper if breaks > 0 else lower
    slope = (line[1] - line[0]) / (end - first)
    last = _crossing(path, end, len(path) - 1, lambda bar: line[0] + slope * (bar - first))
    return Drawing(path, first, last, breaks)


def _ascending_triangle(source: np.random.Generator) -> Drawing:
    touches = int(source.choice([6, 8]))
    low = source.uniform(0.5, 0.65)
    return _between(source, (1, 1), (0, low), touches, 1, source.uniform(0.8, 1.5))


def _symmetrical_triangle(source: np.random.Generator) -> Drawing:
    fall, rise = source.uniform(0.29, 0.36, 2)
    touches = int(source.choice([6, 7]))
    breaks = int(source.choice([-1, 1]))
    return _between(source, (1, 1 - fall), (0, rise), touches, breaks, source.uniform(0.8, 1.5))


def _rectangle(source: np.random.Generator) -> Drawing:
    drift = source.uniform(-0.08, 0.08)
    touches, breaks = int(source.choice([6, 7, 8])), int(source.choice([-1, 1]))
    approach = source.uniform(0.8, 1.5)
    return _between(source, (1, 1 + drift), (0, drift), touches, breaks, approach)


def _ascending_channel(source: np.random.Generator) -> Drawing:
    drift = source.uniform(0.9, 2.0)
    touches, breaks = int(source.choice([6, 7, 8])), int(source.choice([-1, 1]))
    approach = source.uniform(0.9, 1.5)
    return _between(source, (1, 1 + drift), (0, drift), touches, breaks, approach)


def _rising_wedge(source: np.random.Generator) -> Drawing:
    climb = source.uniform(0.4, 0.9)
    narrow = source.uniform(0.4, 0.5)
    lower = (0.0, 1 + climb - narrow)
    return _between(source, (1, 1 + climb), lower, 7, -1, source.uniform(0.2, 0.6))


def _pause(source: np.random.Generator, start: float, end: float, drift: float) -> Drawing:
    """Draw a pole of one height and a pause whose width goes from `start` to `end` heights."""
    calm, pole = source.uniform(12, 20), source.uniform(5, 9)
    length = source.uniform(16, 22)
    legs = np.round(length / 4 * source.uniform(0.85, 1.15, 4))
    knots: Knots = [(0, 0), (calm, 0), (pole, 1)]
    for number, leg in enumerate(legs):
        share = (number + 1) / 4
        middle = 1 - start / 2 + drift * share
        width = start + (end - start) * share
        knots.append((leg, middle + (width if number % 2 else -width) / 2))
    knots[-1] = (legs[3], knots[-1][1])
    path, places = _joined([*knots, (source.uniform(2, 3), knots[-1][1] - 0.4 * end), (8, 2)])
    slope = (knots[-1][1] - 1) / (places[6] - places[2])
    last = _crossing(path, places[7], places[8], lambda bar: 1 + slope * (bar - places[2]))
    return Drawing(path, places[1], last, 1, height=(0.3, 0.45))


def _flag(source: np.random.Generator) -> Drawing:
    width = source.uniform(0.24, 0.32)
    return _pause(source, width, width, -source.uniform(0.02, 0.15))


def _pennant(source: np.random.Generator) -> Drawing:
    width = source.uniform(0.32, 0.42)
    return _pause(source, width, width * source.uniform(0.1, 0.25), source.uniform(-0.05, 0.02))


def _cup(source: np.random.Generator) -> Drawing:
    rise, length = source.uniform(15, 25), round(source.uniform(45, 110))
    fall, handle = source.uniform(0.22, 0.35), source.uniform(4, 8)
    up, _ = _joined([(0, -source.uniform(0.2, 0.8)), (rise, 1)])
    runs = np.linspace(-1, 1, length + 1)[1:]
    right = 1 + source.uniform(-0.06, 0.06)
    bowl = runs**2 + (right - 1) * (runs + 1) / 2
    tail, _ = _joined(
        [(0, right), (handle, right - fall), (handle * 0.8, right - fall * 0.7), (10, 2)]
    )
    path = np.concatenate((up, bowl, tail[1:]))
    first, end = len(up) - 1, len(up) + length - 1
    start = end + round(handle) + round(handle * 0.8)
    last = _crossing(path, start, len(path) - 1, lambda _: max(1.0, right))
    return Drawing(path, first, last, 1, height=(0.15, 0.3))


def _breakaway(source: np.random.Generator) -> Drawing:
    calm, width = int(source.integers(26, 36)), source.uniform(0.3, 0.4)
    path = np.concatenate((np.zeros(calm), width + np.linspace(0, 1, 15)))
    return Drawing(path, calm - 20, calm, 1, gap=calm, height=(0.2, 0.3))


def _runaway(source: np.random.Generator) -> Drawing:
    length, width = int(source.integers(22, 30)), source.uniform(0.25, 0.32)
    path = np.concatenate((np.linspace(0, 1, length), 1 + width + np.linspace(0, 1, 22)))
    return Drawing(path, length - 20, length + 4, 1, gap=length, height=(0.2, 0.3))


def _exhaustion(source: np.random.Generator) -> Drawing:
    length, width = int(source.integers(22, 30)), source.uniform(0.25, 0.32)
    stall = int(source.integers(1, 4))
    top = 1 + width
    back = np.linspace(top, 0.3, 9)
    path = np.concatenate((np.linspace(0, 1, length), np.full(stall, top), back))
    last = _crossing(path, length + stall, len(path) - 1, lambda _: 1.0)
    return Drawing(path, length - 20, last, -1, gap=length, height=(0.2, 0.3))


DRAWINGS: dict[str, tuple[Callable[[np.random.Generator], Drawing], int]] = {
    "double_top": (_double, 1),
    "double_bottom": (_double, -1),
    "triple_top": (_triple, 1),
    "triple_bottom": (_triple, -1),
    "head_and_shoulders": (_shoulders, 1),
    "inverse_head_and_shoulders": (_shoulders, -1),
    "cup_and_handle": (_cup, 1),
    "inverse_cup_and_handle": (_cup, -1),
    "ascending_triangle": (_ascending_triangle, 1),
    "descending_triangle": (_ascending_triangle, -1),
    "symmetrical_triangle": (_symmetrical_triangle, 1),
    "rectangle": (_rectangle, 1),
    "ascending_channel": (_ascending_channel, 1),
    "descending_channel": (_ascending_channel, -1),
    "rising_wedge": (_rising_wedge, 1),
    "falling_wedge": (_rising_wedge, -1),
    "bull_flag": (_flag, 1),
    "bear_flag": (_flag, -1),
    "bull_pennant": (_pennant, 1),
    "bear_pennant": (_pennant, -1),
    "breakaway_gap": (_breakaway, 1),
    "runaway_gap": (_runaway, 1),
    "exhaustion_gap": (_exhaustion, 1),
}
"""How each is drawn, and -1 where it is the mirror image of that."""


def score(
    pattern: str,
    seeds: Sequence[int],
    noise: float,
    detect: Callable[[Bars], Iterable[ShapeDetection]],
) -> Score:
    """Return the score of a detector over many series with one planted pattern each."""
    total = Score()
    for seed in seeds:
        planted = plant(pattern, seed, noise)
        total.add(planted, detect(planted.bars))
    return total
