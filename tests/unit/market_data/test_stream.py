"""The hub: its record of the clock, and what happens when it fails."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncGenerator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support import eventually
from tests.unit.market_data.conftest import position_at
from trading_dashboard.agents.market_data import agent as market_data_agent
from trading_dashboard.agents.market_data.agent import MarketDataAgent
from trading_dashboard.agents.market_data.demo.clock import ReplayClock
from trading_dashboard.agents.market_data.demo.feed import Feed
from trading_dashboard.agents.market_data.demo.journal import PositionJournal, ReplayRecord
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.replay_feed import ReplayFeed
from trading_dashboard.agents.market_data.demo.store import MarketStore
from trading_dashboard.agents.market_data.demo.timeline import Instant
from trading_dashboard.agents.market_data.streaming.connection import handle
from trading_dashboard.agents.market_data.streaming.hub import StreamHub
from trading_dashboard.agents.market_data.streaming.subscriber import Subscriber
from trading_dashboard.clients.market_data import MarketDataClient
from trading_dashboard.models.market import ClockState
from trading_dashboard.models.market_api import MarketHeartbeat


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


def hub_of(market: DemoMarket, clock: ReplayClock) -> StreamHub:
    return StreamHub(ReplayFeed(market, clock))


def updates_of(hub: StreamHub) -> Feed:
    assert isinstance(hub._feed, ReplayFeed)
    return hub._feed.updates


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
    hub = hub_of(market, clock)
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
    hub = hub_of(market, make_clock(market, journal))

    def unexpected(*_: Any) -> None:
        raise AssertionError("an update was made for nobody")

    monkeypatch.setattr(updates_of(hub), "advance", unexpected)
    await run_until(hub, lambda: journal.writes > 3)
    # Control arm: with a reader the same call is made.
    hub.subscribe(hub.join(), ["IBM"], [])
    runner = asyncio.create_task(hub.run())
    await asyncio.wait([runner], timeout=10)
    with pytest.raises(AssertionError, match="for nobody"):
        await runner


async def test_readers_share_the_work(market: DemoMarket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each update is made once, however many read it; each reader counts for itself."""
    hub = hub_of(market, make_clock(market, FailingJournal()))
    made: list[str] = []
    make_body = updates_of(hub).tick_body

    def counted(symbol: str, instant: Instant) -> str:
        made.append(symbol)
        return make_body(symbol, instant)

    monkeypatch.setattr(updates_of(hub), "tick_body", counted)
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


def waiting(reader: Subscriber) -> list[dict[str, Any]]:
    """Return all that waits for a reader."""
    found = []
    while reader.outbox:
        found.append(orjson.loads(f"{{{reader.outbox.take()[0]}}}"))
    return found


def at_position(market: DemoMarket, position: float) -> tuple[StreamHub, ReplayClock]:
    clock = ReplayClock(
        market.timeline, FailingJournal(), position=position, speed=1, configured="", paused=True
    )
    return hub_of(market, clock), clock


def test_a_new_symbols_bars_come_before_the_state_they_led_to(market: DemoMarket) -> None:
    """A chart takes no bar that is older than its newest."""
    eve = position_at(market.timeline, date(2012, 5, 17), 23_399.5)
    for symbol in ("FB", "*"):
        hub, clock = at_position(market, eve)
        reader = hub.join()
        hub.subscribe(reader, [symbol], ["1s"])
        waiting(reader)
        clock.set(position=eve + 5)
        hub.advance()
        of_fb = [message for message in waiting(reader) if message.get("symbol") == "FB"]
        assert [message["type"] for message in of_fb] == ["bar"] * 4 + ["snapshot"]
        starts = [message["bar"]["timestamp"] for message in of_fb[:4]]
        starts.append(of_fb[4]["bars"]["1s"]["timestamp"])
        assert starts == [f"2012-05-18T13:30:0{second}Z" for second in range(5)]


def test_adding_an_interval_loses_no_bar(market: DemoMarket) -> None:
    start = position_at(market.timeline, date(2012, 9, 5), 59.0)
    hub, clock = at_position(market, start)
    reader = hub.join()
    hub.subscribe(reader, ["IBM"], ["1m", "5m"])
    waiting(reader)
    clock.set(position=start + 2)
    hub.subscribe(reader, ["IBM"], ["1h"])
    hub.unsubscribe(reader, ["IBM"], ["5m"])
    closed = [m for m in waiting(reader) if m["type"] == "bar" and m["bar"]["closed"]]
    assert [(m["interval"], m["bar"]["timestamp"]) for m in closed] == [
        ("1m", "2012-09-05T13:30:00Z")
    ]


def test_who_wants_closed_bars_only_gets_nothing_else(market: DemoMarket) -> None:
    start = position_at(market.timeline, date(2012, 9, 5), 58.0)
    hub, clock = at_position(market, start)
    wanted = {"op": "subscribe", "symbols": ["IBM"], "intervals": ["1m"]}
    kinds = []
    for closed_only in (True, False):
        reader = hub.join()
        handle(orjson.dumps(wanted | {"closed_only": closed_only}), reader, hub)
        waiting(reader)
        kinds.append((reader, {"bar"} if closed_only else {"bar", "tick"}))
    for step in range(1, 5):
        clock.set(position=start + step)
        hub.advance()
    for reader, expected in kinds:
        messages = waiting(reader)
        assert {message["type"] for message in messages} == expected
        closed = [m["bar"]["closed"] for m in messages if m["type"] == "bar"]
        assert closed == ([True] if "tick" not in expected else [True, False])


