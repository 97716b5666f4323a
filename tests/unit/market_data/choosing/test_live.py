"""Live prices: kept going, kept from one source, and what was missed is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from tests.unit.market_data.choosing.fakes import SYMBOLS, Desk, FakeSource, can
from tests.unit.market_data.choosing.virtual import MIDNIGHT, loop_time, wall
from trading_dashboard.agents.market_data.choosing.events import EventKind, SourceEvent
from trading_dashboard.agents.market_data.choosing.live import LiveFeeds
from trading_dashboard.agents.market_data.choosing.policy import Limits, LivePolicy
from trading_dashboard.agents.market_data.records import Ticks
from trading_dashboard.agents.market_data.sources.contract import (
    SourceRefusal,
    SourceUnreachable,
    UnknownToSource,
)

STREAM = can(live="stream")
SECOND = 1_000_000


class Room:
    """A desk with live feeds, and what they brought."""

    def __init__(
        self,
        *sources: FakeSource,
        policy: LivePolicy | None = None,
        limits: dict[str, Limits] | None = None,
    ) -> None:
        self.made = Desk(*sources, limits=limits)
        self.desk = self.made.desk
        self.got: list[tuple[float, Ticks]] = []
        self.is_open = True
        self.sink_seconds = 0.0
        self.live = LiveFeeds(self.desk, self._sink, lambda _: self.is_open, policy)

    async def _sink(self, ticks: Ticks) -> None:
        self.got.append((loop_time(), ticks))
        await asyncio.sleep(self.sink_seconds)

    @contextlib.asynccontextmanager
    async def running(self, symbols: Sequence[str] = SYMBOLS) -> AsyncIterator[LiveFeeds]:
        async with self.made:
            self.live.want(symbols)
            task = asyncio.create_task(self.live.run())
            try:
                yield self.live
            finally:
                task.cancel()
                await asyncio.wait([task])
                if not task.cancelled():
                    task.result()

    def sources(self) -> list[str]:
        return [ticks.source for _, ticks in self.got]

    def events(self, kind: str) -> list[SourceEvent]:
        return [event for event in self.made.events if event.kind == kind]


def steady(seconds: float, every: float = 1.0, symbol: str = "AAPL") -> list[object]:
    return [each for _ in range(int(seconds / every)) for each in (symbol, every)]


async def test_one_stream_brings_all_wanted_symbols() -> None:
    one = FakeSource("one", capabilities=STREAM, stream=deque(["AAPL", 1.0, "MSFT"]))
    room = Room(one)
    async with room.running() as live:
        await asyncio.sleep(5.0)
        assert one.streams == [frozenset(SYMBOLS)]
        assert [ticks.symbols for _, ticks in room.got] == [("AAPL",), ("MSFT",)]
        assert live.serving("AAPL") == room.desk.serving("AAPL") == "one"
        assert room.desk.states()[0].live_symbols == 3
    assert one.open_streams == 0
    assert room.made.kinds() == []


async def test_changes_of_what_is_wanted_are_gathered_and_what_they_cost_is_told() -> None:
    one = FakeSource("one", capabilities=STREAM, stream=deque(steady(5.0)))
    room = Room(one)
    async with room.running(["AAPL"]) as live:
        await asyncio.sleep(2.0)
        one.stream = deque([1.0, *steady(20.0)])
        for wanted in (["AAPL", "MSFT"], ["MSFT"], ["AAPL", "IBM"]):
            live.want(wanted)
            await asyncio.sleep(0.05)
        await asyncio.sleep(5.0)
        assert one.streams == [frozenset({"AAPL"}), frozenset({"AAPL", "IBM"})]
        assert one.open_streams == 1
        live.want([])
        await asyncio.sleep(2.0)
        assert one.open_streams == 0
        assert live.serving("AAPL") is None
    again = room.events("resubscribed")
    assert [tuple(event.symbols) for event in again] == [("AAPL",)]
    assert again[0].start is not None
    assert again[0].end is not None
    assert 0 < again[0].end - again[0].start < 3 * SECOND


async def test_a_stream_that_ends_starts_again_and_the_outage_is_told() -> None:
    one = FakeSource("one", capabilities=STREAM)
    one.stream = deque(["AAPL", 3.0, SourceUnreachable("reset"), 2.0, "AAPL"])
    room = Room(one)
    async with room.running():
        await asyncio.sleep(20.0)
    began, ended = room.events("outage_began")[0], room.events("outage_ended")[0]
    assert (began.cause, began.source, began.end) == ("source_down", "one", None)
    assert sorted(began.symbols) == sorted(SYMBOLS)
    (first, _), (second, _) = room.got
    assert began.start == ended.start == MIDNIGHT + int(first * SECOND)
    assert ended.end == MIDNIGHT + int(second * SECOND)


async def test_restarts_wait_longer_and_longer() -> None:
    one = FakeSource("one", capabilities=STREAM)
    one.stream = deque([SourceUnreachable("no")] * 1000)
    room = Room(one)
    async with room.running():
        await asyncio.sleep(6 * 3600.0)
    # Left alone for a minute, two, four, eight, then a quarter of an hour each time.
    assert 20 <= len(one.streams) <= 35
    assert len(room.events("outage_began")) == 1
    assert room.events("outage_ended") == []


async def test_silence_while_the_market_is_open_is_an_outage() -> None:
    one = FakeSource("one", capabilities=STREAM, stream=deque(["AAPL", 1e6]))
    room = Room(one, policy=LivePolicy(silence_seconds=60.0))
    async with room.running():
        await asyncio.sleep(59.0)
        assert len(one.streams) == 1
        await asyncio.sleep(10.0)
        assert len(one.streams) == 2
    assert [event.cause for event in room.events("outage_began")] == ["source_silent"]


async def test_a_heartbeat_a_closed_market_and_a_slow_receiver_are_no_silence() -> None:
    one = FakeSource("one", capabilities=STREAM, stream=deque(steady(600.0, 30.0, "")))
    room = Room(one)
    async with room.running():
        await asyncio.sleep(590.0)
        assert (len(one.streams), room.got) == (1, [])
        room.is_open = False
        await asyncio.sleep(24 * 3600.0)
        assert len(one.streams) == 1
        room.is_open = True
        room.sink_seconds = 500.0
        await asyncio.sleep(30.0)
        assert len(one.streams) == 1
    slow = FakeSource("slow", capabilities=STREAM, stream=deque(["AAPL", "AAPL", "AAPL", 1e6]))
    room = Room(slow)
    room.sink_seconds = 500.0
    async with room.running():
        await asyncio.sleep(1400.0)
        assert (len(slow.streams), len(room.got)) == (1, 3)
    assert room.made.kinds() == []


async def test_an_outage_of_a_closed_market_begins_at_the_open() -> None:
    one = FakeSource("one", capabilities=STREAM)
    one.stream = deque([SourceUnreachable("no")] * 3)
    room = Room(one)
    room.is_open = False
    async with room.running():
        await asyncio.sleep(30.0)
        assert room.events("outage_began") == []
        room.is_open = True
        opened = wall()
        await asyncio.sleep(3.0)
    began = room.events("outage_began")
    assert len(began) == 1
    assert began[0].start is not None
    assert 0 <= began[0].start - opened <= 2 * SECOND


async def test_fail_over_and_the_way_back_once_it_is_well_for_a_while() -> None:
    one = FakeSource("one", capabilities=STREAM, stream=deque([SourceUnreachable("no")] * 3))
    two = FakeSource("two", capabilities=STREAM, stream=deque(steady(10_000.0)))
    room = Room(one, two, policy=LivePolicy(failures_to_open=3, open_seconds=60.0))
    async with room.running() as live:
        await asyncio.sleep(30.0)
        assert (live.serving("AAPL"), set(room.sources())) == ("two", {"two"})
        # It comes back for a moment, then breaks: the symbols stay where they are.
        one.stream = deque([*steady(10.0), SourceUnreachable("again"), *steady(10_000.0)])
        await asyncio.sleep(60.0)
        assert one.streams[3:] == [frozenset(SYMBOLS)]
        assert live.serving("AAPL") == "two"
        await asyncio.sleep(125.0)
        assert live.serving("AAPL") == "two"
        assert one.open_streams == two.open_streams == 1
        await asyncio.sleep(60.0)
        assert live.serving("AAPL") == "one"
        assert (one.open_streams, two.open_streams) == (1, 0)
    changed = [a for a, b in zip(room.sources(), room.sources()[1:], strict=False) if a != b]
    assert changed == ["two"]
    assert live.spare > 0
    kinds = [event.kind for event in room.made.events if event.kind.value.startswith(("f", "r"))]
    assert kinds == [EventKind.FAILED_OVER, EventKind.RECOVERED]


async def test_live_prices_never_fail_over_to_what_is_not_real() -> None:
    one = FakeSource("one", capabilities=STREAM, failure=SourceUnreachable("no"))
    one.stream = deque([SourceUnreachable("no")] * 50)
    demo = FakeSource("demo", capabilities=can(live="stream", is_real=False))
    room = Room(one, demo)
    async with room.running():
        await asyncio.sleep(3600.0)
    assert (demo.streams, room.got) == ([], [])


async def test_a_source_alone_delivers_from_the_first_moment_of_its_trial() -> None:
    one = FakeSource("one", capabilities=STREAM)
    one.stream = deque([*[SourceUnreachable("no")] * 3, *steady(1000.0)])
    room = Room(one)
    async with room.running():
        await asyncio.sleep(80.0)
        assert room.desk.states()[0].live_breaker == "half_open"
        assert len(room.got) > 5
        await asyncio.sleep(40.0)
        assert room.desk.states()[0].live_breaker == "closed"
    assert len(room.events("outage_ended")) == 1


async def test_a_refusal_moves_on_at_once() -> None:
    one = FakeSource("one", capabilities=STREAM, stream=deque([SourceRefusal("key")] * 9))
    two = FakeSource("two", capabilities=STREAM, stream=deque(steady(5000.0)))
    room = Room(one, two)
    async with room.running() as live:
        await asyncio.sleep(3600.0)
        assert live.serving("AAPL") == "two"
    assert len(one.streams) == 1


async def test_a_stream_is_freed_of_symbols_it_does_not_know() -> None:
    one = FakeSource("one", capabilities=STREAM, symbols=("AAPL", "MSFT"))
    one.stream = deque([UnknownToSource("one of them"), *steady(50.0)])
    two = FakeSource("two", capabilities=STREAM, symbols=("IBM",), stream=deque(["IBM"]))
    room = Room(one, two)
    async with room.running() as live:
        await asyncio.sleep(10.0)
        assert one.streams[1:] == [frozenset({"AAPL", "MSFT"})]
        assert (live.serving("AAPL"), live.serving("IBM")) == ("one", "two")
        assert sorted(one.asked("instrument")) == sorted(SYMBOLS)
    assert room.events("breaker_opened") == []


async def test_ticks_of_another_source_end_the_stream() -> None:
    one, other = FakeSource("one", capabilities=STREAM), FakeSource("other")
    one.stream = deque(["AAPL"])
    one.ticks = other.ticks  # type: ignore[method-assign]
    room = Room(one)
    async with room.running():
        await asyncio.sleep(3.0)
        assert room.got == []
        assert room.desk.states()[0].errors["source_garbled"] == 1


async def test_prices_asked_for_become_ticks_when_they_change() -> None:
    one = FakeSource("one", capabilities=can(max_quotes=2))
    room = Room(one, policy=LivePolicy(poll_seconds=5.0))
    frozen = {"at": 0}
    quote = one.quote
    one.quote = lambda symbol: replace(quote(symbol), at=frozen["at"])  # type: ignore[method-assign]
    async with room.running() as live:
        await asyncio.sleep(22.0)
        assert [symbol for _, ticks in room.got for symbol in ticks.symbols] == sorted(SYMBOLS)
        assert len(one.asked("quotes")) == 10
        frozen["at"] = 7
        await asyncio.sleep(5.0)
        assert sum(len(ticks) for _, ticks in room.got) == 6
        live.want(["IBM"])
        await asyncio.sleep(10.0)
        assert one.asked("quotes")[-1] == ("IBM",)
    assert room.made.kinds() == []


async def test_a_symbol_a_poll_leaves_out_goes_to_the_next_source() -> None:
    one, two = FakeSource("one", symbols=("AAPL", "MSFT")), FakeSource("two")
    room = Room(one, two)
    async with room.running() as live:
        await asyncio.sleep(120.0)
        assert (live.serving("AAPL"), live.serving("IBM")) == ("one", "two")
        assert {ticks.source for _, ticks in room.got if "IBM" in ticks.symbols} == {"two"}
    assert room.made.kinds() == []


async def test_polling_leaves_half_of_the_limits_to_others() -> None:
    one = FakeSource("one", capabilities=can(max_quotes=1))
    room = Room(one, limits={"one": Limits(requests_per_minute=12)})
    async with room.running():
        await asyncio.sleep(600.0)
        assert 55 <= len(one.asked("quotes")) <= 65
    assert room.made.kinds() == []
    two = FakeSource("two", capabilities=can(max_quotes=1))
    room = Room(two, limits={"two": Limits(requests_per_day=1000)})
    async with room.running():
        # Fourteen hours are left of the day.
        await asyncio.sleep(7 * 3600.0)
        assert 200 <= len(two.asked("quotes")) <= 300
    assert room.made.kinds() == []


async def test_a_symbol_added_to_a_slow_poll_is_asked_for_at_once() -> None:
    one = FakeSource("one", capabilities=can(max_quotes=1))
    room = Room(one, limits={"one": Limits(requests_per_day=25)})
    async with room.running(["AAPL"]) as live:
        await asyncio.sleep(60.0)
        live.want(["AAPL", "MSFT"])
        await asyncio.sleep(2.0)
        assert one.asked("quotes") == [("AAPL",), ("MSFT",)]


async def test_a_quota_used_up_moves_live_prices_to_the_next_source() -> None:
    one = FakeSource("one", capabilities=can(max_quotes=1))
    two = FakeSource("two")
    policy = LivePolicy(poll_share=1000.0)
    room = Room(one, two, limits={"one": Limits(requests_per_day=30)}, policy=policy)
    async with room.running() as live:
        await asyncio.sleep(1200.0)
        assert live.serving("AAPL") == "two"
        assert len(one.asked("quotes")) == 30
        # The provider's day ends, and it must show itself well for a while.
        await asyncio.sleep(13 * 3600.0 + 2460.0)
        assert live.serving("AAPL") == "one"


async def test_a_slow_receiver_holds_the_source_back() -> None:
    one = FakeSource("one", capabilities=STREAM, stream=deque(["AAPL"] * 10_000))
    room = Room(one)
    room.sink_seconds = 1.0
    async with room.running():
        await asyncio.sleep(100.5)
        assert len(one.stream) >= 9_890
        assert len(room.got) <= 101


async def test_what_the_receiver_raises_ends_the_feeds() -> None:
    one = FakeSource("one", capabilities=STREAM, stream=deque(["AAPL"]))
    room = Room(one)

    async def broken(ticks: Ticks) -> None:
        raise ValueError("a fault of ours")

    room.live._sink = broken
    with pytest.raises(ExceptionGroup) as caught:
        async with room.running():
            await asyncio.sleep(5.0)
    assert caught.group_contains(ValueError)
    assert one.open_streams == 0


async def test_more_symbols_than_can_be_followed_are_refused() -> None:
    with pytest.raises(ValueError, match="20001 symbols"):
        Room(FakeSource("one")).live.want(map(str, range(20_001)))
