"""The market data agent's questions with one answer each, typed.

Owns the paths, paging and which class an error becomes. Tables and the stream are built on it:
`market_tables`, `market_data`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any, Literal
from urllib.parse import quote

from trading_dashboard.clients.agent_client import AgentClient, AgentRefused, by_code, given
from trading_dashboard.models.errors import (
    DataUnavailable,
    Forbidden,
    InvalidRange,
    MarketDataError,
    Unauthorized,
    UnknownSource,
    UnknownSymbol,
)
from trading_dashboard.models.market import (
    Bar,
    CorporateAction,
    HistoricalResponse,
    Interval,
    PriceResponse,
    SourceInfo,
    SymbolInfo,
)
from trading_dashboard.models.market_api import (
    ActionsResponse,
    ClockResponse,
    SourcesResponse,
    SymbolsResponse,
)
from trading_dashboard.models.market_reading import (
    CalendarResponse,
    GapInfo,
    GapsResponse,
    QualityReportResponse,
    QualityResponse,
    QualityScore,
    QuarantineResponse,
    QuotesResponse,
    RejectedRow,
    StorageResponse,
    ValidationResponse,
)

PAGE_LIMIT = 5_000

Adjusted = Literal["none", "splits", "all"]


class MarketDataUnavailable(MarketDataError):
    """The agent does not answer, or answers what cannot be understood."""

    code = "market_data_unavailable"


class MarketDataRefused(AgentRefused, MarketDataError):
    """The agent refused in a way that has no class of its own. `api_code` is its code."""

    code = "market_data_refused"


class MarketQuestions(AgentClient):
    """Asks one market data agent. Use it as an async context manager, from one event loop."""

    _agent = "market data agent"
    _errors = by_code(
        (UnknownSymbol, UnknownSource, DataUnavailable, InvalidRange, Unauthorized, Forbidden)
    )
    _unavailable = MarketDataUnavailable
    _refused = MarketDataRefused

    async def price(self, symbol: str) -> PriceResponse:
        """Return the newest price.

        Raises:
            UnknownSymbol
        """
        return await self._get(path_of("price", symbol), PriceResponse)

    async def quotes(self, symbols: Sequence[str]) -> QuotesResponse:
        """Return the newest prices of up to 500 symbols; what has none has an error instead."""
        return await self._get("/quotes", QuotesResponse, {"symbols": ",".join(symbols)})

    async def symbols(self) -> list[SymbolInfo]:
        """Return all that is listed by the market clock."""
        found: list[SymbolInfo] = []
        offset: int | None = 0
        while offset is not None:
            page = await self._get("/symbols", SymbolsResponse, {"offset": offset})
            found += page.symbols
            offset = page.next_offset
        return found

    async def search(self, text: str, *, limit: int = 20, offset: int = 0) -> SymbolsResponse:
        """Return the symbols that fit a text best, by symbol and name."""
        parameters = {"text": text, "limit": limit, "offset": offset}
        return await self._get("/symbols", SymbolsResponse, parameters)

    async def validate(self, symbol: str) -> ValidationResponse:
        """Return whether a symbol exists, where, and what else may have been meant."""
        return await self._get(path_of("validate", symbol), ValidationResponse)

    async def sources(self) -> list[SourceInfo]:
        """Return where data comes from."""
        return (await self._get("/sources", SourcesResponse)).sources

    async def actions(self, symbol: str) -> list[CorporateAction]:
        """Return splits and dividends effective by the market clock, oldest first.

        Raises:
            UnknownSymbol
        """
        return (await self._get(path_of("actions", symbol), ActionsResponse)).actions

    async def calendar(
        self, symbol: str, *, start: date | None = None, end: date | None = None
    ) -> CalendarResponse:
        """Return the sessions of the symbol's exchange, by default those around the clock.

        Raises:
            UnknownSymbol, InvalidRange.
        """
        asked = given(start=start, end=end)
        return await self._get(path_of("calendar", symbol), CalendarResponse, asked)

    async def quality(self, symbol: str) -> list[QualityScore]:
        """Return a symbol's scores, one for each source that has it.

        Raises:
            UnknownSymbol
        """
        return (await self._get(path_of("quality", symbol), QualityResponse)).scores

    async def quality_report(self) -> QualityReportResponse:
        """Return the scores of all symbols, worst first."""
        return await self._get("/quality/report", QualityReportResponse)

    async def gaps(self, symbol: str | None = None) -> list[GapInfo]:
        """Return open hours without data, of one symbol or of all, newest first.

        Raises:
            UnknownSymbol
        """
        path = "/gaps" if symbol is None else path_of("gaps", symbol)
        return (await self._get(path, GapsResponse)).gaps

    async def rejected(self, symbol: str | None = None, *, limit: int = 100) -> list[RejectedRow]:
        """Return rows that were not believed, newest first.

        Raises:
            UnknownSymbol
        """
        parameters: dict[str, Any] = {"limit": limit}
        if symbol is not None:
            parameters["symbol"] = symbol
        return (await self._get("/quarantine", QuarantineResponse, parameters)).rejected

    async def storage(self) -> StorageResponse:
        """Return what is kept, and how much room it takes."""
        return await self._get("/storage", StorageResponse)

    async def clock(self) -> ClockResponse:
        """Return the market clock."""
        return await self._get("/clock", ClockResponse)

    async def historical(
        self,
        symbol: str,
        *,
        interval: Interval = "1d",
        start: date | None = None,
        end: date | None = None,
        limit: int | None = None,
        page: str | None = None,
        adjusted: Adjusted = "none",
        include_partial: bool = False,
        source: str | None = None,
    ) -> HistoricalResponse:
        """Return bars of a range of days: from `start` on, or the newest ones without it.

        By default up to 10,000 with a `start`, else 500; `next_page` of the answer is set if the
        range has more.

        Raises:
            UnknownSymbol, InvalidRange.
        """
        parameters: dict[str, Any] = {
            "interval": interval,
            "adjusted": adjusted,
            "include_partial": include_partial,
        }
        parameters |= given(start_date=start, end_date=end, limit=limit, page=page, source=source)
        return await self._get(path_of("historical", symbol), HistoricalResponse, parameters)

    async def bars(
        self,
        symbol: str,
        *,
        interval: Interval = "1d",
        start: date | None = None,
        end: date | None = None,
        adjusted: Adjusted = "none",
        page_limit: int = PAGE_LIMIT,
    ) -> AsyncIterator[Bar]:
        """Yield every closed bar of a range of days, oldest first, page by page.

        Raises:
            UnknownSymbol, InvalidRange.
        """
        page: str | None = "first"
        while page is not None:
            answer = await self.historical(
                symbol,
                interval=interval,
                start=start,
                end=end,
                limit=page_limit,
                page=page,
                adjusted=adjusted,
            )
            for bar in answer.data:
                yield bar
            page = answer.next_page


def path_of(route: str, symbol: str) -> str:
    """Return the path of a question about a symbol, whatever its name holds."""
    return f"/{route}/{quote(symbol, safe='')}"
