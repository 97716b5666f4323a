"""The market data agent's typed client.

Owns the questions, paging and a stream that comes back after an interruption. Errors arrive as the
classes the agent raised (`models.errors`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from datetime import date, datetime
from typing import Any, ClassVar, Literal
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from trading_dashboard.clients.json_client import JsonClient
from trading_dashboard.clients.market_stream import follow
from trading_dashboard.models.errors import (
    Forbidden,
    InvalidRange,
    MarketDataError,
    TradingDashboardError,
    Unauthorized,
    UnknownSymbol,
)
from trading_dashboard.models.market import (
    Bar,
    CorporateAction,
    HistoricalResponse,
    Interval,
    PriceResponse,
    SymbolInfo,
)
from trading_dashboard.models.market_api import (
    MARKET_MESSAGE,
    ActionsResponse,
    ClockChange,
    ClockResponse,
    MarketMessage,
    StreamOperation,
    SymbolsResponse,
)

SILENCE_SECONDS = 5.0
"""The agent sends a heartbeat each second; after this long without a word the stream is dead."""
MAX_MESSAGE_BYTES = 1024 * 1024
PAGE_LIMIT = 5_000

Adjusted = Literal["none", "splits", "all"]


class MarketDataUnavailable(MarketDataError):
    """The agent does not answer, or answers what cannot be understood."""

    code = "market_data_unavailable"


class MarketDataRefused(MarketDataError):
    """The agent refused in a way that has no class of its own. `api_code` is its code."""

    code = "market_data_refused"

    def __init__(self, message: str, *, api_code: str = "", **about: Any) -> None:
        super().__init__(message, **about)
        self.api_code = api_code


class MarketDataClient(JsonClient):
    """Talks to one market data agent. Use it as an async context manager, from one event loop."""

    _ERRORS: ClassVar[dict[str, type[TradingDashboardError]]] = {
        kind.code: kind for kind in (UnknownSymbol, InvalidRange, Unauthorized, Forbidden)
    }

    def __init__(self, base_url: str, token: str | None = None) -> None:
        """Make a client.

        Args:
            base_url: Such as ``http://localhost:8000``.
            token: The operator token; needed by `set_clock` only.
        """
        super().__init__(base_url)
        self._token = token

    # One question, one answer

    async def price(self, symbol: str) -> PriceResponse:
        """Return the newest price.

        Raises:
            UnknownSymbol
        """
        return await self._get(f"/price/{quote(symbol, safe='')}", PriceResponse)

    async def symbols(self) -> list[SymbolInfo]:
        """Return what is listed by the market clock."""
        return (await self._get("/symbols", SymbolsResponse)).symbols

    async def actions(self, symbol: str) -> list[CorporateAction]:
        """Return splits and dividends effective by the market clock, oldest first.

        Raises:
            UnknownSymbol
        """
        path = f"/actions/{quote(symbol, safe='')}"
        return (await self._get(path, ActionsResponse)).actions

    async def clock(self) -> ClockResponse:
        """Return the market clock."""
        return await self._get("/clock", ClockResponse)

    async def set_clock(
        self,
        *,
        speed: float | None = None,
        paused: bool | None = None,
        now: datetime | None = None,
    ) -> ClockResponse:
        """Change the replay; returns once the change is durable.

        Raises:
            Unauthorized: No token was given, or not the agent's.
            InvalidRange: `now` is outside the data.
        """
        change = ClockChange(speed=speed, paused=paused, now=now)
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        body = change.model_dump(mode="json", exclude_none=True)
        return await self._request("POST", "/clock", ClockResponse, json=body, headers=headers)

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
        given = {"start_date": start, "end_date": end, "limit": limit, "page": page}
        parameters.update({key: str(value) for key, value in given.items() if value is not None})
        path = f"/historical/{quote(symbol, safe='')}"
        return await self._get(path, HistoricalResponse, parameters)

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

    # The stream

    async def stream(
        self, symbols: Sequence[str], intervals: Sequence[str] = ()
    ) -> AsyncGenerator[MarketMessage]:
        """Yield messages for ever, over as many connections as it takes.

        After an interruption it goes on with what came meanwhile, nothing twice; a `StreamResumed`
        says so. What the agent does not know any more begins anew: a `MarketReset` with a `symbol`
        (reason ``gap``), or of all (reason ``reconnected``), then snapshots. Forget what was
        received of it and read history anew, of `start` to `end` if it names them. A gap in the
        sequence counts as an interruption. Refusals end the stream with their error; silence and
        lost connections do not.

        Args:
            symbols: Names, or patterns such as ``*`` and ``BTC/*``.
            intervals: Bars wanted besides ticks.

        Raises:
            Forbidden: The agent does not answer to this host name.
        """
        async with aclosing(follow(self._connection, symbols, intervals)) as messages:
            async for message in messages:
                yield message

    async def _connection(self, operation: StreamOperation) -> AsyncGenerator[MarketMessage]:
        """Yield one connection's messages until it is lost."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

        url = self._base_url.replace("http", "ws", 1) + "/stream"
        try:
            async with connect(url, max_size=MAX_MESSAGE_BYTES, proxy=None) as connection:
                await connection.send(operation.model_dump_json(exclude_none=True))
                expected = 1
                while True:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        text = await connection.recv()
                    message = MARKET_MESSAGE.validate_json(text)
                    if message.seq != expected:
                        return
                    expected += 1
                    yield message
        except InvalidStatus as error:
            if error.response.status_code == 403:
                raise Forbidden(
                    "The agent refused the stream.",
                    subject=url,
                    next_step="Address it as localhost, or start it with --allow-host NAME.",
                ) from error
        except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError, ValidationError):
            return

    # Private

    def _unreachable(self, error: Exception) -> MarketDataUnavailable:
        return MarketDataUnavailable(
            f"The market data agent does not answer at {self._base_url}.",
            subject=self._base_url,
            observed=f"{type(error).__name__}: {error}",
            next_step="Look at the agent's status and log.",
        )

    def _misunderstood(
        self, message: str, path: str, response: httpx.Response
    ) -> MarketDataUnavailable:
        return MarketDataUnavailable(
            message,
            subject=path,
            observed=response.text[:200],
            next_step="Is it a market data agent, and do versions match?",
        )

    def _refusal(self, response: httpx.Response) -> TradingDashboardError:
        try:
            error = response.json()["error"]
            about = {key: error[key] for key in ("subject", "observed", "next_step", "details")}
            code, message = str(error["code"]), str(error["message"])
        except (ValueError, KeyError, TypeError):
            return MarketDataUnavailable(
                f"The market data agent answered {response.status_code} without an explanation.",
                subject=self._base_url,
                observed=response.text[:200],
            )
        kind = self._ERRORS.get(code)
        if kind is None:
            return MarketDataRefused(message, api_code=code, **about)
        return kind(message, **about)
