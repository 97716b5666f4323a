"""Sources that do as told, notes in memory, and a desk made of them."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.unit.market_data.choosing.virtual import loop_time, wall
from trading_dashboard.agents.market_data.choosing.desk import SourceDesk
from trading_dashboard.agents.market_data.choosing.events import SourceEvent
from trading_dashboard.agents.market_data.choosing.policy import Limits, Policy
from trading_dashboard.agents.market_data.records import Bars, Ticks
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    Capabilities,
    Instrument,
    PastBars,
    Quote,
    UnknownToSource,
)

SYMBOLS = ("AAPL", "MSFT", "IBM")


def can(**changes: Any) -> Capabilities:
    facts: dict[str, Any] = {
        "asset_classes": frozenset({AssetClass.EQUITY}),
        "intervals": ("1m", "1d"),
        "live": "poll",
        "has_search": True,
        "max_quotes": 50,
    }
    return Capabilities(**{**facts, **changes})


def instrument(symbol: str, **changes: Any) -> Instrument:
    facts: dict[str, Any] = {
        "symbol": symbol,
        "name": f"{symbol} Inc.",
        "asset_class": AssetClass.EQUITY,
        "exchange": "NASDAQ",
        "calendar": "XNYS",
        "time_zone": "America/New_York",
        "currency": "USD",
    }
    return Instrument(**{**facts, **changes})


@dataclass
class FakeSource:
    """Answers well unless `failure` says otherwise; `failures` go first, one a request."""

    name: str
    capabilities: Capabilities = field(default_factory=can)
    symbols: Sequence[str] = SYMBOLS
    failure: BaseException | None = None
    failures: deque[BaseException | None] = field(default_factory=deque)
    delay: float = 0.0
    price: float = 100.0
    currency: str | None = "USD"
    calls: list[tuple[float, str, Any]] = field(default_factory=list)
    streams: list[frozenset[str]] = field(default_factory=list)
    stream: deque[Any] = field(default_factory=deque)
    """What `live` does next: seconds to wait, ticks, a failure; then it waits for ever."""
    open_streams: int = 0

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        self.calls.append((loop_time(), "close", None))

    async def find(self, text: str, limit: int) -> Sequence[Instrument]:
        await self._asked("find", text)
        return [instrument(each) for each in self.symbols if text.upper() in each][:limit]

    async def instrument(self, symbol: str) -> Instrument:
        await self._asked("instrument", symbol)
        if symbol not in self.symbols:
            raise UnknownToSource(f"{symbol} is not known")
        return instrument(symbol)

    async def history(self, symbol: str, interval: str, start: int, end: int) -> PastBars:
        await self._asked("history", (symbol, interval, start, end))
        row = (start, self.price, self.price, self.price, self.price, 1.0)
        return PastBars(bars=Bars.of(self.name, symbol, interval, [row]))

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        await self._asked("quotes", tuple(symbols))
        return [self.quote(each) for each in symbols if each in self.symbols]

    def quote(self, symbol: str) -> Quote:
        return Quote(
            source=self.name,
            symbol=symbol,
            price=self.price,
            at=wall(),
            received=wall(),
            currency=self.currency,
        )

    async def live(self, symbols: frozenset[str]) -> AsyncIterator[Ticks]:
        self.calls.append((loop_time(), "live", symbols))
        self.streams.append(symbols)
        self.open_streams += 1
        try:
            while True:
                step = self.stream.popleft() if self.stream else 1e7
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, str):
                    yield self.ticks(*([step] if step else []))
                else:
                    await asyncio.sleep(step)
        finally:
            self.open_streams -= 1

    def ticks(self, *symbols: str) -> Ticks:
        count = len(symbols)
        return Ticks(
            source=self.name,
            symbols=symbols,
            symbol=np.arange(count, dtype=np.int32),
            at=np.full(count, wall(), dtype=np.int64),
            price=np.full(count, self.price),
            size=np.ones(count),
            received=np.full(count, wall(), dtype=np.int64),
        )

    def asked(self, kind: str) -> list[Any]:
        return [what for _, each, what in self.calls if each == kind]

    async def _asked(self, kind: str, what: Any) -> None:
        self.calls.append((loop_time(), kind, what))
        failure = self.failures.popleft() if self.failures else self.failure
        await asyncio.sleep(self.delay)
        if failure is not None:
            raise failure


class MemoryNotes:
    """Notes that survive as long as the test; `is_broken` is a full disk."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.writes = 0
        self.is_broken = False

    def note(self, key: str) -> str | None:
        return self.kept.get(key)

    def write_note(self, key: str, text: str) -> None:
        if self.is_broken:
            raise OSError("no space left on device")
        self.writes += 1
        self.kept[key] = text


class Desk:
    """A desk of fake sources that closes itself."""

    def __init__(
        self,
        *sources: FakeSource,
        priorities: Mapping[AssetClass, Sequence[str]] | None = None,
        notes: MemoryNotes | None = None,
        limits: Mapping[str, Limits] | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.events: list[SourceEvent] = []
        self.notes = notes or MemoryNotes()
        self.desk = SourceDesk(
            sources,
            priorities or {},
            self.notes,
            limits,
            policy=policy,
            on_event=self.events.append,
            now=wall,
            rng=random.Random(1),
        )
        self.desk.know([instrument(each) for each in SYMBOLS] if sources else [])

    async def __aenter__(self) -> SourceDesk:
        await self.desk.open()
        return self.desk

    async def __aexit__(self, *exc: object) -> None:
        await self.desk.close()

    def kinds(self) -> list[str]:
        return [event.kind.value for event in self.events]
