"""A market data agent in memory: prices and a clock moved by hand, a stream that breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from trading_dashboard.clients.market_data import MarketDataUnavailable
from trading_dashboard.models.errors import DataUnavailable, UnknownSymbol
from trading_dashboard.models.market import (
    CorporateAction,
    MarketPhase,
    PriceResponse,
    SymbolInfo,
)
from trading_dashboard.models.market_api import (
    ClockResponse,
    ClockUpdate,
    MarketMessage,
    MarketReset,
    PriceTick,
)
from trading_dashboard.models.market_reading import SessionTimes

SYMBOLS = {"AAPL": 100.0, "IBM": 200.0, "MSFT": 30.0}
OPEN = datetime(2012, 9, 4, 13, 30, tzinfo=UTC)
DAYS = 120


class FakeMarket:
    """A replay of three symbols; nothing moves unless a test moves it."""

    def __init__(self, *, replay: bool = True) -> None:
        self.prices = dict(SYMBOLS)
        self.closes = dict(SYMBOLS)
        """Of the session before."""
        self.now = OPEN + timedelta(minutes=30)
        self.phase = MarketPhase.OPEN
        self.replay = replay
        self.source = "test"
        self.effective: list[CorporateAction] = []
        self.is_away = False
        self.is_connected = False
        self.asked: list[str] = []
        self.knows_no_actions = False
        self.has_no_history: set[str] = set()
        self.currency = "USD"
        self._volume = 1e6
        self._messages: asyncio.Queue[MarketMessage] = asyncio.Queue()

    # What the agent asks

    async def clock(self) -> ClockResponse:
        self._check()
        return self.state()

    async def symbols(self) -> list[SymbolInfo]:
        self._check()
        about = {
            "name": "",
            "exchange": "NYSE",
            "calendar": "XNYS",
            "time_zone": "America/New_York",
        }
        return [
            SymbolInfo(symbol=name, source="test", currency=self.currency, **about)
            for name in self.prices
        ]

    async def actions(self, symbol: str) -> list[CorporateAction]:
        self._check()
        self.asked.append(symbol)
        if self.knows_no_actions:
            raise DataUnavailable("No source can answer now.", next_step="Wait.")
        return [one for one in self.effective if one.symbol == symbol]

    async def sessions(self, symbol: str) -> list[SessionTimes]:
        self._check()
        days = [self.now.date() - timedelta(days=back) for back in range(3)]
        return [
            SessionTimes(session=day, open=_at(day, 13, 30), close=_at(day, 20)) for day in days
        ]

    async def daily(self, symbol: str, limit: int) -> bytes:
        self._check()
        if symbol not in self.prices:
            raise UnknownSymbol(f"Symbol '{symbol}' is not known.", subject=symbol, next_step="?")
        if symbol in self.has_no_history:
            raise DataUnavailable("No source can answer now.", next_step="Wait.")
        return arrow_of(symbol, self.now.date(), min(limit, DAYS))

    async def stream(self) -> AsyncGenerator[MarketMessage]:
        self.is_connected = True
        try:
            for symbol in self.prices:
                yield self.tick(symbol)
            while True:
                yield await self._messages.get()
        finally:
            self.is_connected = False

    async def close(self) -> None:
        pass

    # What a test does

    def state(self) -> ClockResponse:
        day = self.now.date()
        return ClockResponse(
            now=self.now, replay=self.replay, speed=1.0, calendar="XNYS",
            time_zone="America/New_York", market=self.phase, session=day,
            next_close=_at(day, 20), source=self.source,
            intraday="simulated" if self.replay else "real",
        )  # fmt: skip

    def tick(self, symbol: str) -> PriceTick:
        self._volume += 1e6
        price = PriceResponse(
            symbol=symbol, price=self.prices[symbol], timestamp=self.now, volume=self._volume,
            previous_close=self.closes[symbol], session=self.now.date(), age_seconds=0.0,
            source=self.source, replay=self.replay,
            intraday="simulated" if self.replay else "real",
        )  # fmt: skip
        return PriceTick(type="tick", seq=0, symbol=symbol, price=price)

    def say(self, message: MarketMessage) -> None:
        self._messages.put_nowait(message)

    def move(self, symbol: str, price: float, *, seconds: float = 1.0) -> None:
        """Let time pass and a price come."""
        self.now += timedelta(seconds=seconds)
        self.prices[symbol] = price
        self.say(ClockUpdate(type="clock", seq=0, clock=self.state(), epoch="1"))
        self.say(self.tick(symbol))

    def pass_time(self, seconds: float) -> None:
        """Let time pass and all prices come again."""
        self.now += timedelta(seconds=seconds)
        self.say(ClockUpdate(type="clock", seq=0, clock=self.state(), epoch="1"))
        for symbol in self.prices:
            self.say(self.tick(symbol))

    def next_session(self) -> None:
        """Go on with the next day's open; prices are those of the close."""
        self.closes = dict(self.prices)
        self.now = _at(self.now.date() + timedelta(days=1), 13, 30)
        self.pass_time(0)

    def set_clock(self, now: datetime) -> None:
        """Jump, as somebody who sets the replay's clock."""
        self.now = now
        self.say(MarketReset(type="reset", seq=0, reason="clock_jump"))
        self.pass_time(0)

    def _check(self) -> None:
        if self.is_away:
            raise MarketDataUnavailable("Market data does not answer.", next_step="Wait.")


def _at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def arrow_of(symbol: str, until: date, count: int) -> bytes:
    """Return daily bars that end the day before, another walk for each symbol."""
    rng = np.random.default_rng(sum(symbol.encode()))
    closes = SYMBOLS.get(symbol, 50.0) * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
    days = np.array(
        [until - timedelta(days=count - place) for place in range(count)], "datetime64[us]"
    )
    table = pa.table(
        {
            "timestamp": pa.array(days.astype("int64"), pa.timestamp("us", "UTC")),
            **dict.fromkeys(("open", "high", "low", "close"), closes),
            "volume": np.full(count, 1e7),
            "closed": np.ones(count, bool),
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
