"""Gaps: found by the calendar, filled by their own source or not at all, and written down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.live.expected import (
    expected_starts,
    open_stretches,
)
from trading_dashboard.agents.market_data.live.gaps import MAX_ATTEMPTS, GapKeeper
from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import (
    NotOffered,
    SourceLimited,
    SourceUnreachable,
)
from trading_dashboard.agents.market_data.store.contract import Gap, SeriesInfo, Writing

Result = TypeVar("Result")

MINUTE = 60 * MICROSECONDS
DAY = 1440 * MINUTE
FRIDAY = 20_454  # 2026-01-02
OPEN = FRIDAY * DAY + 870 * MINUTE


def sessions(_: str = "A") -> Sessions:
    """Return Friday and Monday, 14:30 to 15:30 with a pause of ten minutes."""
    days = np.array([FRIDAY, FRIDAY + 3], dtype=np.int64)
    opens = days * DAY + 870 * MINUTE
    return Sessions(
        calendar="TEST",
        time_zone="UTC",
        day=days,
        open_at=opens,
        close_at=opens + 60 * MINUTE,
        break_start=opens + 30 * MINUTE,
        break_end=opens + 40 * MINUTE,
    )


class Shelf:
    """An archive of gaps and series."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str, str, int], Gap] = {}
        self.stored: list[Bars] = []
        self.held: list[SeriesInfo] = []
        self.is_full = False

    def write(self, writing: Writing) -> None:
        if self.is_full:
            raise StoreUnusable("The disk is full.")
        for gap in writing.gaps:
            self.known[gap.source, gap.symbol, gap.interval, gap.start] = gap
        self.stored.extend(writing.bars)

    def gaps(self, symbol: str | None = None, *, limit: int = 1000) -> Sequence[Gap]:
        return list(self.known.values())

    def series(self, symbol: str | None = None) -> Sequence[SeriesInfo]:
        return self.held


