"""What a recogniser hands to the engine: a pattern seen, and what would prove it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trading_dashboard.agents.pattern_recognition.detections import Line, Pivot
from trading_dashboard.agents.pattern_recognition.shapes.sums import added


@dataclass(slots=True)
class Candidate:
    """A pattern at the close of the bar that made it visible.

    Attributes:
        pattern: Its id in the catalogue.
        direction: 1, -1, or 0 where either side may break.
        pivots: What it is made of, oldest first.
        lines: As they are drawn; the engine stretches none of them.
        above: A close over it breaks out upwards, or disproves a bearish pattern.
        below: The mirror image.
        height: Of the measured move, in price.
        fit: 0 to 1, as its recogniser documents.
        touches: Turning points on its lines.
        expires: Last bar at which it may still confirm.
        earliest: First bar at which it may confirm; sooner it is no such pattern.
        stop: Invalidation once confirmed; None for the opposite line at that bar.
        target: Where it is not breakout level ± `height`.
        confirms_at_once: True where being seen is being confirmed.
        follows: True where the lines follow each bar until the breakout.
    """

    pattern: str
    direction: int
    pivots: tuple[Pivot, ...]
    lines: tuple[Line, ...]
    above: Line
    below: Line
    height: float
    fit: float
    touches: int
    expires: int
    earliest: int = 0
    stop: float | None = None
    target: float | None = None
    confirms_at_once: bool = False
    follows: bool = False

    @property
    def start(self) -> int:
        """First bar it spans."""
        return self.pivots[0].bar


def level(role: str, first: int, last: int, price: float) -> Line:
    """Return a horizontal line."""
    return Line(role, first, price, last, price)


def fit_of(*deviations: float) -> float:
    """Return 1 less the mean deviation, each as a share of what is tolerated, within 0 to 1."""
    mean = added(map(abs, deviations)) / len(deviations)
    return min(max(1.0 - mean, 0.0), 1.0)


def line_through(points: Sequence[Pivot], role: str, first: int, last: int) -> Line:
    """Return the least-squares line through pivots, drawn from one bar to another."""
    count = len(points)
    middle = sum([bar for bar, _, _, _ in points]) / count
    mean = added([price for _, price, _, _ in points]) / count
    spread = rise = 0.0
    for bar, price, _, _ in points:
        run = bar - middle
        spread += run * run
        rise += run * (price - mean)
    slope = rise / spread if spread else 0.0
    return Line(role, first, mean + slope * (first - middle), last, mean + slope * (last - middle))
