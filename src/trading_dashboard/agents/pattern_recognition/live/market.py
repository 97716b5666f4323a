"""Market data as the agent reads it: bars as columns, and what its answers say of themselves.

Owns turning the client's answers into `Bars` and its failures into errors a reader of this agent
understands. How many questions are asked at once is bounded here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import orjson

from trading_dashboard.agents.kit.columns import column_of
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.errors import MarketAway
from trading_dashboard.agents.pattern_recognition.live.label import Label
from trading_dashboard.clients.market_data import MarketDataClient, MarketDataUnavailable
from trading_dashboard.models.market import ClockState, CorporateAction, Interval, SymbolInfo
from trading_dashboard.models.market_api import MarketMessage

if TYPE_CHECKING:
    import pyarrow as pa

AT_ONCE = 4
"""Questions for bars that wait at the same time."""
_METADATA = b"trading_dashboard"
_PRICES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class History:
    """Closed bars, and where they are from."""

    bars: Bars
    label: Label


class Market(Protocol):
    """What the agent asks of market data."""

    async def clock(self) -> tuple[ClockState, Label]:
        """Return the market clock, and what the source says of itself."""

    async def symbols(self) -> list[SymbolInfo]:
        """Return what is listed."""

    async def actions(self, symbol: str) -> list[CorporateAction]:
        """Return splits and dividends that are effective."""

    async def history(
        self,
        symbol: str,
        timeframe: Interval,
        *,
        limit: int,
        start: date | None = None,
    ) -> History:
        """Return split-adjusted closed bars: the newest, or the first from a day on."""

    def stream(
        self, symbols: Sequence[str], timeframes: Sequence[str]
    ) -> AsyncGenerator[MarketMessage]:
        """Yield the stream's messages for ever; bars only once they have closed."""

    async def close(self) -> None:
        """Close what is open."""


class RemoteMarket:
    """The market data agent, over its client."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = MarketDataClient(url)
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.__aexit__(None, None, None)

    async def clock(self) -> tuple[ClockState, Label]:
        """See `Market`.

        Raises:
            MarketAway: Market data does not answer.
        """
        try:
            answer = await self._client.clock()
        except MarketDataUnavailable as error:
            raise _away(error) from error
        said = {"source": answer.source, "replay": answer.replay, "intraday": answer.intraday}
        return answer, Label.of(said)

    async def symbols(self) -> list[SymbolInfo]:
        """See `Market`.

        Raises:
            MarketAway: Market data does not answer.
        """
        try:
            return await self._client.symbols()
        except MarketDataUnavailable as error:
            raise _away(error) from error

    async def actions(self, symbol: str) -> list[CorporateAction]:
        """See `Market`.

        Raises:
            UnknownSymbol, DataUnavailable, MarketAway.
        """
        async with self._turns:
            try:
                return await self._client.actions(symbol)
            except MarketDataUnavailable as error:
                raise _away(error) from error

    async def history(
        self,
        symbol: str,
        timeframe: Interval,
        *,
        limit: int,
        start: date | None = None,
    ) -> History:
        """See `Market`.

        Raises:
            UnknownSymbol, DataUnavailable, MarketAway.
        """
        async with self._turns:
            try:
                table = await self._client.bars_table(
                    symbol, interval=timeframe, limit=limit, start=start, adjusted="splits"
                )
            except MarketDataUnavailable as error:
                raise _away(error) from error
        return _history(table)

    def stream(
        self, symbols: Sequence[str], timeframes: Sequence[str]
    ) -> AsyncGenerator[MarketMessage]:
        """See `Market`."""
        return self._client.stream(symbols, timeframes, closed_only=True)


def _history(table: pa.Table) -> History:
    """Return a table's closed bars as columns of their own."""
    said: dict[str, Any] = orjson.loads((table.schema.metadata or {})[_METADATA])
    time = column_of(table, "timestamp", np.dtype(np.int64))
    prices = [column_of(table, name, np.dtype(np.float64)) for name in _PRICES]
    keep = np.ones(len(time), bool)
    if "closed" in table.column_names:
        keep = column_of(table, "closed", np.dtype(bool))
    # Two rows of one time cannot be told apart; the newest one counts.
    keep[:-1] &= time[1:] > time[:-1]
    return History(Bars(time[keep], *(column[keep] for column in prices)), Label.of(said))


def _away(error: MarketDataUnavailable) -> MarketAway:
    return MarketAway(
        error.message, subject=error.subject, observed=error.observed, next_step=error.next_step
    )
