"""The life of one detection: forming → confirmed → target reached, failed or expired.

Each change is decided at the close of a bar, from that bar and what was known before, by one table.
"""

from __future__ import annotations

from dataclasses import replace

from trading_dashboard.agents.pattern_recognition.detections import (
    Change,
    Formed,
    ShapeDetection,
)
from trading_dashboard.agents.pattern_recognition.shapes.candidate import Candidate
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.track import Columns
from trading_dashboard.models.patterns import PatternState

TRANSITIONS = {
    (PatternState.FORMING, "broke_out"): PatternState.CONFIRMED,
    (PatternState.FORMING, "invalidated"): PatternState.FAILED,
    (PatternState.FORMING, "ran_out"): PatternState.EXPIRED,
    (PatternState.FORMING, "superseded"): PatternState.EXPIRED,
    (PatternState.CONFIRMED, "reached"): PatternState.TARGET_REACHED,
    (PatternState.CONFIRMED, "invalidated"): PatternState.FAILED,
    (PatternState.CONFIRMED, "ran_out"): PatternState.EXPIRED,
}
LEAST_TOUCHES = 4
CLEARER = 0.1
"""A reading of as many touches is better if it fits by so much more."""


class Living:
    """A detection and what decides about it. `candidate` may be replaced while it is forming."""

    __slots__ = ("candidate", "detection", "due", "expires", "is_over", "settings")

    def __init__(self, candidate: Candidate, bar: int, settings: ShapeSettings) -> None:
        self.candidate = candidate
        self.settings = settings
        self.expires = candidate.expires
        self.is_over = False
        self.due = 0
        """No bar before this one changes it."""
        values = _values(candidate, candidate.direction, bar)
        strength = _strength(candidate)
        self.detection = ShapeDetection(
            pattern=candidate.pattern,
            direction=candidate.direction,
            start=candidate.start,
            end=bar,
            known_at=bar,
            pivots=candidate.pivots,
            lines=candidate.lines,
            fit=candidate.fit,
            strength=strength,
            breakout_level=values[0],
            invalidation=values[1],
            target=values[2],
            formed=Formed(
                candidate.direction,
                candidate.pivots,
                candidate.lines,
                candidate.fit,
                strength,
                *values,
            ),
        )

    @property
    def is_forming(self) -> bool:
        """Whether nothing has happened to it yet."""
        return not self.detection.changes

    def push(self, columns: Columns, bar: int) -> bool:
        """Take a closed bar; return whether it changed the state."""
        place = bar - columns.base
        close = columns.close[place]
        if self.detection.changes:
            return self._follow(columns, bar, close)
        candidate = self.candidate
        if candidate.confirms_at_once:
            return self._confirm(columns, bar, close, candidate.direction)
        margin = self.settings.breakout_atr * columns.atrs[place]
        above, below = candidate.above.at(bar), candidate.below.at(bar)
        direction = candidate.direction
        if close > above + margin:
            return self._leave(columns, bar, close, 1, direction)
        if close < below - margin:
            return self._leave(columns, bar, close, -1, direction)
        return bar >= self.expires and self._change("ran_out", bar, close)

    def yields_to(self, candidate: Candidate) -> bool:
        """Return whether a new reading of the same bars ends this one; it may refine it instead."""
        now = self.candidate
        clearer = candidate.touches == now.touches and candidate.fit >= now.fit + CLEARER
        is_better = candidate.follows or candidate.touches > now.touches or clearer
        if candidate.pattern != self.candidate.pattern:
            return is_better
        if is_better:
            self.candidate, self.expires, self.due = candidate, candidate.expires, 0
        return False

    def supersede(self, columns: Columns, bar: int) -> bool:
        """End a forming detection because a better reading of the same bars came."""
        return self._change("superseded", bar, columns.close_at(bar))

    def _leave(self, columns: Columns, bar: int, close: float, side: int, direction: int) -> bool:
        if direction not in {0, side}:
            return self._change("invalidated", bar, close)
        if bar < self.candidate.earliest:
            return self._change("ran_out", bar, close)
        return self._confirm(columns, bar, close, side)

    def _confirm(self, columns: Columns, bar: int, close: float, direction: int) -> bool:
        detection, settings = self.detection, self.settings
        candidate = self.candidate
        level, stop, target = _values(candidate, direction, bar)
        detection.direction = direction
        detection.pivots, detection.lines = candidate.pivots, candidate.lines
        detection.fit, detection.strength = candidate.fit, _strength(candidate)
        detection.confirmed_at = bar
        detection.breakout_level, detection.target = level, target
        detection.invalidation = stop if candidate.stop is None else candidate.stop
        ratio = columns.volume_ratio(bar, settings.volume_bars)
        detection.volume_ratio = ratio
        if ratio is not None and (direction > 0 or candidate.pattern.endswith("_gap")):
            detection.volume_confirms = ratio >= settings.volume_factor
        span = bar - detection.start
        least = max(settings.confirmed_min_bars, int(settings.confirmed_share * span))
        self.expires = bar + least
        return self._change("broke_out", bar, close)

    def _follow(self, columns: Columns, bar: int, close: float) -> bool:
        """After a breakout. A bar that does both is counted as failed: the order is not known."""
        detection = self.detection
        direction = detection.direction
        if direction * (close - detection.invalidation) < 0:
            return self._change("invalidated", bar, close)
        place = bar - columns.base
        extreme = columns.high[place] if direction > 0 else columns.low[place]
        if direction * (extreme - detection.target) >= 0:
            return self._change("reached", bar, detection.target)
        return bar >= self.expires and self._change("ran_out", bar, close)

    def _change(self, trigger: str, bar: int, price: float) -> bool:
        state = TRANSITIONS[self.detection.state, trigger]
        self.detection.changes.append(Change(state, bar, price))
        self.is_over = state is not PatternState.CONFIRMED
        if state is PatternState.CONFIRMED or self.detection.confirmed_at is None:
            self.detection.end = bar
        return True


def _values(candidate: Candidate, direction: int, bar: int) -> tuple[float, float, float]:
    """Return breakout level, invalidation and target; of an open direction those upwards."""
    side = direction or 1
    above, below = candidate.above.at(bar), candidate.below.at(bar)
    level, stop = (above, below) if side > 0 else (below, above)
    target = candidate.target
    return level, stop, level + side * candidate.height if target is None else target


def _strength(candidate: Candidate) -> float:
    """Return 0.7 × fit + 0.3 × touches beyond four, of which four count as all."""
    more = min(max(candidate.touches - LEAST_TOUCHES, 0), 4) / 4
    return 0.7 * candidate.fit + 0.3 * more


def as_of(detection: ShapeDetection, length: int) -> ShapeDetection | None:
    """Return a detection as it was known after the first `length` bars; None if it was not yet."""
    if detection.known_at >= length:
        return None
    changes = [change for change in detection.changes if change.bar < length]
    formed = detection.formed
    is_confirmed = detection.confirmed_at is not None and detection.confirmed_at < length
    if is_confirmed or formed is None:
        return replace(detection, changes=changes)
    return replace(
        detection,
        changes=changes,
        direction=formed.direction,
        pivots=formed.pivots,
        lines=formed.lines,
        fit=formed.fit,
        strength=formed.strength,
        breakout_level=formed.breakout_level,
        invalidation=formed.invalidation,
        target=formed.target,
        end=changes[-1].bar if changes else detection.known_at,
        confirmed_at=None,
        volume_ratio=None,
        volume_confirms=None,
    )