class World:
    """A keeper with a source that can be told what to answer."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        self.shelf = shelf or Shelf()
        self.now = OPEN
        self.asked: list[tuple[str, str, str, int, int]] = []
        self.answers: list[Exception] = []
        self.lacks: frozenset[int] = frozenset()
        self.says = "ccxt:a"
        self.changes: list[Gap] = []
        self.keeper = GapKeeper(
            self.shelf,  # type: ignore[arg-type]
            self.history,
            sessions,
            now=lambda: self.now,
            in_thread=at_once,
            on_change=self.changes.append,
            jitter=lambda: 0.0,
        )

    async def history(self, source: str, symbol: str, interval: str, start: int, end: int) -> Bars:
        self.asked.append((source, symbol, interval, start, end))
        if self.answers:
            raise self.answers.pop(0)
        starts = expected_starts(sessions(), interval, start, end).tolist()
        rows: list[Any] = [(at, 1.0, 1.0, 1.0, 1.0, 1.0) for at in starts if at not in self.lacks]
        return Bars.of(self.says, symbol, interval, rows)

    async def outage(self, minutes: float = 5.5) -> list[Gap]:
        began = self.now
        self.keeper.outage_began("ccxt:a", ["A"], at=began, cause="source_silent", detail="no word")
        self.now += int(minutes * MINUTE)
        return await self.keeper.outage_ended("ccxt:a", at=self.now)

    @property
    def gap(self) -> Gap:
        (gap,) = self.shelf.known.values()
        return gap

    def is_filled(self) -> bool:
        return self.gap.filled_at is not None


async def at_once(work: Callable[[], Result]) -> Result:
    return work()


_: Callable[[Callable[[], int]], Awaitable[int]] = at_once


def test_what_should_be_there() -> None:
    starts = expected_starts(sessions(), "1m", OPEN, OPEN + 4 * DAY)
    assert len(starts) == 100
    assert int(starts[30] - starts[29]) == 11 * MINUTE
    assert len(expected_starts(sessions(), "1d", OPEN - DAY, OPEN + 9 * DAY)) == 2
    assert not len(expected_starts(sessions(), "100t", OPEN, OPEN + DAY))
    parts = open_stretches(sessions(), OPEN + 25 * MINUTE, OPEN + 3 * DAY + 5 * MINUTE)
    assert [(a - OPEN) // MINUTE for a, _ in parts] == [25, 40, 4320]


async def test_an_outage_is_filled_by_its_own_source() -> None:
    world = World()
    (gap,) = await world.outage()
    assert (gap.cause, gap.interval, gap.start, gap.end) == (
        "source_silent", "1m", OPEN, OPEN + 6 * MINUTE,
    )  # fmt: skip
    assert await world.keeper.fill_due() is None
    assert world.gap.filled_at == world.now
    assert [len(bars) for bars in world.shelf.stored] == [6]
    assert [gap.filled_at for gap in world.changes] == [None, world.now]


async def test_closed_hours_are_no_gap() -> None:
    world = World()
    world.now = OPEN + 60 * MINUTE
    assert await world.outage(60.0) == []
    world.now = OPEN + 30 * MINUTE
    assert await world.outage(9.0) == []
    assert world.shelf.known == {}


async def test_another_sources_data_is_never_used() -> None:
    world = World()
    world.says = "yahoo"
    await world.outage()
    await world.keeper.fill_due()
    assert world.shelf.stored == []
    assert not world.is_filled()
    assert "of yahoo came" in world.gap.detail


async def test_failures_are_tried_again_later_and_not_for_ever() -> None:
    world = World()
    world.answers = [SourceUnreachable("no route")] * 100
    await world.outage()
    pauses = []
    while (pause := await world.keeper.fill_due()) is not None:
        pauses.append(round(pause, 1))
        world.now += int(pause * MICROSECONDS) + 1
    assert pauses == [7.5, 15.0, 30.0, 60.0, 120.0]
    assert world.gap.attempts == MAX_ATTEMPTS
    assert (world.gap.filled_at, world.gap.detail) == (None, "no route")


async def test_a_source_that_asks_for_time_gets_it() -> None:
    world = World()
    world.answers = [SourceLimited("too many", retry_after=600.0)]
    await world.outage()
    pause = await world.keeper.fill_due()
    assert pause is not None
    assert round(pause) == 600


async def test_what_a_source_does_not_have_is_asked_once() -> None:
    world = World()
    world.answers = [NotOffered("no history")]
    await world.outage()
    assert await world.keeper.fill_due() is None
    assert (world.gap.attempts, world.gap.detail) == (MAX_ATTEMPTS, "no history")


async def test_minutes_nobody_traded_in_are_told() -> None:
    world = World()
    world.lacks = frozenset([OPEN + 2 * MINUTE])
    await world.outage()
    pause = await world.keeper.fill_due()
    assert not world.is_filled()
    assert pause is not None
    world.now += int(pause * MICROSECONDS) + 1
    assert await world.keeper.fill_due() is None
    assert world.is_filled()
    assert world.gap.detail == "5 of 6 bars; the source has no more."


async def test_the_time_the_agent_did_not_run_is_found_and_old_gaps_taken_up() -> None:
    world = World()
    world.answers = [SourceUnreachable("away")]
    await world.outage()
    await world.keeper.fill_due()
    again = World(world.shelf)
    again.shelf.held = [
        SeriesInfo(
            source=source, symbol="A", interval="1m", first=OPEN, last=OPEN + 50 * MINUTE, rows=1
        )
        for source in ("ccxt:a", "yahoo")
    ]
    again.now = OPEN + 3 * DAY + 3 * MINUTE + 1
    found = await again.keeper.take_up({"A": "ccxt:a"})
    assert [(gap.source, gap.cause) for gap in found] == [("ccxt:a", "agent_down")]
    # The minute it starts in lacks its beginning: it is missing, too.
    assert (found[0].start, found[0].end) == (OPEN + 51 * MINUTE, OPEN + 3 * DAY + 4 * MINUTE)
    assert again.keeper.waiting == 2
    await again.keeper.fill_due()
    assert [gap.filled_at is None for gap in again.shelf.known.values()] == [False, False]
    assert sorted(len(bars) for bars in again.shelf.stored) == [6, 13]


async def test_a_restart_within_a_minute_costs_that_minute_and_one_on_its_edge_none() -> None:
    for seconds, ends in ((20, [OPEN + 51 * MINUTE]), (0, [])):
        world = World()
        last = OPEN + 49 * MINUTE
        world.shelf.held = [
            SeriesInfo(source="ccxt:a", symbol="A", interval="1m", first=OPEN, last=last, rows=1)
        ]
        world.now = OPEN + 50 * MINUTE + seconds * MICROSECONDS
        found = await world.keeper.take_up({"A": "ccxt:a"})
        assert [gap.end for gap in found] == ends


async def test_a_minute_that_is_not_over_is_not_taken_for_one_without_trades() -> None:
    world = World()
    world.lacks = frozenset([OPEN + 5 * MINUTE])
    await world.outage(5.2)
    assert world.gap.end == OPEN + 6 * MINUTE
    pause = await world.keeper.fill_due()
    assert pause is not None
    world.now += int(pause * MICROSECONDS) + 1
    assert world.now >= world.gap.end
    world.lacks = frozenset()
    assert await world.keeper.fill_due() is None
    assert world.is_filled()
    assert world.gap.detail == "5 of 6 bars could be had so far."


async def test_what_somebody_else_found_is_written_down_and_filled_once() -> None:
    world = World()
    gap = Gap(
        source="ccxt:a", symbol="A", interval="1m", start=OPEN + 4 * MINUTE,
        end=OPEN + 6 * MINUTE, cause="not_delivered",
    )  # fmt: skip
    assert await world.keeper.found([gap]) == [gap]
    assert world.keeper.waiting == 1
    assert await world.keeper.found([gap]) == []


async def test_a_full_disk_leaves_the_gap_open() -> None:
    world = World()
    await world.outage()
    world.shelf.is_full = True
    pause = await world.keeper.fill_due()
    assert pause is not None
    assert not world.is_filled()
    world.shelf.is_full = False
    world.now += int(pause * MICROSECONDS) + 1
    await world.keeper.fill_due()
    assert world.is_filled()
