"""The pattern agent's questions and answers: own bars, worth, scans, signals, the stream."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter

from trading_dashboard.models.market import Interval, Labelled, Wire
from trading_dashboard.models.patterns import (
    Direction,
    PatternDetection,
    PatternKind,
    PatternState,
    PatternWorth,
)


class OwnBars(Wire):
    """Body of ``POST /patterns/detect``: bars of one's own, as columns of equal length."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbol: str = Field(default="OWN", pattern=r"^[^\s\x00-\x1f]{1,32}$")
    timeframe: Interval = "1d"
    timestamp: list[AwareDatetime] = Field(min_length=1, max_length=20_000)
    open: list[float | None] = Field(max_length=20_000)
    high: list[float | None] = Field(max_length=20_000)
    low: list[float | None] = Field(max_length=20_000)
    close: list[float | None] = Field(max_length=20_000)
    volume: list[float | None] | None = Field(default=None, max_length=20_000)
    kinds: list[PatternKind] = Field(default_factory=lambda: list(PatternKind))
    patterns: list[str] = Field(default_factory=list, max_length=200)
    """Only these; all if empty."""


class HistoryRow(Wire):
    """One row of ``GET /patterns/history``: a detection and how it went on."""

    detection: PatternDetection
    outcomes: dict[str, float | None]
    """Move in the pattern's direction in ATR, by horizon in bars; None where it is not over."""


class HistoryResponse(Labelled):
    """``GET /patterns/history``: newest first."""

    rows: list[HistoryRow]
    total: int
    next_offset: int | None = None
    stale: bool = False
    """True while market data is away: nothing newer is known."""


class WorthRow(Wire):
    """One pattern × timeframe × horizon of ``GET /patterns/confidence``."""

    pattern: str
    name: str
    kind: PatternKind
    direction: Direction
    timeframe: Interval
    symbol: str | None
    """None for all symbols taken together."""
    worth: PatternWorth


class ReliabilityBin(Wire):
    """What was said against what happened: one point of the reliability diagram."""

    said_low: float
    said_high: float
    said_mean: float
    happened: float
    interval_low: float
    interval_high: float
    samples: int


class ConfidenceResponse(Labelled):
    """``GET /patterns/confidence``."""

    as_of: datetime | None
    rows: list[WorthRow]
    tests: int
    """How many pattern × direction × horizon tests there are in the timeframes asked for. Each
    `p_adjusted` is corrected for those of its own timeframe."""
    reliability: list[ReliabilityBin]
    """Of confidences as they were said at the time, against what came of them."""
    brier: float | None = None
    """Mean squared error of what was said (Brier 1950)."""
    brier_base: float | None = None
    """The same of saying the base rate each time."""
    stale: bool = False
    """True while market data is away: nothing newer is known."""


class ScanOrder(Wire):
    """Body of ``POST /scan``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbols: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        default_factory=list, max_length=10_000
    )
    """All that market data lists if empty."""
    timeframe: Interval = "1d"
    bars: int = Field(default=2_500, ge=50, le=20_000)
    kinds: list[PatternKind] = Field(default_factory=lambda: list(PatternKind))
    patterns: list[str] = Field(default_factory=list, max_length=200)
    directions: list[Direction] = Field(default_factory=list)
    states: list[PatternState] = Field(default_factory=list)
    within_bars: int = Field(default=5, ge=1, le=20_000)
    """Only what was known or changed within so many bars of the newest."""
    min_confidence: float | None = Field(default=None, ge=0, le=1)


class ScanStatus(Wire):
    """``POST /scan`` (202), ``GET /scan/{id}``."""

    id: str
    state: Literal["queued", "running", "complete", "cancelled", "failed"]
    symbols: int
    done: int
    found: int
    errors: dict[str, str] = Field(default_factory=dict)
    """By symbol, at most 100."""
    started_at: datetime
    """Wall clock."""
    seconds: float
    message: str | None = None


class ScanResult(Labelled):
    """``GET /scan/{id}/patterns``: newest first."""

    status: ScanStatus
    patterns: list[PatternDetection]
    total: int
    next_offset: int | None = None


class Signal(Labelled):
    """One row of ``GET /signals``: a confirmed pattern as a trade idea, with its worth."""

    id: str
    symbol: str
    timeframe: Interval
    pattern: str
    name: str
    direction: Literal["bullish", "bearish"]
    confirmed_at: datetime
    entry: float
    stop: float
    target: float
    reward_risk: float
    worth: PatternWorth | None
    agreement: float | None = None
    note: str | None = None


class SignalsResponse(Labelled):
    """``GET /signals``: newest first."""

    as_of: datetime | None
    signals: list[Signal]
    stale: bool = False
    """True while market data is away: nothing newer is known."""


class PatternMessage(Wire):
    """Base of what ``/stream`` sends. `seq` grows by one on one connection."""

    seq: int
    event: int | None = None
    """Numbers what happened, for all connections alike; survives a restart of the agent."""


class PatternSnapshot(PatternMessage):
    """All open and recent patterns of what was subscribed; what follows builds on it."""

    type: Literal["snapshot"]
    patterns: list[PatternDetection]
    stale: bool
    as_of: datetime | None
    left_out: int = 0
    """Older ones that found no room; ``GET /patterns/{symbol}`` has them."""


class PatternEvent(PatternMessage):
    """A detection is new, or changed its state. `detection` replaces what had its id."""

    type: Literal["pattern"]
    detection: PatternDetection
    is_new: bool
    was: PatternState | None = None
    conflated: int = 0
    """So many earlier states of it were merged into this one, because the reader is slow."""


class PatternCondition(PatternMessage):
    """Whether the agent follows the market, on each change."""

    type: Literal["condition"]
    stale: bool
    reason: str | None
    as_of: datetime | None


class PatternReset(PatternMessage):
    """Forget everything, a snapshot follows: the market clock was set, or the source changed."""

    type: Literal["reset"]
    reason: str


class PatternHeartbeat(PatternMessage):
    """Sent after a second of silence."""

    type: Literal["heartbeat"]


class PatternRefusal(PatternMessage):
    """The client's message could not be used; `error` has the one error shape."""

    type: Literal["error"]
    error: dict[str, Any]


class PatternOperation(Wire):
    """What a client of ``/stream`` sends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: Literal["subscribe", "unsubscribe"]
    symbols: list[str] = Field(min_length=1, max_length=500)
    """``*`` means every symbol followed."""
    timeframes: list[Interval] = Field(default_factory=list, max_length=15)
    """All that are followed if empty."""
    kinds: list[PatternKind] = Field(default_factory=lambda: list(PatternKind))


PatternStreamMessage = Annotated[
    PatternSnapshot
    | PatternEvent
    | PatternCondition
    | PatternReset
    | PatternHeartbeat
    | PatternRefusal,
    Field(discriminator="type"),
]
PATTERN_MESSAGE: TypeAdapter[PatternStreamMessage] = TypeAdapter(PatternStreamMessage)
