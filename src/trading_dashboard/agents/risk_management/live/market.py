"""Market data as this agent follows it: prices, the clock, and whether there is anybody.

Owns one following, for ever: it comes back after anything, and tells its listener in the order
things happened. What a price does to the account is the listener's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, Protocol

from trading_dashboard.clients.market_data import MarketDataClient, MarketDataUnavailable
from trading_dashboard.models.errors import MarketDataError, TradingDashboardError
from trading_dashboard.models.market import ClockState, CorporateAction, PriceResponse, SymbolInfo
from trading_dashboard.models.market_api import (
    ClockResponse,
    ClockUpdate,
    MarketMessage,
    MarketRefusal,
    MarketReset,
    PriceTick,
    SymbolSnapshot,
)
from trading_dashboard.models.market_reading import SessionTimes

NOT_YET = "Market data has not answered yet."
"""What is said before it was tried."""
AWAY = "Market data does not answer."
SILENCE_SECONDS = 2.5
"""Market data says something each second; after so long without a word it is away."""
LOOK_SECONDS = 0.25
FIRST_RETRY_SECONDS = 0.25
MAX_RETRY_SECONDS = 5.0
AT_ONCE = 4
"""Questions for bars that wait at the same time."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Label:
    """As `models.market.Labelled`: whose prices they are, and how real."""

    source: str
    replay: bool
    intraday: Literal["real", "simulated", "none"]

    @classmethod
    def of(cls, clock: ClockResponse) -> Label:
        """Return what market data says of itself."""
        return cls(clock.source, clock.replay, clock.intraday)


UNKNOWN = Label("unknown", replay=False, intraday="none")
"""Before market data has said anything."""


class Market(Protocol):
    """What the agent asks of market data. Everything raises `MarketDataError`."""

    async def clock(self) -> ClockResponse:
        """Return the market clock, and what the source says of itself."""

    async def symbols(self) -> list[SymbolInfo]:
        """Return what is listed."""

    async def actions(self, symbol: str) -> list[CorporateAction]:
        """Return splits and dividends that are effective."""

    async def sessions(self, symbol: str) -> list[SessionTimes]:
        """Return the sessions of a symbol's exchange around the clock."""

    async def daily(self, symbol: str, limit: int) -> bytes:
        """Return the newest closed daily bars as Arrow, adjusted for splits and dividends."""

    def stream(self) -> AsyncGenerator[MarketMessage]:
        """Yield the messages of all symbols, for ever."""

    @property
    def is_connected(self) -> bool:
        """Return whether a connection of the stream stands."""

    async def close(self) -> None:
        """Close what is open."""


class Listener(Protocol):
    """Whoever is told what happens in the market. Called on the event loop, never waits."""

    def market_began(self, clock: ClockState, label: Label, listed: Sequence[SymbolInfo]) -> None:
        """Take who market data is: at the start, and whenever it may be another one."""

    def clock_said(self, clock: ClockState) -> None:
        """Take the clock."""

    def price_came(self, price: PriceResponse) -> None:
        """Take a symbol's newest price."""

    def symbol_reset(self, symbol: str) -> None:
        """Take note that ticks of a symbol were missed, or its source is another."""

    def market_condition(self, trouble: str | None) -> None:
        """Take why nothing newer is known; None when market data is followed."""


class RemoteMarket:
    """The market data agent, over its client."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = MarketDataClient(url)
        self._turns = asyncio.Semaphore(AT_ONCE)

    @property
    def is_connected(self) -> bool:
        """See `Market`."""
        return self._client.is_streaming

    async def close(self) -> None:
        """Close the connections."""
        await self._client.__aexit__(None, None, None)

    async def clock(self) -> ClockResponse:
        """See `Market`."""
        return await self._client.clock()

    async def symbols(self) -> list[SymbolInfo]:
        """See `Market`."""
        return await self._client.symbols()

    async def actions(self, symbol: str) -> list[CorporateAction]:
        """See `Market`."""
        async with self._turns:
            return await self._client.actions(symbol)

    async def sessions(self, symbol: str) -> list[SessionTimes]:
        """See `Market`."""
        return (await self._client.calendar(symbol)).sessions

    async def daily(self, symbol: str, limit: int) -> bytes:
        """See `Market`."""
        async with self._turns:
            return await self._client.bars_arrow(symbol, limit=limit, adjusted="all")

    def stream(self) -> AsyncGenerator[MarketMessage]:
        """See `Market`."""
        return self._client.stream(["*"])


class Follower:
    """One market data agent, followed for ever."""

    def __init__(
        self, market: Market, listener: Listener, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.trouble: str | None = NOT_YET
        """Why nothing newer is known; None while market data is followed."""
        self.heard_at: float | None = None
        """When the stream last said anything, by the machine's clock."""
        self._market = market
        self._listener = listener
        self._monotonic = monotonic

    async def run(self) -> None:
        """Follow for ever; after a failure begin again, with growing pauses."""
        pause = FIRST_RETRY_SECONDS
        while True:
            began = self._monotonic()
            try:
                await self._follow()
            except TradingDashboardError as error:
                is_away = isinstance(error, MarketDataUnavailable)
                self._say(AWAY if is_away else error.message)
                logger.warning("Market data is not followed: %s %s", error.message, error.observed)
            if self._monotonic() - began > MAX_RETRY_SECONDS:
                pause = FIRST_RETRY_SECONDS
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_RETRY_SECONDS)

    async def _follow(self) -> None:
        await self._ask_who_it_is()
        watching = asyncio.create_task(self._watch(), name="market silence")
        try:
            async with aclosing(self._market.stream()) as messages:
                async for message in messages:
                    self.heard_at = self._monotonic()
                    await self._take(message)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        raise MarketDataUnavailable("The stream of market data has ended.")

    async def _ask_who_it_is(self) -> None:
        clock = await self._market.clock()
        listed = await self._market.symbols()
        self._listener.market_began(clock, Label.of(clock), listed)

    async def _take(self, message: MarketMessage) -> None:
        if isinstance(message, SymbolSnapshot | PriceTick):
            self._listener.price_came(message.price)
        elif isinstance(message, ClockUpdate):
            self._listener.clock_said(message.clock)
        elif isinstance(message, MarketReset) and message.symbol is not None:
            self._listener.symbol_reset(message.symbol)
        elif isinstance(message, MarketReset):
            # Its clock was set, or it was started again and may be another one.
            logger.info("Market data was reset: %s", message.reason)
            await self._ask_who_it_is()
        elif isinstance(message, MarketRefusal):
            raise MarketDataError(
                "Market data refuses the stream.", observed=message.error.get("message")
            )
        self._say(None)

    async def _watch(self) -> None:
        """Say when the stream has fallen silent."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            heard = self.heard_at
            if heard is not None and self._monotonic() - heard > SILENCE_SECONDS:
                self._say(AWAY)

    def _say(self, trouble: str | None) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self._listener.market_condition(trouble)
