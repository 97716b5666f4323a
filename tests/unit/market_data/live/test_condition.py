"""What `/health` says of sources and prices is what the newest look found."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

from tests.unit.market_data.live.fakes import DAY, at_once, instrument, micros, quote
from tests.unit.market_data.live.test_hours import CountingCalendars, HandClock
from trading_dashboard.agents.market_data.choosing.states import SourceState
from trading_dashboard.agents.market_data.live.book import PriceBook
from trading_dashboard.agents.market_data.live.condition import Condition
from trading_dashboard.agents.market_data.live.hours import Hours

NOW = micros(2026, 3, 2, 15)
SECOND = 1_000_000


class Serving:
    """Serves every symbol from `name`."""

    def __init__(self) -> None:
        self.name: str | None = "first"
        self.conditions: list[str] = []

    def states(self) -> Sequence[SourceState]:
        return [cast("SourceState", State(word)) for word in self.conditions]

    def serving(self, symbol: str) -> str | None:
        return self.name


class State:
    def __init__(self, word: str) -> None:
        self.state = word


class Bench:
    def __init__(self, *symbols: str) -> None:
        self.symbols = symbols
        self.clock, self.desk, self.book = HandClock(), Serving(), PriceBook()
        self.hours = Hours(CountingCalendars(), self.clock, at_once)
        self.condition = Condition(symbols, self.hours, self.desk, self.book)

    async def learn(self) -> None:
        for symbol in self.symbols:
            await self.hours.learn(instrument(symbol))

    async def told(self, now: int = NOW) -> tuple[object, ...]:
        await self.condition.look()
        said = self.condition.freshness(now, "open")
        return said["state"], said.get("age_seconds"), said.get("source")


async def test_the_oldest_of_the_newest_prices_counts() -> None:
    bench = Bench("AAPL", "MSFT")
    assert bench.condition.freshness(NOW, "open")["state"] == "unknown"
    await bench.learn()
    bench.book.take_quote(quote(1.0, NOW - 3 * SECOND, "AAPL"))
    assert await bench.told() == ("unknown", None, "first")
    bench.book.take_quote(quote(1.0, NOW - 7 * SECOND, "MSFT"))
    assert await bench.told() == ("fresh", 7.0, "first")
    # Without another look the age goes on.
    assert bench.condition.freshness(NOW + 54 * SECOND, "open")["state"] == "stale"
    bench.clock.is_day = False
    assert await bench.told(NOW + DAY) == ("idle", None, None)
    bench.clock.is_day, bench.desk.name = True, "second"
    assert await bench.told() == ("unknown", None, "second")


async def test_nothing_followed_is_idle() -> None:
    assert await Bench().told() == ("idle", None, None)


async def test_thousands_are_looked_at_in_pieces() -> None:
    bench = Bench(*(f"S{n}" for n in range(2_000)))
    await bench.learn()
    for symbol in bench.symbols:
        bench.book.take_quote(quote(1.0, NOW, symbol))
    turns = 0

    async def another() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(another())
    assert await bench.told() == ("fresh", 0.0, "first")
    beside.cancel()
    assert turns >= 8


async def test_broken_sources_are_those_of_the_newest_look() -> None:
    bench = Bench()
    bench.desk.conditions = ["ok", "down", "limited", "refused", "missing", "idle"]
    assert bench.condition.broken() == []
    await bench.condition.look()
    assert [each.state for each in bench.condition.broken()] == ["down", "refused", "missing"]
    assert len(bench.condition.states) == 6
