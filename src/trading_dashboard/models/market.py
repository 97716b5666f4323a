"""Market data as it travels: over HTTP, over the stream, between agents.

Field names are those that market data agents in the field already use; what is ours stands beside
them. Prices are in the symbol's currency, unadjusted unless a field says otherwise; volumes are
shares or coins; times are aware UTC, written with a trailing ``Z``.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

INTERVALS = (
    "1s", "5s", "15s", "30s", "1m", "2m", "5m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1M",
)  # fmt: skip
"""Every bar interval, shortest first. ``1m`` is a minute, ``1M`` a month."""

Interval = Literal[
    "1s", "5s", "15s", "30s", "1m", "2m", "5m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1M"
]

MIN_REPLAY_SPEED, MAX_REPLAY_SPEED = 0.1, 1000.0
"""Market seconds per wall second."""
AS_FAST_AS_POSSIBLE = 1_000_000.0
"""The speed of a recording at which nothing is waited for."""


class Wire(BaseModel):
    """Base of everything that crosses a socket."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Labelled(Wire):
    """What every datum says about where it is from and how real it is."""

    source: str
    replay: bool = False
    intraday: Literal["real", "simulated", "none"] = "real"


class PriceResponse(Labelled):
    """``GET /price/{symbol}``: the newest known price."""

    symbol: str
    price: float = Field(gt=0)
    timestamp: datetime
    """When the price was made, in market time."""
    volume: float = Field(ge=0)
    """Shares or coins traded in the session so far."""
    bid: float | None = None
    ask: float | None = None
    quality_score: float | None = Field(default=None, ge=0, le=100)
    cached: bool = False
    currency: str = "USD"
    previous_close: float | None = None
    """The last session's close, adjusted for a split or dividend effective today."""
    change_percent: float | None = None
    day_open: float | None = None
    day_high: float | None = None
    day_low: float | None = None
    session: date | None = None
    age_seconds: float | None = Field(default=None, ge=0)
    """Market time since the price was made; closed hours do not count."""
    seq: int = 0


class Bar(Wire):
    """One bar of ``GET /historical/{symbol}`` or of the stream.

    `timestamp` is the bar's opening time; for 1d and longer, midnight UTC of the (first) session's
    date. `open <= high`, `low <= close` and so on always hold.
    """

    timestamp: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    adjusted_close: float | None = None
    source: str
    quality_score: float | None = None
    closed: bool = True
    """False while the bar is still forming."""
    revision: int = 0
    """How often the bar was amended, by late ticks or by its source."""


class HistoricalResponse(Labelled):
    """``GET /historical/{symbol}``: bars, oldest first."""

    symbol: str
    start_date: date | None
    end_date: date | None
    interval: Interval
    data_points: int
    data: list[Bar]
    next_page: str | None = None
    """Opaque; pass it as `page` for the bars after these. None on the last page."""
    as_of: datetime
    """The market clock when this was answered: nothing later is in it."""
    complete: bool = True
    """False if a part that was asked for could not be had; `note` says why."""
    note: str | None = None


class CorporateAction(Wire):
    """A split or a dividend, effective before the open of `ex_date`."""

    symbol: str
    ex_date: date
    kind: Literal["split", "dividend"]
    ratio: float | None = None
    """Splits: new shares per old share (2.0 for a two-for-one)."""
    amount: float | None = None
    """Dividends: cash per share as of the ex-date, derived from the adjusted closes."""
    source: str


class SymbolInfo(Wire):
    """One row of ``GET /symbols``."""

    symbol: str
    name: str
    exchange: str
    calendar: str
    """Name in exchange_calendars, such as ``XNYS``."""
    time_zone: str
    currency: str = "USD"
    asset_class: str = "equity"
    first_session: date | None = None
    """None where it is not known."""
    last_session: date | None = None
    """The newest session the clock has reached; never one to come."""
    source: str


class MarketPhase(StrEnum):
    """Whether the exchange trades now, regular session only."""

    OPEN = "open"
    CLOSED = "closed"


class ClockState(Wire):
    """``GET /clock``: market time as the market data agent states it."""

    now: datetime
    """Market time."""
    replay: bool
    speed: float
    """Market seconds per wall second; 1 for a live source, 0 never (see `paused`)."""
    paused: bool = False
    finished: bool = False
    """The replay has reached the end of its data."""
    calendar: str
    time_zone: str
    market: MarketPhase
    session: date | None = None
    """The session in progress, or the last one if the market is closed."""
    next_open: datetime | None = None
    next_close: datetime | None = None
    start: datetime | None = None
    """First instant a replay can jump to."""
    end: datetime | None = None
    """Last instant of a replay's data."""
    recording: str | None = None
    """What is played, such as ``monday of ccxt:binance``; None if it is no recording."""
    max_speed: float | None = None
    """The fastest a replay's clock can be set to; None where it cannot be set."""


class SourceInfo(Wire):
    """One row of ``GET /sources``."""

    name: str
    active: bool
    real: bool
    """False for anything simulated or replayed."""
    description: str
    licence: str
    intervals: list[str]
    status: str
    """For people: how it is, and why."""
    state: Literal["ok", "limited", "down", "refused", "missing", "idle"] | None = None
    breaker: Literal["closed", "open", "half_open"] | None = None
    """Open: left alone after failures. Half-open: tried with one request."""
    live_breaker: Literal["closed", "open", "half_open"] | None = None
    retry_in_seconds: float | None = None
    needs_key: bool = False
    live: Literal["none", "poll", "stream"] = "none"
    live_symbols: int = 0
    """Symbols whose live prices come from it."""
    quota_used: int | None = None
    """Requests in the provider's day."""
    quota_limit: int | None = None
    quota_resets_at: datetime | None = None
    requests_per_minute: int | None = None
    requests: int = 0
    """Since the start."""
    errors: dict[str, int] = Field(default_factory=dict)
    """How often each code, since the start."""
    last_error: str | None = None
    last_error_at: datetime | None = None
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
