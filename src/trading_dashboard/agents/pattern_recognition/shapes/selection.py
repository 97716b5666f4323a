"""Which readings of the same bars are told: a fixed rule that looks at nothing later.

A new candidate is dropped if it is about bars that a breakout has explained already, or if one
still forming of its group covers them with as many touches. It ends forming ones of its group that
it covers with more. A breakout ends all that are still forming over its bars. Gaps are events of
one bar: they neither hide nor are hidden.
"""

from __future__ import annotations

from bisect import insort

from trading_dashboard.agents.pattern_recognition.detections import ShapeDetection
from trading_dashboard.agents.pattern_recognition.shapes.candidate import Candidate
from trading_dashboard.agents.pattern_recognition.shapes.catalogue import GROUPS
from trading_dashboard.agents.pattern_recognition.shapes.life import Living
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.track import MAX_LOOKBACK, Columns

PEAKS = frozenset({"double_top", "double_bottom", "triple_top", "triple_bottom"})


class Selection:
    """The open detections of one series, and what breakouts have explained."""

    __slots__ = ("changed", "living", "settings", "told")

    def __init__(self, settings: ShapeSettings) -> None:
        self.settings = settings
        self.living: list[Living] = []
        self.changed: list[ShapeDetection] = []
        """New or changed at the newest bar."""
        self.told: list[tuple[int, int]] = []
        """First and last bar of confirmed patterns, for as long as one could overlap them."""

    def begin(self, bar: int) -> None:
        """Start with a new bar."""
        self.changed = []
        while self.told and self.told[0][1] < bar - MAX_LOOKBACK:
            del self.told[0]

    def follow(self, columns: Columns, bar: int) -> None:
        """Take a closed bar to all open detections, those of most touches first."""
        moved = False
        for living in self.living:
            if living.due <= bar and not living.is_over and living.push(columns, bar):
                moved = True
                self._note(living, columns, bar)
        if moved:
            self.living = [living for living in self.living if not living.is_over]

    def is_explained(self, start: int, bar: int) -> bool:
        """Return whether a breakout explains a pattern, not a gap, that starts then and is new."""
        least = self.settings.overlap_share * (bar - start + 1)
        return any(last - max(first, start) + 1 >= least for first, last in self.told)

    def offer(self, candidate: Candidate, columns: Columns, bar: int) -> None:
        """Take a new candidate: tell it, let it replace another, or drop it."""
        if not self._has_room(candidate, columns, bar):
            return
        living = Living(candidate, bar, self.settings)
        living.push(columns, bar)
        self._note(living, columns, bar)
        if not living.is_over:
            insort(self.living, living, key=_rank)
        self.living = [one for one in self.living if not one.is_over]

    def _note(self, living: Living, columns: Columns, bar: int) -> None:
        detection = living.detection
        self._tell(detection)
        if detection.confirmed_at != bar or GROUPS[detection.pattern] == "gap":
            return
        self.told.append((detection.start, bar))
        for other in self.living:
            if other is not living and other.is_forming and self._is_within(other, detection, bar):
                other.supersede(columns, bar)
                self._tell(other.detection)

    def _tell(self, detection: ShapeDetection) -> None:
        if not any(one is detection for one in self.changed):
            self.changed.append(detection)

    def _is_within(self, other: Living, detection: ShapeDetection, bar: int) -> bool:
        """Return whether a breakout explains enough of the bars of what is still forming."""
        start = other.detection.start
        if GROUPS[other.detection.pattern] == "gap":
            return False
        shared = bar - max(start, detection.start) + 1
        return shared >= self.settings.overlap_share * (bar - start + 1)

    def _has_room(self, candidate: Candidate, columns: Columns, bar: int) -> bool:
        group = GROUPS[candidate.pattern]
        if group == "gap":
            return True
        start = candidate.start
        span = bar - start + 1
        if self.is_explained(start, bar):
            return False
        beaten = []
        for living in self.living:
            if not living.is_forming or not _are_rivals(
                living.detection.pattern, candidate.pattern
            ):
                continue
            other = living.detection.start
            shared = bar - max(start, other) + 1
            if shared < self.settings.overlap_share * min(span, bar - other + 1):
                continue
            if not living.yields_to(candidate):
                return False
            beaten.append(living)
        for living in beaten:
            living.supersede(columns, bar)
            self._tell(living.detection)
        return True


def _are_rivals(one: str, other: str) -> bool:
    """Return whether two patterns are readings of one thing; a rectangle has several peaks, too."""
    if GROUPS[one] == GROUPS[other]:
        return True
    return (one == "rectangle" and other in PEAKS) or (other == "rectangle" and one in PEAKS)


def _rank(living: Living) -> tuple[int, int, str]:
    candidate = living.candidate
    return (-candidate.touches, candidate.start, candidate.pattern)
