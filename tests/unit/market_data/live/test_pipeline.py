"""The way of a tick: judged, made bars of, shown, stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pytest

from tests.unit.market_data.aggregation.exchanges import always_open, at, ticks_of
from tests.unit.market_data.live import archives
from tests.unit.market_data.live.archives import as_archive
from trading_dashboard.agents.market_data.aggregation.activity_bars import ActivityBars
from trading_dashboard.agents.market_data.aggregation.time_bars import TimeBars
from trading_dashboard.agents.market_data.live.pending import BarBatch
from trading_dashboard.agents.market_data.live.pipeline import Pipeline
from trading_dashboard.agents.market_data.live.write_queue import WriteLimits, WriteQueue
from trading_dashboard.agents.market_data.records import Ticks
from trading_dashboard.agents.market_data.store.contract import Rejected

US = 1_000_000
BEGIN = at("2024-03-08 12:00")
SESSIONS = always_open(date(2024, 3, 1), 20)


@dataclass
class Said:
    good: Ticks
    bad: Sequence[Rejected]


class Gate:
    """Believes in positive prices."""

    def check(self, ticks: Ticks) -> Said:
        bad = [
            Rejected(
                source=ticks.source, symbol="BTC", interval="", at=when, received=0,
                reason="not_positive", detail="", row="{}",
            )
            for when in ticks.at[ticks.price <= 0].tolist()
        ]  # fmt: skip
        return Said(ticks.take(ticks.price > 0), bad)

    def give_up(self) -> Sequence[Rejected]:
        return ()


class Desk:
    """A pipeline and what came out of it."""

    def __init__(self, *, kinds: Sequence[str] = (), keeps_ticks: bool = True) -> None:
        self.archive = archives.Remembers()
        self.ticks: list[Ticks] = []
        self.bars: list[BarBatch] = []
        self.time_bars = TimeBars(lambda _: SESSIONS, ("1s", "1m"))
        self.activity = ActivityBars(lambda _: SESSIONS)
        for kind in kinds:
            self.activity.add("fake", "BTC", kind)
        writer = WriteQueue(as_archive(self.archive), WriteLimits(commit_seconds=0.01))
        self.pipeline = Pipeline(
            Gate(),
            self.time_bars,
            writer,
            self.ticks.append,
            self.bars.append,
            self.activity,
            keeps_ticks=keeps_ticks,
        )
        self.pipeline.start()

    def push(self, *rows: tuple[float, float]) -> None:
        made = [("BTC", BEGIN + round(second * US), price, 1.0) for second, price in rows]
        self.pipeline.push(ticks_of(made))

    def settle(self) -> None:
        assert asyncio.run(self.pipeline.flush())
        assert asyncio.run(self.pipeline.close())


def test_what_is_believed_is_shown_and_stored_and_what_is_not_is_quarantined() -> None:
    desk = Desk()
    desk.time_bars.watch("fake", ["BTC"], BEGIN)
    desk.push((0, 10.0), (0.5, -1.0), (1, 11.0))
    desk.settle()
    assert [len(ticks) for ticks in desk.ticks] == [2]
    assert desk.archive.ticks() == [BEGIN, BEGIN + US]
    assert desk.archive.bars() == [("1s", BEGIN)]
    [rejected] = [row for writing in desk.archive.writings for row in writing.rejected]
    assert rejected.reason == "not_positive"
    shown = {(c.bars.interval, s) for batch in desk.bars for c in batch for s in c.bars.start}
    assert shown == {("1s", BEGIN), ("1s", BEGIN + US), ("1m", BEGIN)}
    stats = desk.pipeline.stats()
    assert (stats.received, stats.good, stats.rejected, stats.closed_bars) == (3, 2, 1, 1)


def test_ticks_that_are_not_to_be_kept_make_bars_all_the_same() -> None:
    desk = Desk(keeps_ticks=False)
    desk.time_bars.watch("fake", ["BTC"], BEGIN)
    desk.push((0, 10.0), (0.5, -1.0), (1, 11.0))
    desk.settle()
    assert desk.archive.ticks() == []
    assert desk.archive.bars() == [("1s", BEGIN)]
    assert [len(ticks) for ticks in desk.ticks] == [2]
    assert len([row for writing in desk.archive.writings for row in writing.rejected]) == 1


def test_a_tick_that_comes_too_late_is_quarantined_too() -> None:
    desk = Desk()
    desk.push((300, 10.0))
    desk.push((1, 10.0))
    desk.settle()
    [rejected] = [row for writing in desk.archive.writings for row in writing.rejected]
    assert (rejected.reason, desk.pipeline.stats().too_late) == ("too_late", 1)


def test_the_clock_closes_silent_bars_and_they_are_stored() -> None:
    desk = Desk()
    desk.time_bars.watch("fake", ["BTC"], BEGIN)
    desk.push((0, 10.0))
    desk.pipeline.advance(BEGIN + 62 * US)
    desk.settle()
    assert sorted(desk.archive.bars()) == [("1m", BEGIN), ("1s", BEGIN)]


def test_bars_without_their_beginning_are_shown_and_not_stored() -> None:
    desk = Desk()
    desk.push((30, 10.0), (61, 10.0))
    desk.settle()
    assert ("1m", BEGIN) not in desk.archive.bars()
    assert desk.pipeline.stats().incomplete_bars == 1  # the second begins with its only tick
    minutes = [c for batch in desk.bars for c in batch if c.bars.interval == "1m"]
    assert minutes[0].whole.tolist()[0] is False


def test_activity_bars_are_stored_once_closed() -> None:
    desk = Desk(kinds=["2t"])
    desk.push((0, 10.0), (1, 10.0), (2, 10.0))
    desk.settle()
    assert [bar for bar in desk.archive.bars() if bar[0] == "2t"] == [("2t", BEGIN)]


def test_a_listener_that_fails_loses_nothing() -> None:
    desk = Desk()

    def fails(_: Ticks) -> None:
        raise RuntimeError("nobody listens")

    pipeline = Pipeline(
        Gate(), TimeBars(lambda _: SESSIONS), WriteQueue(as_archive(desk.archive)),
        fails, desk.bars.append,
    )  # fmt: skip
    pipeline.start()
    with pytest.raises(RuntimeError):
        pipeline.push(ticks_of([("BTC", BEGIN, 10.0, 1.0)]))
    assert asyncio.run(pipeline.close())
    desk.settle()
    assert desk.archive.ticks() == [BEGIN]


async def test_taken_in_pieces_it_comes_to_the_same_and_others_have_their_turn() -> None:
    pushed, taken = Desk(), Desk()
    rows = [("BTC", BEGIN + n * US // 3, price, 1.0) for n, price in enumerate([5.0, -1.0, 6.0, 7])]
    turns = 0

    async def another() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    for desk in (pushed, taken):
        desk.time_bars.watch("fake", ["BTC"], BEGIN)
    beside = asyncio.create_task(another())
    for at_ in range(0, 4, 2):
        pushed.pipeline.push(ticks_of(rows[at_ : at_ + 2]))
        await taken.pipeline.take(ticks_of(rows[at_ : at_ + 2]))
    beside.cancel()
    assert turns >= 6
    for desk in (pushed, taken):
        assert await desk.pipeline.flush()
        assert await desk.pipeline.close()
    assert (
        taken.archive.ticks() == pushed.archive.ticks() == [BEGIN, BEGIN + 2 * US // 3, BEGIN + US]
    )
    assert taken.archive.bars() == pushed.archive.bars()
    assert [len(ticks) for ticks in taken.ticks] == [len(ticks) for ticks in pushed.ticks]


@pytest.mark.parametrize("turns", range(5))
async def test_what_was_begun_is_finished_though_cancelled(turns: int) -> None:
    desk = Desk()
    task = asyncio.create_task(desk.pipeline.take(ticks_of([("BTC", BEGIN, 5.0, 1.0)])))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await desk.pipeline.close()
    assert desk.archive.ticks() == ([BEGIN] if turns else [])
    assert len(desk.ticks) == min(turns, 1)
