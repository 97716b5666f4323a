"""Who was cut off goes on where it was: nothing lost, nothing twice, or told so."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest

from tests.unit.market_data.conftest import position_at
from tests.unit.market_data.streaming.conftest import Bench, bars_of, drained
from tests.unit.market_data.test_stream import FailingJournal
from trading_dashboard.agents.market_data.demo.clock import ReplayClock
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.replay_feed import ReplayFeed
from trading_dashboard.agents.market_data.streaming.hub import Return, StreamHub
from trading_dashboard.agents.market_data.streaming.outbox import Outbox
from trading_dashboard.agents.market_data.streaming.ring import KEPT_SECONDS
from trading_dashboard.agents.market_data.streaming.subscriber import Subscriber
from trading_dashboard.clients.market_stream import Progress
from trading_dashboard.models.market_api import (
    BarUpdate,
    MarketMessage,
    MarketReset,
    PriceTick,
    StreamResumed,
)

INTERVALS = ["1m"]


def come_back(hub: StreamHub, progress: Progress, symbols: list[str]) -> Subscriber:
    """Connect as the typed client does."""
    operation = progress.operation(symbols, INTERVALS)
    back = None
    if operation.resume_from is not None:
        back = Return(operation.epoch or "", operation.resume_from, "2026-01-05T00:00:00Z")
    reader = hub.join()
    hub.subscribe(reader, symbols, INTERVALS, back)
    return reader


def accepted(progress: Progress, messages: list[MarketMessage]) -> list[MarketMessage]:
    return [message for message in messages if progress.take(message)]


class Market:
    """A pushed market of three symbols that closes a bar each third step."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.minute = 0
        self.bench.tick(("A", 1.0), ("B", 1.0), ("C", 1.0))

    def step(self, chance: random.Random) -> None:
        symbols = chance.sample(["A", "B", "C"], chance.randint(1, 3))
        for symbol in symbols:
            if chance.random() < 0.3:
                self.minute += 1
                row = (self.minute, float(self.minute), chance.random() < 0.6, 0)
                self.bench.feed.publish_bars(bars_of(symbol, [row]))
        self.bench.tick(*[(symbol, chance.random()) for symbol in symbols], step=0.2)


def told(messages: list[MarketMessage]) -> tuple[list[Any], list[Any]]:
    """Return closed bars and how many ticks there were by symbol."""
    bars = [
        (m.symbol, m.bar.timestamp) for m in messages if isinstance(m, BarUpdate) and m.bar.closed
    ]
    ticks: dict[str, int] = {}
    for message in messages:
        if isinstance(message, PriceTick):
            ticks[message.symbol] = ticks.get(message.symbol, 0) + 1 + message.conflated
    return sorted(bars), sorted(ticks.items())


@pytest.mark.parametrize("seed", range(30))
def test_cut_off_anywhere_a_reader_gets_what_one_who_stayed_gets(seed: int) -> None:
    chance = random.Random(seed)
    market = Market()
    hub = market.bench.hub
    stayed = come_back(hub, Progress(), ["A", "B", "C"])
    progress, kept = Progress(), []
    gone = come_back(hub, progress, ["A", "B", "C"])
    kept += accepted(progress, drained(gone))
    for _ in range(60):
        for _ in range(chance.randint(1, 4)):
            market.step(chance)
        # It reads some of what waits, or all, and may then lose its connection.
        kept += accepted(progress, drained(gone, chance.choice([1, 2, 3, 1000])))
        if chance.random() < 0.4:
            hub.leave(gone)
            for _ in range(chance.randint(0, 5)):
                market.step(chance)
            gone = come_back(hub, progress, ["A", "B", "C"])
    kept += accepted(progress, drained(gone))
    assert [m for m in kept if isinstance(m, MarketReset)] == []
    assert any(isinstance(m, StreamResumed) for m in kept)
    expected = told(drained(stayed))
    assert told(kept)[0] == expected[0]
    # Of ticks that were merged and then cut off the newest one stands for all.
    assert [symbol for symbol, _ in told(kept)[1]] == [symbol for symbol, _ in expected[1]]


def test_without_the_marks_bars_come_twice_or_never() -> None:
    """Control arm: going on from the newest event received, as if all before had come."""
    outbox = Outbox()
    outbox.tick("A", "a1", 0, event=1, first=1)
    outbox.closed("B", "1m", "b2", event=2, first=2)
    outbox.tick("A", "a3", 0, event=3, first=3)
    texts = outbox.drain(10, 1)
    assert texts == ['{"seq":1,a3,"conflated":1,"complete":1}', '{"seq":2,b2}']
    # Who was cut off after the first message and asked for what came after 3 would never get b2.


