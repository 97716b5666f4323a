"""Whatever market data does, in the end the book says what its bars say."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.support import eventually
from tests.unit.pattern_recognition.live.fake_market import FakeMarket
from tests.unit.pattern_recognition.live.walks import (
    BASIS,
    KEY,
    book_at,
    everything,
    rows_of,
    walk,
)
from trading_dashboard.agents.kit.memory import freeze
from trading_dashboard.agents.pattern_recognition.live import follower as follower_module
from trading_dashboard.agents.pattern_recognition.live.book import Brought, Event, PatternBook
from trading_dashboard.agents.pattern_recognition.live.follower import Follower
from trading_dashboard.agents.pattern_recognition.live.label import Label
from trading_dashboard.models.market import CorporateAction


class Heard:
    """Notes what the follower tells."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.replaced: list[Any] = []
        self.forgot: list[str] = []
        self.conditions: list[str | None] = []

    def happened(self, outcome: Brought) -> None:
        self.events += outcome.events
        self.replaced += sorted(outcome.replaced)

    def forgotten(self, reason: str) -> None:
        self.forgot.append(reason)

    def condition(self, reason: str | None) -> None:
        self.conditions.append(reason)


class Desk:
    """A follower over a fake market."""

    def __init__(
        self, market: FakeMarket, book: PatternBook, heard: Heard, clock: Any, follower: Follower
    ) -> None:
        self.market, self.book, self.heard, self.clock = market, book, heard, clock
        self.follower = follower

    async def catches_up(self, symbol: str = "AAPL") -> None:
        """Wait until the book has seen all there is, and compare."""

        def is_there() -> bool:
            tracker = self.book.trackers.get((symbol, "1m"))
            bars = self.market.bars(symbol)
            return tracker is not None and tracker.series.last_time == bars.time[-1]

        await eventually(is_there)


@asynccontextmanager
async def following(folder: Path, market: FakeMarket, **options: Any) -> AsyncIterator[Desk]:
    book, record = book_at(folder, history_bars=700)
    heard = Heard()
    clock = [0.0]

    async def at_once(work: Callable[[], Any]) -> Any:
        return work()

    follower = Follower(
        market, book, heard, at_once, symbols=options.get("symbols", []), timeframes=["1m"],
        history_bars=700, monotonic=lambda: clock[0],
    )  # fmt: skip
    running = asyncio.create_task(follower.run())
    try:
        yield Desk(market, book, heard, clock, follower)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        record.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_module, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(follower_module, "SILENCE_SECONDS", 0.06)
    monkeypatch.setattr(follower_module, "freeze", lambda: None)  # all that tests hold is much


def expected(market: FakeMarket, folder: Path, symbol: str = "AAPL", first: int = 0) -> Any:
    book, record = book_at(folder / "expected")
    bars = market.bars(symbol)
    book.load((symbol, "1m"), bars.between(first, len(bars)), BASIS)
    record.close()
    return [
        {name: value for name, value in body.items() if name not in ("source", "replay")}
        for body in everything(book, (symbol, "1m"))
    ]


def found(desk: Desk, symbol: str = "AAPL") -> Any:
    return [
        {name: value for name, value in body.items() if name not in ("source", "replay")}
        for body in everything(desk.book, (symbol, "1m"))
    ]


async def test_bars_are_looked_at_as_they_close(tmp_path: Path) -> None:
    async with following(tmp_path, FakeMarket(("AAPL", "IBM"))) as desk:
        await desk.catches_up("IBM")
        await desk.market.is_streaming.wait()
        desk.market.close_bars(200)
        await desk.catches_up("IBM")
        assert found(desk) == expected(desk.market, tmp_path)
        assert desk.market.wanted == ["*"]
        numbers = [event.number for event in desk.heard.events]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) > 300
        await eventually(lambda: desk.heard.conditions == [None])


@pytest.mark.parametrize("way", ["conflated", "gap", "reconnected"])
async def test_what_was_missed_is_caught_up_with(tmp_path: Path, way: str) -> None:
    async with following(tmp_path, FakeMarket()) as desk:
        await desk.catches_up()
        desk.market.at += 120  # nobody was told
        if way == "conflated":
            desk.market.close_bars(1, conflated=120)
        else:
            desk.market.reset(way, "AAPL" if way == "gap" else None)
        await desk.catches_up()
        await eventually(lambda: found(desk) == expected(desk.market, tmp_path))
        ids = [(it.found.body["id"], it.found.body["state"]) for it in desk.heard.events]
        assert len(ids) > 100
        assert len(set(ids)) == len(ids)


async def test_histories_are_not_looked_through_for_garbage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower_module, "freeze", freeze)
    assert not gc.get_freeze_count()
    async with following(tmp_path, FakeMarket()) as desk:
        await desk.catches_up()
        await eventually(lambda: gc.get_freeze_count() > 1_000)
    assert not gc.get_freeze_count()


async def test_an_amended_bar_is_noticed(tmp_path: Path) -> None:
    async with following(tmp_path, FakeMarket()) as desk:
        await desk.catches_up()
        walked = desk.market.walks["AAPL"]
        walked.high[650] *= 1.1
        desk.market.say(desk.market.update("AAPL", 650, revision=1))
        await eventually(lambda: desk.heard.replaced == [KEY])
        assert found(desk) == expected(desk.market, tmp_path)


