"""One market as the routes and the stream see it: the demo's replay, live sources, or a recording.

Owns the questions that can be asked, whatever answers them. Bodies are plain types shaped like the
models named; every one carries `source`, `replay` and `intraday`. Nothing later than the market's
own clock is ever in an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.models.errors import InvalidRange

if TYPE_CHECKING:
    import pyarrow as pa


Adjusted = Literal["none", "splits", "all"]
Body = Mapping[str, Any]
Columns = Mapping[str, NDArray[Any]]

FIRST_PAGE = "first"
"""The page to begin with when going forward from the first bar."""


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

    def __post_init__(self) -> None:
        """Refuse swapped dates."""
        if self.start and self.end and self.start > self.end:
            raise InvalidRange(
                "start_date is after end_date.",
                subject=self.symbol[:32],
                observed=f"{self.start} to {self.end}",
                next_step="Swap the two dates.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsAnswer:
    """Bars of one source as columns, and what is said of them.

    Attributes:
        head: `symbol`, `interval`, `next_page`, `as_of` and the label (`source`, `replay`,
            `intraday`). What is derived from the bars (`data_points`, the dates) is added later.
        table: start (int64 microseconds), open, high, low, close, volume, closed (bool) and, if
            known, adjusted_close, quality_score (float64) and revision (int32), oldest first. Arrow
            or plain numpy: a market that is not in Arrow anyway need not import it.
    """

    head: Body
    table: pa.Table | Columns

    def __len__(self) -> int:
        """Return how many bars there are."""
        table = self.table
        return len(table["start"]) if isinstance(table, Mapping) else int(table.num_rows)

    def parts(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield the columns in parts, each with its name; no column is put together."""
        if isinstance(self.table, Mapping):
            yield from self.table.items()
            return
        for name in self.table.column_names:
            for chunk in self.table.column(name).chunks:
                yield name, np.ascontiguousarray(chunk.to_numpy(zero_copy_only=False))

    def columns(self) -> Columns:
        """Return the bars as numpy columns; what is unknown is NaN."""
        if isinstance(self.table, Mapping):
            return self.table
        table = self.table
        return {
            name: np.ascontiguousarray(table.column(name).to_numpy()) for name in table.column_names
        }


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
