"""What the live market needs of its parts, each as small as its use here.

Owns no behaviour. The real ones are the source desk (`choosing`), gates and scores (`quality`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from trading_dashboard.agents.market_data.live.book import Newest
from trading_dashboard.agents.market_data.market import Body
from trading_dashboard.agents.market_data.records import Bars, CorporateEvent, Ticks
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import (
    Instrument,
    PastBars,
    Quote,
    SourceFailure,
)
from trading_dashboard.agents.market_data.store.contract import Gap, Rejected, SeriesInfo

Result = TypeVar("Result")
Answered_co = TypeVar("Answered_co", covariant=True)


class InThread(Protocol):
    """Does blocking work off the event loop."""

    def __call__(self, work: Callable[[], Result]) -> Awaitable[Result]:
        """Return what `work` returns."""


class Reply(Protocol[Answered_co]):
    """An answer of the source desk, with who gave it."""

    @property
    def source(self) -> str:
        """Return the one source it is from."""

    @property
    def value(self) -> Answered_co:
        """Return what was answered."""

    @property
    def is_cached(self) -> bool:
        """Return whether nobody was asked for it just now."""


class Finding(Protocol):
    """What the sources found for a text."""

    @property
    def instruments(self) -> Sequence[Instrument]:
        """Return what fits, best first."""


class SymbolsKnown(Protocol):
    """Who knows the symbols."""

    def serving(self, symbol: str) -> str | None:
        """Return the source a symbol is served from now, None if nobody is known to have it."""

    async def instrument(self, symbol: str) -> Instrument:
        """Return what a symbol is. Raises `SourceFailure`."""

    async def find(self, text: str, limit: int) -> Finding:
        """Return what the sources find for a text."""


class SourcesDesk(SymbolsKnown, Protocol):
    """Who is asked."""

    async def quotes(
        self, symbols: Sequence[str], *, source: str | None = None
    ) -> Mapping[str, Reply[Quote] | SourceFailure]:
        """Ask for the newest prices."""

    async def history(
        self, symbol: str, interval: str, start: int, end: int, *, source: str | None = None
    ) -> Reply[PastBars]:
        """Ask for the bars of a stretch. Raises `SourceFailure`."""


class PastGate(Protocol):
    """Tells bars that can be believed from others."""

    def sort_out(
        self, instrument: Instrument, past: PastBars, received: int
    ) -> tuple[Bars, Sequence[CorporateEvent], Sequence[Rejected]]:
        """Return the good bars, in order, the good events, and the others with the reason."""


class TickSorter(Protocol):
    """Tells ticks that can be believed from others."""

    def sort_out(self, ticks: Ticks) -> tuple[Ticks, Sequence[Rejected]]:
        """Return the good ticks and the others with the reason."""


class MarketClock(Protocol):
    """The clock that prices and bars are told by."""

    def micros(self) -> int:
        """Return now in microseconds since 1970 UTC."""

    def is_open(self, sessions: Sessions | None = None) -> bool:
        """Return whether a market trades now."""

    def body(self) -> Mapping[str, Any]:
        """Return a body shaped like `ClockState`."""


class KeptActions(Protocol):
    """Where splits and dividends are kept."""

    def actions(self, source: str, symbol: str) -> Sequence[CorporateEvent]:
        """Return splits and dividends, oldest first."""


class KeptRecords(KeptActions, Protocol):
    """Where the rest is kept that is asked for by routes of its own."""

    def series(self, symbol: str | None = None) -> Sequence[SeriesInfo]:
        """Return what is kept, of one symbol or of all."""

    def rejected(
        self, symbol: str | None = None, source: str | None = None, *, limit: int = 100
    ) -> Sequence[Rejected]:
        """Return the rows rejected last, newest first."""

    def gaps(self, symbol: str | None = None, *, limit: int = 1000) -> Sequence[Gap]:
        """Return gaps, newest first."""


class Prices(Protocol):
    """Where newest prices come from."""

    async def prices(self, symbols: Sequence[str]) -> Mapping[str, Newest | SourceFailure]:
        """Return the newest price of each symbol, or why there is none."""


class Scores(Protocol):
    """How good each series is."""

    def quality(self, symbol: str) -> Sequence[Body]:
        """Return the scores of a symbol, one for each source that has it."""

    def report(self) -> Sequence[Body]:
        """Return the newest scores of all symbols."""

    def total(self, source: str, symbol: str) -> float | None:
        """Return the newest score from 0 to 100, None if there is none yet."""