async def test_a_clock_that_is_set_begins_anew(tmp_path: Path) -> None:
    async with following(tmp_path, FakeMarket(at=1_500)) as desk:
        await desk.catches_up()
        desk.market.at = 900
        desk.market.reset("clock_jump")
        await eventually(lambda: desk.heard.forgot == ["clock_jump"])
        await desk.catches_up()
        assert found(desk) == expected(desk.market, tmp_path, first=200)
        desk.market.close_bars(50)
        await desk.catches_up()
        assert found(desk) == expected(desk.market, tmp_path, first=200)


async def test_another_source_is_never_mixed_in(tmp_path: Path) -> None:
    async with following(tmp_path, FakeMarket()) as desk:
        await desk.catches_up()
        desk.market.label = Label("live", replay=False, intraday="real")
        desk.market.reset("reconnected")
        await eventually(lambda: desk.heard.forgot == ["source_changed"])
        await desk.catches_up()
        assert {body["source"] for body in everything(desk.book)} == {"live"}


async def test_a_symbols_other_source_begins_it_anew(tmp_path: Path) -> None:
    async with following(tmp_path, FakeMarket()) as desk:
        await desk.catches_up()
        desk.market.label = Label("other", replay=True, intraday="simulated")
        desk.market.reset("source_changed", "AAPL")
        await eventually(lambda: desk.heard.replaced == [KEY])
        assert {body["source"] for body in everything(desk.book)} == {"other"}


async def test_a_split_is_known_before_the_first_bar_after_it(tmp_path: Path) -> None:
    market = FakeMarket(at=1_430)
    async with following(tmp_path, market) as desk:
        await desk.catches_up()
        day = date(2012, 9, 4)
        about = {"symbol": "AAPL", "ex_date": day, "kind": "split", "source": "test"}
        market.splits = [CorporateAction(ratio=2.0, **about)]
        market.close_bars(30)  # over midnight
        await desk.catches_up()
        closes = desk.book.trackers[KEY].series.bars.close
        assert abs(closes[1:] / closes[:-1] - 1).max() < 0.1
        await eventually(lambda: found(desk) == expected(market, tmp_path))
        assert KEY in desk.heard.replaced


async def test_without_the_check_the_split_would_look_like_a_crash() -> None:
    """Control arm of the test above."""
    closes = walk(1_460).close.copy()
    closes[1_440:] /= 2
    assert abs(closes[1:] / closes[:-1] - 1).max() > 0.4


async def test_a_new_listing_is_followed(tmp_path: Path) -> None:
    async with following(tmp_path, FakeMarket()) as desk:
        await desk.catches_up()
        desk.market.list_symbol("FB")
        await desk.catches_up("FB")
        desk.market.close_bars(10)
        await desk.catches_up("FB")
        assert found(desk, "FB") == expected(desk.market, tmp_path, "FB")


async def test_only_the_symbols_that_are_wanted(tmp_path: Path) -> None:
    market = FakeMarket(("AAPL", "IBM"))
    async with following(tmp_path, market, symbols=["ibm"]) as desk:
        await desk.catches_up("IBM")
        assert set(desk.book.trackers) == {("IBM", "1m")}
        assert market.wanted == ["IBM"]


async def test_silence_is_said_and_so_is_its_end(tmp_path: Path) -> None:
    async with following(tmp_path, FakeMarket()) as desk:
        await desk.catches_up()
        await eventually(lambda: desk.heard.conditions == [None])
        desk.clock[0] = 10.0
        await eventually(lambda: desk.heard.conditions[-1] is not None)
        desk.market.close_bars(1)
        await eventually(lambda: desk.heard.conditions[-1] is None)
        await desk.catches_up()


async def test_market_data_that_is_away_at_the_start_is_waited_for(tmp_path: Path) -> None:
    market = FakeMarket()
    market.is_away = True
    async with following(tmp_path, market) as desk:
        await eventually(lambda: "Market data does not answer." in desk.heard.conditions)
        market.is_away = False
        await desk.catches_up()


async def test_a_restart_in_between_loses_nothing(tmp_path: Path) -> None:
    market = FakeMarket()
    events: list[Event] = []
    for _ in range(2):
        async with following(tmp_path, market) as desk:
            await desk.catches_up()
            market.close_bars(60)
            await desk.catches_up()
            events += desk.heard.events
        market.at += 90
        while not market._messages.empty():
            market._messages.get_nowait()
    async with following(tmp_path, market) as desk:
        await desk.catches_up()
        await eventually(lambda: found(desk) == expected(market, tmp_path))
        events += desk.heard.events
    whole, record = book_at(tmp_path / "whole")
    whole.load(KEY, market.walks["AAPL"].prefix(700), BASIS)
    wanted: list[Event] = []
    for row in rows_of(market.bars("AAPL"), 700):
        wanted += whole.push([(KEY, row)]).events
    record.close()
    assert [it.found.body["id"] for it in events] == [it.found.body["id"] for it in wanted]
