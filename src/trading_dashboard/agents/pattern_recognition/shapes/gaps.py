"""Breakaway, runaway and exhaustion gaps: what a gap means is told by the bars before and after it.

A gap out of a range is a breakaway gap, known at its bar. One within a trend is a runaway gap if
price goes on and an exhaustion gap if it is filled soon, and which of them is known only then.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

from trading_dashboard.agents.pattern_recognition.detections import Line, Pivot
from trading_dashboard.agents.pattern_recognition.shapes.candidate import Candidate, level
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.track import Columns


@dataclass(frozen=True, slots=True)
class TrendGap:
    """A gap within a trend that may yet be filled."""

    bar: int
    sign: int
    edge: float
    far_edge: float
    start: int
    start_price: float


class GapWatch:
    """Gaps within trends, for as long as filling them would mean something."""

    __slots__ = ("gaps", "settings")

    def __init__(self, settings: ShapeSettings) -> None:
        self.settings = settings
        self.gaps: list[TrendGap] = []

    def push(self, columns: Columns, bar: int) -> list[Candidate]:
        """Return gaps that a closed bar opened, and those it showed to be exhaustion."""
        found = self._filled(columns, bar) if self.gaps else []
        place = bar - columns.base
        if place <= self.settings.gap_bars:
            return found
        high, low = columns.high[place - 1], columns.low[place - 1]
        least = self.settings.gap_atr * columns.atrs[place - 1]
        if least > 0 and columns.low[place] - high >= least:
            found += self._opened(columns, bar, 1, high)
        elif least > 0 and low - columns.high[place] >= least:
            found += self._opened(columns, bar, -1, low)
        return found

    def _opened(self, columns: Columns, bar: int, sign: int, edge: float) -> list[Candidate]:
        """Judge the bars before the gap; `edge` is the price it opened from."""
        settings = self.settings
        first = bar - settings.gap_bars
        highs, lows = columns.highs(first, bar), columns.lows(first, bar)
        top, bottom, atr = max(highs), min(lows), columns.atr_at(bar - 1)
        far_edge = columns.lows(bar, bar + 1)[0] if sign > 0 else columns.highs(bar, bar + 1)[0]
        closes = columns.closes(first, bar + 1)
        net = sign * (closes[-2] - closes[0])
        beyond = closes[-1] > top if sign > 0 else closes[-1] < bottom
        height = top - bottom
        if net >= settings.gap_trend_atr * atr and net >= settings.gap_efficiency * height:
            start = first + (lows.index(bottom) if sign > 0 else highs.index(top))
            gap = TrendGap(bar, sign, edge, far_edge, start, bottom if sign > 0 else top)
            self.gaps.append(gap)
            runaway = _runaway(gap, columns, settings)
            # After a short trend the target would be reached before the gap is confirmed.
            return [runaway] if _has_room(runaway, bar) else []
        if beyond and height <= settings.gap_range_atr * atr:
            return [_breakaway(bar, sign, edge, far_edge, (first, bottom, top), settings)]
        return []

    def _filled(self, columns: Columns, bar: int) -> list[Candidate]:
        close = columns.closes(bar, bar + 1)[0]
        found, kept = [], []
        for gap in self.gaps:
            if gap.sign * (close - gap.edge) < 0:
                found.append(_exhaustion(gap, columns, self.settings, bar))
            elif bar - gap.bar < self.settings.gap_fill_bars:
                kept.append(gap)
        self.gaps = kept
        return found

    def snapshot(self) -> list[Any]:
        """Return the gaps, to be written as JSON."""
        return [list(astuple(gap)) for gap in self.gaps]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        self.gaps = [TrendGap(*row) for row in state]


def _edges(gap_bar: int, sign: int, edge: float, far_edge: float) -> tuple[Pivot, Pivot]:
    return (
        Pivot(gap_bar - 1, edge, sign > 0, gap_bar),
        Pivot(gap_bar, far_edge, sign < 0, gap_bar),
    )


def _breakaway(
    bar: int,
    sign: int,
    edge: float,
    far_edge: float,
    before: tuple[int, float, float],
    settings: ShapeSettings,
) -> Candidate:
    """`before` is the range: its first bar, its bottom and its top."""
    first, bottom, top = before
    start = Pivot(first, bottom if sign > 0 else top, sign < 0, bar)
    return Candidate(
        pattern="breakaway_gap",
        direction=sign,
        pivots=(start, *_edges(bar, sign, edge, far_edge)),
        lines=(Line("upper", first, top, bar, top), Line("lower", first, bottom, bar, bottom)),
        above=level("level", bar - 1, bar, top),
        below=level("level", bar - 1, bar, bottom),
        height=top - bottom,
        fit=1.0,
        touches=4,
        expires=bar + settings.gap_fill_bars,
        stop=edge,
        confirms_at_once=True,
    )


def _has_room(candidate: Candidate, bar: int) -> bool:
    """Return whether the target lies beyond the price that confirms it."""
    sign, target = candidate.direction, candidate.target
    onward = candidate.above if sign > 0 else candidate.below
    return target is None or sign * (target - onward.at(bar)) > 0


def _runaway(gap: TrendGap, columns: Columns, settings: ShapeSettings) -> Candidate:
    place, sign = gap.bar, gap.sign
    extreme = columns.highs(place, place + 1)[0] if sign > 0 else columns.lows(place, place + 1)[0]
    onward = level(
        "level", place, place, extreme + sign * settings.gap_follow_atr * columns.atr_at(place)
    )
    filled = level("level", place - 1, place, gap.edge)
    height = sign * ((gap.edge + gap.far_edge) / 2 - gap.start_price)
    return Candidate(
        pattern="runaway_gap",
        direction=sign,
        pivots=(
            Pivot(gap.start, gap.start_price, sign < 0, place),
            *_edges(place, sign, gap.edge, gap.far_edge),
        ),
        lines=(filled, level("level", place, place, gap.far_edge)),
        above=onward if sign > 0 else filled,
        below=filled if sign > 0 else onward,
        height=height,
        fit=1.0,
        touches=4,
        expires=place + settings.gap_fill_bars,
        stop=gap.edge,
        target=(gap.edge + gap.far_edge) / 2 + sign * height,
    )


def _exhaustion(gap: TrendGap, columns: Columns, settings: ShapeSettings, bar: int) -> Candidate:
    sign, first = gap.sign, gap.bar
    highs, lows = columns.highs(first, bar + 1), columns.lows(first, bar + 1)
    extreme = max(highs) if sign > 0 else min(lows)
    wrong, filled = level("level", first, bar, extreme), level("level", first - 1, bar, gap.edge)
    move = sign * (gap.edge - gap.start_price)
    return Candidate(
        pattern="exhaustion_gap",
        direction=-sign,
        pivots=(
            Pivot(gap.start, gap.start_price, sign < 0, bar),
            *_edges(first, sign, gap.edge, gap.far_edge),
        ),
        lines=(filled, level("level", first, bar, gap.far_edge)),
        above=wrong if sign > 0 else filled,
        below=filled if sign > 0 else wrong,
        height=settings.gap_retrace * move,
        fit=1.0,
        touches=4,
        expires=bar,
        stop=extreme,
        target=gap.edge - sign * settings.gap_retrace * move,
        confirms_at_once=True,
    )
