"""The market data agent's vocabulary beside `models.market`: lists, the clock, the stream."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter

from trading_dashboard.models.market import (
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
        default=None, ge=1, le=1000, description="Market seconds per wall second."
    )
    paused: bool | None = Field(default=None, description="Stop, or go on.")
    now: AwareDatetime | None = Field(
        default=None, description="Jump to this time; closed hours count as the next open."
    )


class StreamOperation(Wire):
    """What a client of ``/stream`` sends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: Literal["subscribe", "unsubscribe"]
    symbols: list[str] = Field(min_length=1, max_length=100)
    """Names in any case; ``*`` means every symbol, also those listed later."""
    intervals: list[Interval] = Field(default_factory=list, max_length=15)
    """Bars wanted besides ticks. Of an unsubscription: only these, or the symbol as a whole."""


class FeedMessage(Wire):
    """Base of what the server sends. `seq` strictly grows by one on one connection."""

    seq: int


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
    interval: Interval
    bar: Bar
    conflated: int = 0


class ClockUpdate(FeedMessage):
    """The clock: when it changes, and each second while it moves."""

    type: Literal["clock"]
    clock: ClockState
    conflated: int = 0


class MarketHeartbeat(FeedMessage):
    """Sent after a second of silence."""

    type: Literal["heartbeat"]


class MarketReset(FeedMessage):
    """Forget what was received: snapshots follow, history must be read anew."""

    type: Literal["reset"]
    reason: str


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
    | MarketRefusal,
    Field(discriminator="type"),
]
MARKET_MESSAGE: TypeAdapter[MarketMessage] = TypeAdapter(MarketMessage)
