"""The engine of chart patterns: takes closed bars one by one, and never looks past them.

`batch.detect_shapes` tells a whole series with the same recognisers, and is held to say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.detections import Pivot, ShapeDetection
from trading_dashboard.agents.pattern_recognition.shapes.candidate import Candidate
from trading_dashboard.agents.pattern_recognition.shapes.catalogue import GROUPS, SHAPE_IDS
from trading_dashboard.agents.pattern_recognition.shapes.cups import find_cup
from trading_dashboard.agents.pattern_recognition.shapes.flags import PoleWatch
from trading_dashboard.agents.pattern_recognition.shapes.gaps import GapWatch
from trading_dashboard.agents.pattern_recognition.shapes.pivots import ZigZag
from trading_dashboard.agents.pattern_recognition.shapes.ranges import find_range
from trading_dashboard.agents.pattern_recognition.shapes.reversals import find_reversal
from trading_dashboard.agents.pattern_recognition.shapes.selection import Selection
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.snapshot import (
    VERSION,
    living_from,
    living_state,
)
from trading_dashboard.agents.pattern_recognition.shapes.track import Track

Row = tuple[float, float, float, float, float]


class ShapeEngine:
    """Finds chart patterns as bars close.

    Args:
        settings: Every threshold.
        patterns: Ids of the only ones to look for; all if None. They are chosen among before
            overlapping ones are: fewer patterns asked for may show one that another would hide.

    Raises:
        ValueError: A pattern is not in the catalogue.
    """

    def __init__(self, settings: ShapeSettings, patterns: Sequence[str] | None = None) -> None:
        self.settings = settings
        self.wanted = wanted = wanted_of(patterns)
        self.track = Track()
        self.zigzags = [ZigZag(factor) for factor in settings.pivot_scales]
        self.tips = ZigZag(settings.pole_end_atr)
        self.poles = PoleWatch(settings)
        self.gaps = GapWatch(settings)
        self.selection = Selection(settings)
        groups = {GROUPS[name] for name in wanted}
        self._wants_reversals = "reversal" in groups
        self._wants_cups = "cup" in groups
        self._wants_ranges = "range" in groups
        self._wants_flags = "flag" in groups
        self._wants_gaps = "gap" in groups

    @property
    def open(self) -> list[ShapeDetection]:
        """Detections whose state may still change, first known first."""
        open_ones = [living.detection for living in self.selection.living]
        return sorted(open_ones, key=lambda one: (one.known_at, one.start, one.pattern))

    def push(self, bars: Bars, index: int, number: int | None = None) -> list[ShapeDetection]:
        """Take the closed bar `index`; return the detections that are new or changed by it.

        `number` is what the bar is called in detections, `index` if None: bars of a window that
        moves keep their numbers so. Numbers follow each other; a gap is a bar that is not finite.

        Raises:
            ValueError: The bar is not the next one.
        """
        number = index if number is None else number
        if number != self.track.stop:
            raise ValueError(
                f"Bar {number} was pushed, but the next one is {self.track.stop}; "
                "push every bar once, in order."
            )
        row = (
            float(bars.open[index]),
            float(bars.high[index]),
            float(bars.low[index]),
            float(bars.close[index]),
            float(bars.volume[index]),
        )
        return self.step(row)

    def snapshot(self) -> dict[str, Any]:
        """Return everything known, ready for JSON: what `restore` needs to go on exactly here."""
        return {
            "version": VERSION,
            "settings": self.settings.model_dump(mode="json"),
            "patterns": sorted(self.wanted),
            "track": self.track.snapshot(),
            "zigzags": [zigzag.snapshot() for zigzag in self.zigzags],
            "tips": self.tips.snapshot(),
            "poles": self.poles.snapshot(),
            "gaps": self.gaps.snapshot(),
            "told": self.selection.told,
            "living": [living_state(living) for living in self.selection.living],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a snapshot. `open` then holds new objects, equal to those of before.

        Raises:
            ValueError: It is of another version, other settings or other patterns: push the bars
                again instead.
        """
        now = {"version": VERSION, "settings": self.settings.model_dump(mode="json")}
        now["patterns"] = sorted(self.wanted)
        if different := [name for name, value in now.items() if state.get(name) != value]:
            raise ValueError(
                f"The snapshot has another {' and '.join(different)}; push the bars again instead."
            )
        self.track.restore(state["track"])
        for zigzag, part in zip(self.zigzags, state["zigzags"], strict=True):
            zigzag.restore(part)
        self.tips.restore(state["tips"])
        self.poles.restore(state["poles"])
        self.gaps.restore(state["gaps"])
        self.selection.told = [(first, last) for first, last in state["told"]]
        self.selection.living = [living_from(part, self.settings) for part in state["living"]]

    def step(self, row: Row) -> list[ShapeDetection]:
        """Take open, high, low, close and volume of the next bar; as `push` otherwise."""
        track, bar = self.track, self.track.stop
        if not track.push(row) or track.atr <= 0:
            return []
        selection = self.selection
        selection.begin(bar)
        if selection.living:
            selection.follow(track, bar)
        for zigzag in self.zigzags:
            pivot = zigzag.push(bar, row[1], row[2], track.atr)
            if pivot is not None:
                self._look(zigzag.pivots, bar)
        if self._wants_flags:
            self._watch_poles(row, bar)
        if self._wants_gaps:
            for candidate in self.gaps.push(track, bar):
                self._offer(candidate, bar)
        return selection.changed

    def _watch_poles(self, row: Row, bar: int) -> None:
        tip = self.tips.push(bar, row[1], row[2], self.track.atr)
        if tip is not None:
            self.poles.see(tip, self.track)
        if self.poles.poles:
            for candidate in self.poles.push(self.track, bar):
                self._offer(candidate, bar)

    def _look(self, pivots: Sequence[Pivot], bar: int) -> None:
        """Look at what a new pivot may have completed."""
        track, settings = self.track, self.settings
        if self._wants_reversals:
            self._offer(find_reversal(pivots, track, settings), bar)
        if self._wants_cups:
            self._offer(find_cup(pivots, track, settings, bar), bar)
        if self._wants_ranges:
            self._offer(find_range(pivots, track, settings, bar), bar)

    def _offer(self, candidate: Candidate | None, bar: int) -> None:
        if candidate is not None and candidate.pattern in self.wanted:
            self.selection.offer(candidate, self.track, bar)


def wanted_of(patterns: Sequence[str] | None) -> frozenset[str]:
    """Return the patterns to look for; all if None.

    Raises:
        ValueError: A pattern is not in the catalogue.
    """
    wanted = SHAPE_IDS if patterns is None else frozenset(patterns)
    if unknown := wanted - SHAPE_IDS:
        raise ValueError(f"No such chart pattern: {', '.join(sorted(unknown))}.")
    return wanted
