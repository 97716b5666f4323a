"""What is kept is not asked for again, what is not is, and no series mixes two sources."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.market_data.live.fakes import (
    DAY,
    HOUR,
    AllGood,
    FakeDesk,
    MemoryArchive,
    at_once,
    instrument,
    micros,
    rows,
    weekday_sessions,
)
from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.live.history import Found, LiveHistory
from trading_dashboard.agents.market_data.live.ranges import TimeRange
from trading_dashboard.agents.market_data.sources.contract import SourceUnreachable
from trading_dashboard.agents.market_data.store.contract import Writing

NOW = micros(2026, 3, 20, 18, 0)
PAST = TimeRange(micros(2026, 3, 2), micros(2026, 3, 6))


class Told:
    def __init__(self) -> None:
        self.desk = FakeDesk()
        self.archive = MemoryArchive()
        self.history = LiveHistory(self.desk, self.archive, AllGood(), at_once)

    async def read(self, wanted: TimeRange, now: int = NOW, interval: str = "1h") -> Found:
        return await self.history.read(
            instrument(), weekday_sessions(), interval, wanted, now, limit=10_000, newest=False
        )


async def test_a_stretch_is_asked_for_once() -> None:
    told = Told()
    first = await told.read(PAST)
    again = await told.read(PAST)
    inside = await told.read(TimeRange(PAST.start + DAY, PAST.end - DAY))

    assert first.table.num_rows == again.table.num_rows == len(rows("1h", PAST.start, PAST.end))
    assert inside.table.num_rows == len(rows("1h", PAST.start + DAY, PAST.end - DAY))
    assert told.desk.asked == [("first", "1h", PAST.start, PAST.end)]


async def test_only_what_is_missing_is_asked_for_and_no_hole_is_left() -> None:
    told = Told()
    await told.read(PAST)
    far = TimeRange(PAST.end + 5 * DAY, PAST.end + 6 * DAY)
    await told.read(far)
    await told.read(TimeRange(PAST.start - DAY, far.end))

    assert told.desk.asked[1:] == [
        ("first", "1h", PAST.end, far.end),
        ("first", "1h", PAST.start - DAY, PAST.start),
    ]


async def test_what_is_kept_survives_a_restart() -> None:
    told = Told()
    await told.read(PAST)
    told.history = LiveHistory(told.desk, told.archive, AllGood(), at_once)
    await told.read(PAST)
    assert len(told.desk.asked) == 1


async def test_the_newest_bar_is_asked_for_again_but_not_at_each_question() -> None:
    told = Told()
    wanted = TimeRange(micros(2026, 3, 20), NOW)
    newest = micros(2026, 3, 20, 17, 30)
    await told.read(wanted)
    await told.read(TimeRange(wanted.start, NOW + 1_000_000), NOW + 1_000_000)
    assert len(told.desk.asked) == 1
    later = NOW + HOUR
    await told.read(TimeRange(wanted.start, later), later)
    assert told.desk.asked[1] == ("first", "1h", newest, later)


async def test_identical_questions_at_once_ask_once() -> None:
    told = Told()
    await asyncio.gather(*(told.read(PAST) for _ in range(20)))
    assert len(told.desk.asked) == 1


async def test_another_source_starts_a_series_of_its_own() -> None:
    told = Told()
    await told.read(PAST)
    wider = TimeRange(PAST.start, PAST.end + DAY)

    class Other(FakeDesk):
        """The first one fails; the second steps in."""

        def serving(self, symbol: str) -> str | None:
            return "first"

    other = Other()
    other.name = "second"
    told.history = LiveHistory(other, told.archive, AllGood(), at_once)
    found = await told.read(wider)

    assert found.source == "second"
    assert found.table.num_rows == len(rows("1h", wider.start, wider.end))
    assert {key[0] for key in told.archive.rows} == {"first", "second"}
    assert max(told.archive.rows[("first", "AAPL", "1h")]) < PAST.end


async def test_without_a_source_what_is_kept_is_said_to_be_a_part() -> None:
    told = Told()
    await told.read(PAST)
    told.desk.failure = SourceUnreachable("no connection")

    whole = await told.read(PAST)
    assert whole.failure is None  # all of it is kept: nobody has to be asked
    part = await told.read(TimeRange(PAST.start, PAST.end + DAY))
    assert part.table.num_rows == whole.table.num_rows
    assert str(part.failure) == "no connection"
    with pytest.raises(SourceUnreachable):
        await told.read(PAST, interval="1d")


async def test_the_bar_in_progress_is_not_called_closed() -> None:
    told = Told()
    table = (await told.read(TimeRange(micros(2026, 3, 20), NOW))).table
    assert table["closed"].to_pylist() == [True, True, True, False]  # 17:30 ends at 18:30
    days = (await told.read(TimeRange(micros(2026, 3, 19), NOW), interval="1d")).table
    assert days["closed"].to_pylist() == [True, False]


async def test_what_is_covered_is_looked_up_once() -> None:
    told = Told()
    await told.read(PAST)
    looked_up: list[str] = []
    told.archive.note = looked_up.append  # type: ignore[method-assign,assignment]
    await told.read(PAST)
    await told.read(TimeRange(PAST.start - DAY, PAST.end))
    assert looked_up == []
    assert len(told.desk.asked) == 2


async def test_a_failed_write_is_not_remembered_as_covered() -> None:
    told = Told()
    write = told.archive.write

    def refuse(writing: Writing) -> None:
        raise StoreUnusable("The store is full.", subject="test")

    told.archive.write = refuse  # type: ignore[method-assign]
    with pytest.raises(StoreUnusable):
        await told.read(PAST)
    told.archive.write = write  # type: ignore[method-assign]
    assert (await told.read(PAST)).table.num_rows
    assert len(told.desk.asked) == 2
