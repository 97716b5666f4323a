"""One market as the routes and the stream see it: the demo's replay, live sources, or a recording.

Owns the questions that can be asked, whatever answers them. Bodies are plain types shaped like the
models named; every one carries `source`, `replay` and `intraday`. Nothing later than the market's
own clock is ever in an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


Adjusted = Literal["none", "splits", "all"]
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsQuestion:
    """One request for bars. `page` is None for the newest ones, else pages go forward.

    `source` None is the source the symbol is served from now.
    """

    symbol: str
    interval: str
    start: date | None = None
    end: date | None = None
    limit: int = 500
    page: str | None = None
    adjusted: Adjusted = "none"
    include_partial: bool = False
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsAnswer:
    """Bars of one source as columns, and what is said of them.

    `table` has start (int64 microseconds), open, high, low, close, volume, adjusted_close,
    quality_score (float64), closed (bool) and revision (int32), oldest first.
    """

    head: Body
    table: pa.Table


class Market(Protocol):
    """What is asked by symbol raises `UnknownSymbol`; what no source has now, `DataUnavailable`."""

    def label(self) -> Body:
        """Return `source`, `replay` and `intraday` of the whole."""

    def clock(self) -> Body:
        """Return a body shaped like `ClockState`."""

    async def symbols(self, text: str | None, limit: int, offset: int) -> tuple[list[Body], int]:
        """Return a page of instruments that fit, and how many there are."""

    async def price(self, symbol: str) -> Body:
        """Return a body shaped like `PriceResponse`."""

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Body]:
        """Return a price, or an error body, for each symbol asked for."""

    async def bars(self, question: BarsQuestion) -> BarsAnswer:
        """Return bars up to the clock."""

    async def actions(self, symbol: str) -> list[Body]:
        """Return bodies shaped like `CorporateAction`, oldest first."""

    def sources(self) -> list[Body]:
        """Return bodies shaped like `SourceInfo`."""

    async def quality(self, symbol: str) -> list[Body]:
        """Return the scores of a symbol, one for each source that has it."""

    async def quality_report(self) -> list[Body]:
        """Return the newest scores of all symbols."""

    async def rejected(self, symbol: str | None, limit: int) -> list[Body]:
        """Return quarantined rows, newest first."""

    async def gaps(self, symbol: str | None) -> list[Body]:
        """Return gaps, newest first."""

    async def calendar(self, symbol: str, start: date, end: date) -> Body:
        """Return the sessions of a symbol's exchange within the dates."""

    async def storage(self) -> Body:
        """Return what is kept and how much room it takes."""
