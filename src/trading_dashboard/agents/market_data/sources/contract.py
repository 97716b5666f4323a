"""What a source of market data is: the small contract that each provider, ours or a user's, fills.

Owns the vocabulary between sources and whoever asks them (`choosing`). A source translates one
provider's world into ours and nothing else: retries, rate limits, quotas, caching and choice are
the caller's, judging what arrives is `quality`'s. A source raises `SourceFailure` and nothing else
for whatever the provider does; it never answers with data it made up, and never repairs a row.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Literal, Protocol

from trading_dashboard.agents.market_data.records import Bars, CorporateEvent, Ticks

ENTRY_POINTS = "trading_dashboard.market_data_sources"
"""Group of the entry points by which users' own sources are found: name -> `SourceFactory`."""


class AssetClass(StrEnum):
    """What kind of thing a symbol is; priorities are set for each."""

    EQUITY = "equity"
    FUND = "fund"
    INDEX = "index"
    FX = "fx"
    CRYPTO = "crypto"
    FUTURE = "future"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A symbol as we know it. `calendar` is a name of exchange_calendars (``XNYS``, ``24/7``)."""

    symbol: str
    name: str
    asset_class: AssetClass
    exchange: str
    calendar: str
    time_zone: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The newest price a source tells, times in microseconds since 1970 UTC, unchecked."""

    source: str
    symbol: str
    price: float
    at: int
    received: int
    volume: float | None = None
    bid: float | None = None
    ask: float | None = None
    previous_close: float | None = None
    day_open: float | None = None
    day_high: float | None = None
    day_low: float | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastBars:
    """What a source tells of the past: unadjusted bars, unchecked, and actions in their range."""

    bars: Bars
    actions: Sequence[CorporateEvent] = ()
    is_complete: bool = True
    """False if the provider cut the range short; what is missing is at the beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a source can do, asked of it without a connection.

    Attributes:
        intervals: Of its history, as in `models.market.INTERVALS`.
        live: How live prices come: not at all, by asking again, or pushed.
        max_quotes: Symbols one question for quotes may name.
        history_days: How far back an interval goes, in days; absent is without a limit.
    """

    asset_classes: frozenset[AssetClass]
    intervals: tuple[str, ...]
    live: Literal["none", "poll", "stream"]
    has_quotes: bool = True
    has_actions: bool = False
    has_search: bool = False
    needs_key: bool = False
    is_real: bool = True
    max_quotes: int = 1
    history_days: Mapping[str, int] = field(default_factory=dict)
    licence: str = ""
    description: str = ""
    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    """The provider's limits for the plan most people have; settings override them."""


class Source(Protocol):
    """One provider. Made without I/O; used from one event loop between `open` and `close`."""

    name: str
    capabilities: Capabilities

    async def open(self) -> None:
        """Get ready; opens no connection that may fail for long."""

    async def close(self) -> None:
        """Give everything back; ends what is under way."""

    async def find(self, text: str, limit: int) -> Sequence[Instrument]:
        """Return instruments whose symbol or name fits; empty if there are none."""

    async def instrument(self, symbol: str) -> Instrument:
        """Return what a symbol is. Raises `UnknownToSource`."""

    async def history(self, symbol: str, interval: str, start: int, end: int) -> PastBars:
        """Return the bars that open in [start, end), in microseconds."""

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Return the newest prices; symbols the provider left out are left out."""

    def live(self, symbols: frozenset[str]) -> AsyncIterator[Ticks]:
        """Yield ticks as they come, until closed. Raises `SourceFailure` when the stream ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """What a source is made with. `key` is secret: never logged, never in an address."""

    name: str
    key: str | None = field(default=None, repr=False)
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    data_directory: str = ""


class SourceFactory(Protocol):
    """Makes a source. Raises `SourceMissing` if a library it needs is not installed."""

    def __call__(self, settings: SourceSettings) -> Source:
        """Return the source, not yet open."""


class SourceFailure(Exception):
    """A source could not answer. `code` is stable, the text fit for people and without secrets."""

    code: ClassVar[str] = "source_failed"
    is_transient: ClassVar[bool] = True
    """Asking again later may help."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds the provider asked to wait, if it did."""


class SourceUnreachable(SourceFailure):
    """No connection, a time-out, or the provider's own fault (5xx)."""

    code = "source_unreachable"


class SourceLimited(SourceFailure):
    """The provider counts our requests and has had enough (429, or its words for it)."""

    code = "source_limited"


class SourceGarbled(SourceFailure):
    """The answer cannot be read: cut short, malformed, or of another shape."""

    code = "source_garbled"


class SourceRefusal(SourceFailure):
    """The provider refuses: the key is wrong, or the plan does not have it."""

    code = "source_refusal"
    is_transient = False


class UnknownToSource(SourceFailure):
    """The provider does not know the symbol."""

    code = "unknown_to_source"
    is_transient = False


class NotOffered(SourceFailure):
    """The source cannot do this, whatever the symbol."""

    code = "not_offered"
    is_transient = False


class SourceMisconfigured(SourceFailure):
    """There is no such source, or a key or an option of it is missing or wrong."""

    code = "source_misconfigured"
    is_transient = False


class SourceMissing(SourceFailure):
    """A library is not installed; the message has the line that installs it."""

    code = "source_missing"
    is_transient = False
