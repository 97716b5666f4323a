"""Patterns as they travel: over HTTP, over the stream, between agents.

Times are aware UTC, opening times of bars. Prices are adjusted for splits as of the market clock,
as the chart draws them. A detection never changes its past: it is first told at `known_at`, each
change of its state has its own time, and all that is said of it then was known then.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from trading_dashboard.models.market import Interval, Labelled, Wire

TIMEFRAMES = ("1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", "1M")
"""What multi-timeframe agreement looks at, shortest first."""

Direction = Literal["bullish", "bearish", "neutral"]


class PatternKind(StrEnum):
    """Which of the two detectors knows it."""

    CANDLESTICK = "candlestick"
    CHART = "chart"


class PatternState(StrEnum):
    """Where a detection stands. Candlesticks are confirmed at once and have no target."""

    FORMING = "forming"
    CONFIRMED = "confirmed"
    TARGET_REACHED = "target_reached"
    FAILED = "failed"
    EXPIRED = "expired"


class PatternPivot(Wire):
    """A confirmed turning point the pattern is made of."""

    time: datetime
    price: float
    kind: Literal["high", "low"]


class PatternLine(Wire):
    """A line of the pattern, from one bar to another."""

    role: Literal["upper", "lower", "neckline", "pole", "cup", "level"]
    start: datetime
    start_price: float
    end: datetime
    end_price: float


class PatternChange(Wire):
    """One change of state, with the close of the bar that caused it."""

    state: PatternState
    at: datetime
    price: float


class PatternWorth(Wire):
    """What the pattern was worth before, over a horizon; all of it known at `as_of`.

    A hit is a move in the pattern's direction. The base rate is how often the same symbol and
    timeframe moved that way over the same horizon, whatever was seen.
    """

    horizon_bars: int = Field(ge=1)
    as_of: datetime
    samples: int = Field(ge=0)
    hits: int = Field(ge=0)
    hit_rate: float | None = Field(default=None, ge=0, le=1)
    """None where there is no sample."""
    interval_low: float | None = None
    """Wilson's 95 % interval of the hit rate (Wilson 1927)."""
    interval_high: float | None = None
    effective_samples: float | None = None
    """As how many separate outcomes the overlapping ones count in the interval and the test."""
    base_rate: float | None = Field(default=None, ge=0, le=1)
    """Mean of the symbols' base rates, each as known when its pattern was confirmed."""
    base_samples: int = 0
    """Moves of all symbols counted behind them."""
    mean_move_atr: float | None = None
    """Mean move in the pattern's direction, in average true ranges at the confirmation."""
    median_move_atr: float | None = None
    p_value: float | None = None
    """Of a hit rate this far from the base rate by chance, two-sided."""
    p_adjusted: float | None = None
    """The same, corrected for all patterns tested at once (Benjamini and Yekutieli 2001)."""
    confidence: float | None = Field(default=None, ge=0, le=1)
    """Calibrated probability of a hit; None where there are too few samples to say."""
    verdict: Literal["edge", "no_edge", "too_few"]
    scope: Literal["symbol", "all_symbols"] = "symbol"
    """Whose past was counted for `confidence`."""


class PatternDetection(Labelled):
    """One pattern found once."""

    id: str
    symbol: str
    timeframe: Interval
    pattern: str
    """Its id in the catalogue, such as ``ascending_triangle`` or ``CDLENGULFING``."""
    name: str
    kind: PatternKind
    direction: Direction
    strength: float = Field(ge=0, le=1)
    """How clear it is: of a candlestick by its bars, of a chart pattern by fit and touches."""
    state: PatternState
    start: datetime
    """First bar it spans."""
    end: datetime
    """Last bar it spans: the one that confirmed it, or ended it unconfirmed; while it is forming
    the one that made it known."""
    known_at: datetime
    """The bar at whose close it was first known at all."""
    confirmed_at: datetime | None
    """The bar at whose close it was first known to be confirmed; None while it is forming, or if
    it failed or expired before."""
    pivots: list[PatternPivot] = Field(default_factory=list)
    lines: list[PatternLine] = Field(default_factory=list)
    fit: float | None = Field(default=None, ge=0, le=1)
    """How well the pivots lie on the lines: 1 is exactly."""
    volume_ratio: float | None = None
    """Volume of the confirming bar over the average of the bars before it."""
    volume_confirms: bool | None = None
    """None where volume is unknown or not asked for by the definition."""
    breakout_level: float | None = None
    target: float | None = None
    invalidation: float | None = None
    changes: list[PatternChange] = Field(default_factory=list)
    worth: list[PatternWorth] = Field(default_factory=list)
    """One for each horizon, as known when it was confirmed."""


class PatternsResponse(Labelled):
    """``GET /patterns/{symbol}`` and ``POST /patterns/detect``: newest first."""

    symbol: str
    timeframe: Interval
    as_of: datetime | None
    """The newest closed bar looked at."""
    bars: int
    patterns: list[PatternDetection]
    stale: bool = False
    """True while market data is away: nothing newer is known."""
    note: str | None = None


class PatternDefinition(Wire):
    """One row of ``GET /catalogue``."""

    id: str
    name: str
    kind: PatternKind
    directions: list[Direction]
    definition: str
    """What must be true, in words, with the settings' names."""
    source: str
    """Whose definition it is: book or paper, page or section."""
    bars: str
    """How many bars it spans, such as ``3`` or ``20 to 120``."""
    settings: dict[str, float] = Field(default_factory=dict)
    """Thresholds in force, by their names in the agent's settings."""
    picture: str
    """Path of an SVG drawing, relative to the agent."""


class CatalogueResponse(Wire):
    """``GET /catalogue``."""

    patterns: list[PatternDefinition]
