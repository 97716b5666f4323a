"""The market data agent's vocabulary beside `models.market`: lists, the clock, the stream."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter, field_validator

from trading_dashboard.models.market import (
    AS_FAST_AS_POSSIBLE,
    MAX_REPLAY_SPEED,
    MIN_REPLAY_SPEED,
    Bar,
    ClockState,
    CorporateAction,
    Interval,
    Labelled,
    PriceResponse,
    SourceInfo,
    SymbolInfo,
    Wire,
)


class SymbolsResponse(Labelled):
    """``GET /symbols``: what is listed by the market clock, and fits the text."""

    symbols: list[SymbolInfo]
    total: int = 0
    """How many fit, on all pages."""
    next_offset: int | None = None
    """Pass it as `offset` for those after these. None on the last page."""


class ActionsResponse(Labelled):
    """``GET /actions/{symbol}``: effective by the market clock, oldest first."""

    symbol: str
    actions: list[CorporateAction]


class SourcesResponse(Labelled):
    """``GET /sources``."""

    sources: list[SourceInfo]


class ClockResponse(ClockState):
    """``GET /clock`` and ``POST /clock``."""

    source: str
    intraday: Literal["real", "simulated", "none"]


class ClockChange(Wire):
    """Body of ``POST /clock``; what is absent stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    speed: float | None = Field(
        default=None,
        ge=MIN_REPLAY_SPEED,
        le=AS_FAST_AS_POSSIBLE,
        description="Market seconds per wall second, 0.1 to 1000; of a recording also 1000000, as "
        "fast as possible.",
    )
    paused: bool | None = Field(default=None, description="Stop, or go on.")
    now: AwareDatetime | None = Field(
        default=None, description="Jump to this time; closed hours count as the next open."
    )

    @field_validator("speed")
    @classmethod
    def _check_speed(cls, speed: float | None) -> float | None:
        if speed is not None and MAX_REPLAY_SPEED < speed < AS_FAST_AS_POSSIBLE:
            raise ValueError(
                f"speed is at most {MAX_REPLAY_SPEED:g}, of a recording also "
                f"{AS_FAST_AS_POSSIBLE:.0f}"
            )
        return speed


StreamInterval = Interval | Annotated[str, Field(pattern=r"^[1-9][0-9]{0,11}[tvd]$")]
"""An interval, or bars of so many ticks (``100t``), so much volume or turnover."""


class RecordingInfo(Wire):
    """One recording. `start` and `end` are market time."""

    name: str
    source: str
    """Who was recorded."""
    symbols: list[str]
    """Empty if all of the source was recorded."""
    state: Literal["recording", "complete", "interrupted"]
    reason: str | None = None
    """Why it ended."""
    made_at: datetime
    start: datetime
    end: datetime
    rows: int
    size_bytes: int
    playing: bool = False


class RecordingsResponse(Wire):
    """``GET /recordings``, newest first."""

    recordings: list[RecordingInfo]


class RecordingOrder(Wire):
    """Body of ``POST /recordings``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="Of the recording, and of its folder."
    )
    source: str | None = Field(
        default=None, max_length=100, description="What to record; the active source if missing."
    )
    symbols: list[str] = Field(
        default_factory=list, max_length=1000, description="Only these; all if empty."
    )


class StreamOperation(Wire):
    """What a client of ``/stream`` sends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: Literal["subscribe", "unsubscribe"]
    symbols: list[str] = Field(min_length=1, max_length=100)
    """Names in any case; ``*`` means every symbol, ``BTC/*`` those that begin so, also of those
    listed later."""
    intervals: list[StreamInterval] = Field(default_factory=list, max_length=15)
    """Bars wanted besides ticks. Of an unsubscription: only these, or the symbol as a whole."""
    resume_from: int | None = Field(default=None, ge=0)
    """The event up to which all was received before; what came after it is sent, not snapshots."""
    epoch: str | None = Field(default=None, max_length=64)
    """The numbering `resume_from` belongs to, from the clock message."""
    since: AwareDatetime | None = None
    """The newest market time received: a backfill that cannot be dated otherwise begins here."""
    closed_only: bool | None = None
    """Of a subscription: bars only once they have closed, and no ticks, on this connection."""


class FeedMessage(Wire):
    """Base of what the server sends. `seq` strictly grows by one on one connection.

    `event` numbers what happens in the market, for all connections alike; it is the state's for a
    snapshot, and missing where nothing happened. `complete`, if given, is the event up to which
    this connection was told all, where that is not `event` itself.
    """

    seq: int
    event: int | None = None
    complete: int | None = None


class SymbolSnapshot(FeedMessage):
    """A symbol's whole state; what follows builds on it."""

    type: Literal["snapshot"]
    symbol: str
    price: PriceResponse
    bars: dict[str, Bar | None]
    """The forming bar of each interval subscribed; None when none is forming."""


class PriceTick(FeedMessage):
    """The newest price. `conflated` earlier ones were merged into it."""

    type: Literal["tick"]
    symbol: str
    price: PriceResponse
    conflated: int = 0


class BarUpdate(FeedMessage):
    """A bar, forming or closed.

    `conflated` of a closed bar: so many closed bars before it were left out, read them anew.
    """

    type: Literal["bar"]
    symbol: str
    interval: StreamInterval
    bar: Bar
    conflated: int = 0


class ClockUpdate(FeedMessage):
    """The clock: when it changes, and each second while it moves."""

    type: Literal["clock"]
    clock: ClockState
    epoch: str | None = None
    """The numbering of events."""
    conflated: int = 0


class MarketHeartbeat(FeedMessage):
    """Sent after a second of silence."""

    type: Literal["heartbeat"]


class MarketReset(FeedMessage):
    """Forget what was received: snapshots follow, history must be read anew.

    With a `symbol` only of that one; `start` and `end` are the stretch that may have been missed.
    """

    type: Literal["reset"]
    reason: str
    symbol: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class StreamResumed(FeedMessage):
    """All that was missed has been sent; from here on it is live."""

    type: Literal["resumed"]
    epoch: str
    symbols: int
    missed: int


class MarketRefusal(FeedMessage):
    """The client's message could not be used; `error` has the one error shape."""

    type: Literal["error"]
    error: dict[str, Any]


MarketMessage = Annotated[
    SymbolSnapshot
    | PriceTick
    | BarUpdate
    | ClockUpdate
    | MarketHeartbeat
    | MarketReset
    | StreamResumed
    | MarketRefusal,
    Field(discriminator="type"),
]
MARKET_MESSAGE: TypeAdapter[MarketMessage] = TypeAdapter(MarketMessage)
