"""What the detectors find, inside the agent: bar numbers and columns instead of times and models.

Owns the shapes that detectors hand to statistics, the live engine and the API. `models.patterns`
is what these become on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.models.patterns import PatternState

BULLISH, BEARISH, NEUTRAL = 1, -1, 0


@dataclass(frozen=True, slots=True, eq=False)
class CandleHits:
    """Candlestick patterns of one series, as columns of shape ``(k,)``.

    Sorted by `bar`, then `pattern`. A hit is known, and confirmed, at the close of `bar`.

    Attributes:
        pattern: Index into the candlestick catalogue, int16.
        bar: Number of the last bar it spans, int32.
        span: How many bars it spans, int16.
        direction: 1 bullish, -1 bearish, 0 neutral, int8.
        strength: 0 to 1, float32.
    """

    pattern: NDArray[np.int16]
    bar: NDArray[np.int32]
    span: NDArray[np.int16]
    direction: NDArray[np.int8]
    strength: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.bar)


class Pivot(NamedTuple):
    """A turning point: the bar it is on, its price, and the bar at whose close it was known."""

    bar: int
    price: float
    is_high: bool
    known_at: int


class Line(NamedTuple):
    """A straight line from one bar to another; `role` is that of `models.patterns.PatternLine`."""

    role: str
    start: int
    start_price: float
    end: int
    end_price: float

    def at(self, bar: float) -> float:
        """Return the line's price at a bar, also beyond its ends."""
        run = self.end - self.start
        slope = (self.end_price - self.start_price) / run if run else 0.0
        return self.start_price + slope * (bar - self.start)


class Change(NamedTuple):
    """A change of state at the close of a bar."""

    state: PatternState
    bar: int
    price: float


class Formed(NamedTuple):
    """What was said of a chart pattern when it was first known, before its breakout changed it."""

    direction: int
    pivots: tuple[Pivot, ...]
    lines: tuple[Line, ...]
    fit: float
    strength: float
    breakout_level: float
    invalidation: float
    target: float


@dataclass(slots=True)
class ShapeDetection:
    """A chart pattern found once. Only `changes`, `end` and what a change brings grow after that.

    `confirmed_at` is the bar at whose close the breakout was first known; None before, and for
    what failed or expired while forming. What is set at a change was known at that bar's close.
    While it is forming `end` is `known_at`, then the bar that confirmed it, or else ended it. A
    pattern that may break either way has direction 0 until it does, and its levels are then those
    of a break upwards. Confirmation sets direction, pivots, lines, fit, strength, levels, target
    and volume; `formed` keeps what was said before, and `shapes.life.as_of` reads it.
    """

    pattern: str
    direction: int
    start: int
    end: int
    known_at: int
    pivots: tuple[Pivot, ...]
    lines: tuple[Line, ...]
    fit: float
    strength: float
    breakout_level: float
    invalidation: float
    target: float
    confirmed_at: int | None = None
    volume_ratio: float | None = None
    volume_confirms: bool | None = None
    changes: list[Change] = field(default_factory=list)
    formed: Formed | None = None

    @property
    def state(self) -> PatternState:
        """The newest state."""
        return self.changes[-1].state if self.changes else PatternState.FORMING

    @property
    def is_open(self) -> bool:
        """Whether its state may still change."""
        return self.state in {PatternState.FORMING, PatternState.CONFIRMED}
