"""Every chart pattern of a whole series at once: exactly what the engine says bar by bar.

The engine's own recognisers, selection and lives decide. Owned here is where they have to be asked:
at turning points that may complete something, at bars of a pause or a gap, and where an open
detection may change. At all other bars the engine would change nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.detections import ShapeDetection
from trading_dashboard.agents.pattern_recognition.shapes.ahead import Ahead
from trading_dashboard.agents.pattern_recognition.shapes.candidate import Candidate
from trading_dashboard.agents.pattern_recognition.shapes.catalogue import GROUPS
from trading_dashboard.agents.pattern_recognition.shapes.cups import find_cup
from trading_dashboard.agents.pattern_recognition.shapes.engine import ShapeEngine, wanted_of
from trading_dashboard.agents.pattern_recognition.shapes.flags import Pole, find_pause
from trading_dashboard.agents.pattern_recognition.shapes.likely_cups import may_be_cups
from trading_dashboard.agents.pattern_recognition.shapes.likely_gaps import find_gaps
from trading_dashboard.agents.pattern_recognition.shapes.likely_pauses import find_poles
from trading_dashboard.agents.pattern_recognition.shapes.likely_ranges import may_be_ranges
from trading_dashboard.agents.pattern_recognition.shapes.likely_reversals import may_be_reversals
from trading_dashboard.agents.pattern_recognition.shapes.points import Points, points_of
from trading_dashboard.agents.pattern_recognition.shapes.ranges import find_range
from trading_dashboard.agents.pattern_recognition.shapes.reversals import (
    REVERSAL_PIVOTS,
    ReversalKind,
    find_reversal,
)
from trading_dashboard.agents.pattern_recognition.shapes.selection import Selection
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.turning import Turns, find_turns
from trading_dashboard.agents.pattern_recognition.shapes.whole import Whole

Look = tuple[int, int, int, Callable[[], Candidate | None]]
"""A bar, what of that bar comes first, what of the same comes first, and how to look."""

_KINDS = 3
"""The engine looks at each scale in turn for these; for flags and gaps after all scales."""
_REVERSAL, _CUP, _RANGE = range(_KINDS)
_FLAG, _GAP = 1_000, 1_001

LARGEST_PRICE = 1e100
"""Beyond it products overflow, and what must be so can not be computed ahead."""


def detect_shapes(
    bars: Bars, settings: ShapeSettings, patterns: Sequence[str] | None = None
) -> list[ShapeDetection]:
    """Return every chart pattern of a series, first known first; the same as pushing every bar.

    Raises:
        ValueError: A pattern is not in the catalogue.
    """
    wanted = wanted_of(patterns)
    # Prices may be anything: where numbers overflow or are none, comparisons with them are False.
    with np.errstate(all="ignore"):
        whole = Whole(bars)
        if not len(whole.bars):
            return []
        if not whole.largest < LARGEST_PRICE:
            return _pushed(bars, settings, patterns)
        return _Batch(whole, settings, wanted).run()


def _pushed(
    bars: Bars, settings: ShapeSettings, patterns: Sequence[str] | None
) -> list[ShapeDetection]:
    engine = ShapeEngine(settings, patterns)
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    found: list[ShapeDetection] = []
    for bar, row in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        found += [shape for shape in engine.step(row) if shape.known_at == bar]
    return found


class _Batch:
    """One series on its way from columns to detections."""

    def __init__(self, whole: Whole, settings: ShapeSettings, wanted: frozenset[str]) -> None:
        self._whole, self._settings, self._wanted = whole, settings, wanted
        self._groups = {GROUPS[name] for name in wanted}
        self._selection = Selection(settings)
        self._ahead = Ahead(whole, settings)

    def run(self) -> list[ShapeDetection]:
        """Return what is found, first known first."""
        looks = [*self._at_points(), *self._at_pauses(), *self._at_gaps()]
        looks.sort(key=lambda look: look[:3])
        return self._play(looks)

    # Where to look

    def _at_points(self) -> Iterator[Look]:
        if not self._groups & {"reversal", "cup", "range"}:
            return
        whole, settings = self._whole, self._settings
        scales = [find_turns(whole, factor) for factor in settings.pivot_scales]
        points = points_of(scales, whole)
        for number, kind, look in self._likely(points):
            scale = points.scale_of(number)
            place = int(points.place[number])
            order = _KINDS * scale + kind
            yield int(points.known[number]), order, place, partial(look, scales[scale], place)

    def _likely(self, points: Points) -> Iterator[tuple[int, int, Callable[..., Candidate | None]]]:
        """Yield the numbers of points that may complete something, what, and how to look."""
        if not len(points):
            return
        settings, wanted = self._settings, self._wanted
        if "reversal" in self._groups:
            for number, kinds in may_be_reversals(points, settings, wanted).items():
                yield number, _REVERSAL, partial(self._reversal, kinds)
        if "cup" in self._groups:
            for number, count in may_be_cups(points, self._whole, settings).items():
                yield number, _CUP, partial(self._cup, count)
        if "range" in self._groups:
            for number, counts in may_be_ranges(points, settings, wanted).items():
                yield number, _RANGE, partial(self._range, counts)

    def _at_pauses(self) -> Iterator[Look]:
        if "flag" not in self._groups:
            return
        tips = find_turns(self._whole, self._settings.pole_end_atr)
        poles = find_poles(tips, self._whole, self._settings)
        for number, watched in enumerate(poles):
            for bar in watched.bars:
                yield bar, _FLAG, number, partial(self._pause, watched.pole, bar)

    def _at_gaps(self) -> Iterator[Look]:
        if "gap" in self._groups:
            for number, (bar, candidate) in enumerate(find_gaps(self._whole, self._settings)):
                yield bar, _GAP, number, partial(_same, candidate)

    # How to look

    def _reversal(
        self, kinds: Sequence[ReversalKind], turns: Turns, place: int
    ) -> Candidate | None:
        pivots = turns.pivots(place, REVERSAL_PIVOTS)
        return find_reversal(pivots, self._whole, self._settings, kinds)

    def _cup(self, count: int, turns: Turns, place: int) -> Candidate | None:
        pivots = turns.pivots(place, count)
        return find_cup(pivots, self._whole, self._settings, pivots[-1].known_at)

    def _range(self, counts: list[int], turns: Turns, place: int) -> Candidate | None:
        pivots = turns.pivots(place, counts[0])
        return find_range(pivots, self._whole, self._settings, pivots[-1].known_at, counts)

    def _pause(self, pole: Pole, bar: int) -> Candidate | None:
        if self._selection.is_explained(pole.foot.bar, bar):
            return None
        return find_pause(pole, self._whole, self._settings, bar)

    # What comes of it

    def _play(self, looks: list[Look]) -> list[ShapeDetection]:
        """Go from bar to bar where something may happen."""
        found: list[ShapeDetection] = []
        selection, whole, ahead = self._selection, self._whole, self._ahead
        bars = whole.looked_at
        stop = bars[-1] + 1
        is_gapless = stop - bars[0] == len(bars)
        looks.append((stop, 0, 0, _nothing))
        rest = iter(looks)
        look_at, _, _, look = next(rest)
        due = stop
        while (bar := min(look_at, due)) < stop:
            if not is_gapless:
                bar = bars[bisect_left(bars, bar)]
            selection.begin(bar)
            if due <= bar:
                selection.follow(whole, bar)
            while look_at == bar:
                candidate = look()
                if candidate is not None and candidate.pattern in self._wanted:
                    selection.offer(candidate, whole, bar)
                look_at, _, _, look = next(rest)
            found += [shape for shape in selection.changed if shape.known_at == bar]
            due = stop
            for living in selection.living:
                if living.due <= bar:
                    living.due = ahead.next_change(living, bar)
                due = min(due, living.due)
        return found


def _same(candidate: Candidate) -> Candidate:
    return candidate


def _nothing() -> None:
    return None