def test_what_was_unsubscribed_of_all_stays_so_after_a_jump(market: DemoMarket) -> None:
    hub, clock = at_position(market, position_at(market.timeline, date(2012, 5, 16), 59.0))
    reader = hub.join()
    hub.subscribe(reader, ["*"], ["1m", "5m"])
    hub.unsubscribe(reader, ["AAPL"], [])
    clock.set(position=position_at(market.timeline, date(2012, 5, 17), 23_399.5))
    hub.jumped()
    snapshots = [m for m in waiting(reader) if m["type"] == "snapshot"]
    assert [m["symbol"] for m in snapshots] == ["GOOG", "IBM", "MSFT"]
    # All is still wanted but for one interval: a symbol listed later comes, too.
    hub.unsubscribe(reader, ["*"], ["5m"])
    clock.set(position=clock.position() + 5)
    hub.advance()
    new = next(m for m in waiting(reader) if m["type"] == "snapshot")
    assert (new["symbol"], new["bars"].keys()) == ("FB", {"1m"})


async def test_prices_that_should_have_moved_are_stale(market: DemoMarket, tmp_path: Path) -> None:
    journal = FailingJournal()
    now = [0.0]
    clock = ReplayClock(
        market.timeline, journal, position=100.0, speed=60, configured="", monotonic=lambda: now[0]
    )
    clock.set()
    files = PositionJournal(tmp_path / "position"), MarketStore(tmp_path / "x.duckdb")
    agent = MarketDataAgent(files[1], files[0], market, clock)

    def data() -> dict[str, Any]:
        told: dict[str, Any] = agent.health()["data"]
        return {key: told[key] for key in ("state", "age_seconds", "market")}

    now[0] = 0.9
    assert data()["state"] == "fresh"
    now[0] = 1.0
    assert data()["state"] == "fresh"
    now[0] = 3.0
    assert data() == {"state": "stale", "age_seconds": 120.0, "market": "open"}
    clock.renew()
    assert data()["state"] == "fresh"
    clock.set(paused=True)
    now[0] = 100.0
    assert (data()["state"], data()["age_seconds"]) == ("fresh", 0.0)
    assert "paused" in agent.health()["message"]
    clock.set(position=float(market.timeline.total), paused=False)
    now[0] = 200.0
    assert data() == {"state": "idle", "age_seconds": 0.0, "market": "closed"}
    for file in files:
        file.close()


async def test_a_short_question_does_not_wait_behind_a_long_one(
    market: DemoMarket, tmp_path: Path
) -> None:
    journal = PositionJournal(tmp_path / "position")
    store = MarketStore(tmp_path / "x.duckdb")
    agent = MarketDataAgent(store, journal, market, make_clock(market, journal))
    release = threading.Event()
    async with asyncio.timeout(20), agent.lifespan(None):  # type: ignore[arg-type]
        scan = asyncio.create_task(agent.computed(release.wait, 3000))
        assert await agent.computed(lambda: "chart", 3) == "chart"
        assert not scan.done()
        release.set()
        await scan


async def test_memory_is_given_back_after_the_last_long_question(
    market: DemoMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back = threading.Semaphore(0)
    monkeypatch.setattr(market_data_agent, "give_back", given_back.release)
    journal = PositionJournal(tmp_path / "position")
    store = MarketStore(tmp_path / "x.duckdb")
    agent = MarketDataAgent(store, journal, market, make_clock(market, journal))
    release = threading.Event()
    async with asyncio.timeout(20), agent.lifespan(None):  # type: ignore[arg-type]
        scans = [asyncio.create_task(agent.computed(release.wait, 3000)) for _ in range(2)]
        await agent.computed(lambda: "chart", 3)
        assert not given_back.acquire(blocking=False)
        release.set()
        await asyncio.gather(*scans)
        assert await asyncio.to_thread(given_back.acquire, timeout=10)
        await agent.computed(lambda: None, 3000)
        assert await asyncio.to_thread(given_back.acquire, timeout=10)
    assert not given_back.acquire(blocking=False)


async def test_an_agent_that_ends_answers_one_long_question_and_no_other(
    market: DemoMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = PositionJournal(tmp_path / "position")
    store = MarketStore(tmp_path / "x.duckdb")
    agent = MarketDataAgent(store, journal, market, make_clock(market, journal))
    started, release = threading.Event(), threading.Event()

    shutdown = agent._slow.shutdown

    def shutting_down(**how: bool) -> None:
        shutdown(wait=False, **how)
        release.set()
        shutdown()

    def long() -> str:
        started.set()
        release.wait(10)
        return "years"

    monkeypatch.setattr(agent._slow, "shutdown", shutting_down)
    async with asyncio.timeout(20):
        async with agent.lifespan(None):  # type: ignore[arg-type]
            running = asyncio.create_task(agent.computed(long, 3000))
            waiting = asyncio.create_task(agent.computed(long, 3000))
            await asyncio.to_thread(started.wait, 10)
        await asyncio.gather(running, waiting, return_exceptions=True)
    assert running.result() == "years"
    assert waiting.cancelled()


async def test_who_stops_reading_has_left_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []

    async def connection(*_: Any) -> AsyncGenerator[MarketHeartbeat]:
        try:
            while True:
                yield MarketHeartbeat(type="heartbeat", seq=1)
        finally:
            ended.append(True)

    async with MarketDataClient("http://localhost:1") as client:
        monkeypatch.setattr(client, "_connection", connection)
        messages = client.stream(["IBM"])
        await anext(messages)
        await messages.aclose()
        assert ended


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
