"""The hub: its record of the clock, and what happens when it fails."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support import eventually
from tests.unit.market_data.conftest import position_at
from trading_dashboard.agents.market_data.agent import MarketDataAgent
from trading_dashboard.agents.market_data.clock import ReplayClock
from trading_dashboard.agents.market_data.journal import PositionJournal, ReplayRecord
from trading_dashboard.agents.market_data.market import DemoMarket
from trading_dashboard.agents.market_data.store import MarketStore
from trading_dashboard.agents.market_data.stream import StreamHub
from trading_dashboard.agents.market_data.timeline import Instant
from trading_dashboard.models.market import ClockState


class FailingJournal:
    """Refuses on demand."""

    def __init__(self) -> None:
        self.is_full = False
        self.writes = 0

    def write(self, record: ReplayRecord) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.writes += 1


def make_clock(market: DemoMarket, journal: Any, speed: float = 60.0) -> ReplayClock:
    position = position_at(market.timeline, market.timeline.sessions[3000].day, 100.0)
    clock = ReplayClock(market.timeline, journal, position=position, speed=speed, configured="t")
    clock.set()
    return clock


async def run_until(hub: StreamHub, predicate: Any) -> None:
    runner = asyncio.create_task(hub.run())
    try:
        await eventually(predicate)
    finally:
        runner.cancel()
        await asyncio.gather(runner, return_exceptions=True)


async def test_a_full_disk_holds_the_clock_and_recovers(market: DemoMarket) -> None:
    journal = FailingJournal()
    clock = make_clock(market, journal, speed=1000.0)
    hub = StreamHub(market, clock)
    journal.is_full = True
    runner = asyncio.create_task(hub.run())
    try:
        await eventually(lambda: hub.record_error)
        held = await eventually(clock.position)
        assert held <= clock.position() <= held + 1000.0
        journal.is_full = False
        await eventually(lambda: hub.record_error is None)
        await eventually(lambda: clock.position() > held + 1000.0)
    finally:
        runner.cancel()
        await asyncio.gather(runner, return_exceptions=True)


async def test_without_readers_no_update_is_made(
    market: DemoMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = FailingJournal()
    hub = StreamHub(market, make_clock(market, journal))

    def unexpected(*_: Any) -> None:
        raise AssertionError("an update was made for nobody")

    monkeypatch.setattr(hub._feed, "advance", unexpected)
    await run_until(hub, lambda: journal.writes > 3)
    # Control arm: with a reader the same call is made.
    hub.subscribe(hub.join(), ["IBM"], [])
    runner = asyncio.create_task(hub.run())
    await asyncio.wait([runner], timeout=10)
    with pytest.raises(AssertionError, match="for nobody"):
        await runner


async def test_readers_share_the_work(market: DemoMarket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each update is made once, however many read it; each reader counts for itself."""
    hub = StreamHub(market, make_clock(market, FailingJournal()))
    made: list[str] = []
    make_body = hub._feed.tick_body

    def counted(symbol: str, instant: Instant) -> str:
        made.append(symbol)
        return make_body(symbol, instant)

    monkeypatch.setattr(hub._feed, "tick_body", counted)
    readers = [hub.join() for _ in range(5)]
    received: list[list[Mapping[str, Any]]] = [[] for _ in readers]
    for reader in readers:
        hub.subscribe(reader, ["IBM"], [])
    made.clear()

    async def keep(into: list[Mapping[str, Any]], text: str) -> None:
        into.append(orjson.loads(text))

    def enough() -> bool:
        return all(len(own) > 20 for own in received)

    pumps = [
        asyncio.create_task(reader.pump(lambda text, own=own: keep(own, text)))  # type: ignore[misc]
        for reader, own in zip(readers, received, strict=True)
    ]
    await run_until(hub, enough)
    hub.close()
    await asyncio.gather(*pumps)
    for own in received:
        assert [message["seq"] for message in own] == list(range(1, len(own) + 1))
        ticks = sum(message["type"] == "tick" for message in own)
        assert len(made) - 2 <= ticks <= len(made)
    clocks = [m["clock"] for m in received[0] if m["type"] == "clock"]
    assert [ClockState.model_validate(clock) for clock in clocks]


async def test_a_failed_replay_ends_the_process(
    market: DemoMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", signals.append)
    journal = PositionJournal(tmp_path / "position")
    clock = make_clock(market, journal)
    agent = MarketDataAgent(MarketStore(tmp_path / "x.duckdb"), journal, market, clock)
    monkeypatch.setattr(clock, "renew", lambda: 1 / 0)
    async with agent.lifespan(None):  # type: ignore[arg-type]
        await eventually(lambda: signals == [signal.SIGTERM])
        health = agent.health()
    assert health["status"] == "unhealthy"
    assert "ZeroDivisionError" in health["message"]