def test_beyond_the_ring_a_symbol_begins_anew_with_the_range_to_read() -> None:
    market = Market()
    bench, progress = market.bench, Progress()
    reader = come_back(bench.hub, progress, ["A", "B"])
    accepted(progress, drained(reader))
    bench.hub.leave(reader)
    for number in range(700):
        bench.tick(("A", float(number)), step=0.08)
    messages = drained(come_back(bench.hub, progress, ["A", "B"]))
    resets = [m for m in messages if isinstance(m, MarketReset)]
    assert [(m.reason, m.symbol) for m in resets] == [("gap", "A")]
    assert resets[0].start is not None
    assert resets[0].end is not None
    assert resets[0].start < resets[0].end
    assert [m.type for m in messages] == ["clock", "reset", "snapshot", "resumed"]


def test_after_a_while_nothing_is_kept_for_nobody() -> None:
    market = Market()
    bench, progress = market.bench, Progress()
    reader = come_back(bench.hub, progress, ["A"])
    accepted(progress, drained(reader))
    bench.hub.leave(reader)
    bench.seconds += KEPT_SECONDS + 10
    bench.feed.keep()
    bench.hub.advance()
    assert bench.feed._ring.symbols() == {}
    bench.tick(("A", 2.0))
    types = [m.type for m in drained(come_back(bench.hub, progress, ["A"]))]
    assert types == ["clock", "reset", "snapshot", "resumed"]


def test_another_numbering_begins_anew() -> None:
    bench = Bench()
    bench.tick(("A", 1.0))
    reader = bench.hub.join()
    back = Return("of another run", 5, "2026-01-05T00:00:00Z")
    bench.hub.subscribe(reader, ["A"], [], back)
    _, reset, snapshot = drained(reader)
    assert isinstance(reset, MarketReset)
    assert (reset.reason, reset.symbol) == ("reconnected", None)
    assert reset.start is not None
    assert snapshot.type == "snapshot"
    # A number that has not been reached is none of this numbering either.
    reader = bench.hub.join()
    bench.hub.subscribe(reader, ["A"], [], Return(bench.feed.epoch, 10**9))
    assert drained(reader)[1].type == "reset"


def replay(market: DemoMarket, position: float) -> tuple[StreamHub, ReplayClock]:
    clock = ReplayClock(
        market.timeline, FailingJournal(), position=position, speed=1, configured="", paused=True
    )
    return StreamHub(ReplayFeed(market, clock)), clock


@pytest.mark.parametrize("seed", range(10))
def test_the_replay_goes_on_too(market: DemoMarket, seed: int) -> None:
    chance = random.Random(seed)
    position = position_at(market.timeline, date(2012, 9, 5), 23_000.0)
    hub, clock = replay(market, position)
    stayed = come_back(hub, Progress(), ["IBM", "FB"])
    progress, kept = Progress(), []
    gone = come_back(hub, progress, ["IBM", "FB"])
    for _ in range(40):
        position += chance.choice([0.4, 7.3, 31.0, 90.5])
        clock.set(position=position)
        hub.advance()
        kept += accepted(progress, drained(gone, chance.choice([1, 2, 3, 1000])))
        if chance.random() < 0.5 and progress.complete:
            hub.leave(gone)
            position += chance.choice([0.0, 0.2, 45.0, 200.0])
            clock.set(position=position)
            gone = come_back(hub, progress, ["IBM", "FB"])
            hub.advance()
    kept += accepted(progress, drained(gone))
    assert [m for m in kept if isinstance(m, MarketReset)] == []
    assert told(kept)[0] == told(drained(stayed))[0]


def test_the_replay_begins_anew_after_long_and_after_a_jump(market: DemoMarket) -> None:
    position = position_at(market.timeline, date(2012, 9, 5), 100.0)
    hub, clock = replay(market, position)
    progress = Progress()
    reader = come_back(hub, progress, ["IBM"])
    accepted(progress, drained(reader))
    hub.leave(reader)
    clock.set(position=position + 65 * 60)
    messages = drained(come_back(hub, progress, ["IBM"]))
    reset = next(m for m in messages if isinstance(m, MarketReset))
    assert (reset.reason, reset.symbol) == ("gap", "IBM")
    assert reset.start is not None
    assert reset.start.isoformat() == "2012-09-05T13:31:40+00:00"
    clock.set(position=position)
    hub.jumped()
    messages = drained(come_back(hub, progress, ["IBM"]))
    assert [m.reason for m in messages if isinstance(m, MarketReset)] == ["reconnected"]
