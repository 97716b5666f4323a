"""A market data agent in memory: random walks, a clock moved by hand, a stream that breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, date, datetime

import numpy as np

from tests.unit.pattern_recognition.live.walks import BASIS, MINUTE, START, rows_of, walk
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.errors import MarketAway
from trading_dashboard.agents.pattern_recognition.live.label import Label
from trading_dashboard.agents.pattern_recognition.live.market import History
from trading_dashboard.agents.pattern_recognition.live.series import moment
from trading_dashboard.models.errors import UnknownSymbol
from trading_dashboard.models.market import (
    Bar,
    ClockState,
    CorporateAction,
    Interval,
    MarketPhase,
    PriceResponse,
    SymbolInfo,
)
from trading_dashboard.models.market_api import (
    BarUpdate,
    ClockUpdate,
    MarketMessage,
    MarketReset,
    SymbolSnapshot,
)

COUNT = 2_000


class FakeMarket:
    """Minute bars of some symbols up to bar number `at`."""

    def __init__(self, symbols: Sequence[str] = ("AAPL",), at: int = 700) -> None:
        self.walks = {name: walk(COUNT, seed) for seed, name in enumerate(symbols, 1)}
        self.listed = list(symbols)
        self.at = at
        self.label: Label = BASIS.label
        self.splits: list[CorporateAction] = []
        self.is_away = False
        self.day = date(2012, 9, 3)
        self.readings: list[tuple[str, str]] = []
        self.wanted: Sequence[str] = ()
        self.is_streaming = asyncio.Event()
        self._messages: asyncio.Queue[MarketMessage] = asyncio.Queue()

    # What the agent asks

    async def clock(self) -> tuple[ClockState, Label]:
        self._check()
        return self.state(), self.label

    async def symbols(self) -> list[SymbolInfo]:
        self._check()
        about = {"name": "", "exchange": "X", "calendar": "24/7", "time_zone": "UTC"}
        return [SymbolInfo(symbol=name, source="test", **about) for name in self.listed]

    async def actions(self, symbol: str) -> list[CorporateAction]:
        self._check()
        return [split for split in self.splits if split.symbol == symbol]

    async def history(
        self, symbol: str, timeframe: Interval, *, limit: int, start: date | None = None
    ) -> History:
        self._check()
        self.readings.append((symbol, timeframe))
        if symbol not in self.listed:
            problem = f"Symbol '{symbol}' is not known."
            raise UnknownSymbol(problem, subject=symbol, next_step="Ask for AAPL.")
        bars = self.bars(symbol)
        if timeframe != "1m":
            bars = bars.between(0, min(len(bars), 300))
        if start is None:
            return History(bars.between(max(len(bars) - limit, 0), len(bars)), self.label)
        day = int(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp() * 1e6)
        first = int(np.searchsorted(bars.time, day))
        return History(bars.between(first, min(first + limit, len(bars))), self.label)

    async def stream(
        self, symbols: Sequence[str], timeframes: Sequence[str]
    ) -> AsyncGenerator[MarketMessage]:
        assert timeframes == ["1m"]
        self.wanted = symbols
        self.say(ClockUpdate(type="clock", seq=0, clock=self.state(), epoch="1"))
        self.is_streaming.set()
        while True:
            yield await self._messages.get()

    async def close(self) -> None:
        pass

    # What a test does

    def bars(self, symbol: str) -> Bars:
        """Return the bars up to the clock, adjusted for splits."""
        bars = self.walks[symbol].prefix(self.at)
        for split in self.splits:
            if split.symbol == symbol and split.ratio:
                parts = [it / split.ratio for it in (bars.open, bars.high, bars.low, bars.close)]
                opened, high, low, close = parts
                bars = Bars(bars.time, opened, high, low, close, bars.volume * split.ratio)
        return bars

    def state(self) -> ClockState:
        return ClockState(
            now=moment(START + self.at * MINUTE), replay=True, speed=60.0, calendar="24/7",
            time_zone="UTC", market=MarketPhase.OPEN, session=self.day,
        )  # fmt: skip

    def say(self, message: MarketMessage) -> None:
        self._messages.put_nowait(message)

    def close_bars(self, count: int, *, conflated: int = 0) -> None:
        """Let bars close, each told on the stream."""
        for _ in range(count):
            self.at += 1
            for name in self.listed:
                self.say(self.update(name, self.at - 1, conflated))

    def update(self, symbol: str, number: int, conflated: int = 0, revision: int = 0) -> BarUpdate:
        row = rows_of(self.bars(symbol).between(number, number + 1))[0]
        bar = Bar(
            timestamp=moment(row.time), open=row.open, high=row.high, low=row.low,
            close=row.close, volume=row.volume, source="test", revision=revision,
        )  # fmt: skip
        about = {"symbol": symbol, "interval": "1m", "bar": bar, "conflated": conflated}
        return BarUpdate(type="bar", seq=0, **about)

    def reset(self, reason: str, symbol: str | None = None) -> None:
        self.say(MarketReset(type="reset", seq=0, reason=reason, symbol=symbol))

    def list_symbol(self, name: str) -> None:
        self.walks[name] = walk(COUNT, 77)
        self.listed.append(name)
        price = PriceResponse(
            source="test", symbol=name, price=1.0, timestamp=self.state().now, volume=0.0
        )
        self.say(SymbolSnapshot(type="snapshot", seq=0, symbol=name, price=price, bars={}))

    def _check(self) -> None:
        if self.is_away:
            raise MarketAway("Market data does not answer.", observed="away")
