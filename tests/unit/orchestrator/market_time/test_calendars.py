"""Calendars: computed beside, kept on disk, checked, renewed, shared and given up for a while."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import exchange_calendars
import pytest

from tests.support import eventually
from trading_dashboard.config.calendar_names import ALIASES, CALENDARS, canonical_name
from trading_dashboard.orchestrator.market_time import calendars as calendars_module
from trading_dashboard.orchestrator.market_time.calendar_files import Rows
from trading_dashboard.orchestrator.market_time.calendars import (
    CalendarStore,
    CalendarUnknown,
    library_version,
)
from trading_dashboard.orchestrator.market_time.computing import CalendarFailed, compute_in_child
from trading_dashboard.orchestrator.market_time.sessions import Sessions

DAY = 86_400
NOW = 1_795_000_000.0 - 1_795_000_000 % DAY


def days(count: int, since: float = NOW) -> Rows:
    """Return that many daily sessions from 12:00 to 18:00, beginning on the day before."""
    first = int(since) - DAY
    return [[first + d * DAY + 43_200, first + d * DAY + 64_800, None, None] for d in range(count)]


class Computer:
    """Counts what it is asked, and answers what the test says."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.error: Exception | None = None
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None

    async def __call__(self, name: str, first: str) -> Rows:
        self.asked.append(name)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.rows


class Clock:
    """Wall time and monotonic time, moved by the test."""

    def __init__(self) -> None:
        self.wall = NOW
        self.monotonic = 0.0

    def move(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@asynccontextmanager
async def store(path: Path, computer: Computer, clock: Clock) -> AsyncIterator[CalendarStore]:
    made = CalendarStore(path, computer, lambda: clock.wall, lambda: clock.monotonic)
    try:
        yield made
    finally:
        await made.aclose()


def nothing() -> None:
    """Take no notice."""


async def known(made: CalendarStore, name: str = "XNYS") -> Sessions:
    def found() -> Sessions:
        answer = made.find(name, nothing)
        assert isinstance(answer, Sessions)
        return answer

    return await eventually(found)


async def failed(made: CalendarStore, name: str = "XNYS") -> CalendarUnknown:
    def found() -> CalendarUnknown:
        answer = made.find(name, nothing)
        assert isinstance(answer, CalendarUnknown)
        assert not answer.is_loading
        return answer

    return await eventually(found)


async def test_a_calendar_is_computed_once_for_all_who_ask(tmp_path: Path) -> None:
    computer = Computer(days(300))
    told: list[str] = []
    async with store(tmp_path, computer, Clock()) as made:
        for who in "abc":
            answer = made.find("XNYS", lambda who=who: told.append(who))  # type: ignore[misc]
            assert isinstance(answer, CalendarUnknown)
            assert answer.is_loading
        await known(made)
        assert (await known(made, "NASDAQ")) is (await known(made))
    assert computer.asked == ["XNYS"]
    assert told == ["a", "b", "c"]


async def test_the_next_supervisor_reads_the_file(tmp_path: Path) -> None:
    computer, clock = Computer(days(300)), Clock()
    async with store(tmp_path, computer, clock) as made:
        first = await known(made)
    async with store(tmp_path, computer, clock) as made:
        again = await known(made)
    assert computer.asked == ["XNYS"]
    assert again.sessions == first.sessions
    assert (again.since, again.until) == (first.since, first.until)
    (file,) = tmp_path.iterdir()
    assert file.name == f"XNYS-{library_version()}.json"
    assert file.stat().st_mode & 0o077 == 0, "closed to other users, like all of var/"


def garble(path: Path) -> None:
    path.write_text("{", encoding="utf-8")


def shift_a_close(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    content["sessions"][3][1] -= 60
    path.write_text(json.dumps(content), encoding="utf-8")


def claim_another_calendar(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {"calendar": "XLON"}), encoding="utf-8")


def list_instead(path: Path) -> None:
    path.write_text("[]", encoding="utf-8")


def remove_rows(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {"sessions": None}), encoding="utf-8")


@pytest.mark.parametrize(
    "damage", [garble, shift_a_close, claim_another_calendar, list_instead, remove_rows]
)
async def test_a_damaged_file_is_computed_again(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    computer, clock = Computer(days(300)), Clock()
    async with store(tmp_path, computer, clock) as made:
        whole = await known(made)
    damage(next(tmp_path.iterdir()))
    async with store(tmp_path, computer, clock) as made:
        assert (await known(made)).sessions == whole.sessions
    assert len(computer.asked) == 2


async def test_another_version_of_the_library_computes_again_and_cleans_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computer, clock = Computer(days(300)), Clock()
    async with store(tmp_path, computer, clock) as made:
        await known(made)
    monkeypatch.setattr(calendars_module, "library_version", lambda: "99.0")
    async with store(tmp_path, computer, clock) as made:
        await known(made)
    assert len(computer.asked) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["XNYS-99.0.json"]


async def test_a_calendar_about_to_end_is_renewed_while_it_serves(tmp_path: Path) -> None:
    computer, clock = Computer(days(100)), Clock()
    async with store(tmp_path, computer, clock) as made:
        first = await known(made)
        clock.move(50 * DAY)
        computer.rows = days(400)
        assert made.find("XNYS", nothing) is first  # and is being renewed

        async def renewed() -> bool:
            return made.find("XNYS", nothing) is not first

        await eventually(renewed)
        assert (await known(made)).until > first.until
    assert len(computer.asked) == 2


async def test_a_calendar_that_cannot_be_renewed_is_not_computed_on_and_on(tmp_path: Path) -> None:
    computer, clock = Computer(days(30)), Clock()
    async with store(tmp_path, computer, clock) as made:
        await known(made)
        for _ in range(20):
            assert isinstance(made.find("XNYS", nothing), Sessions)
            await asyncio.sleep(0)
        assert len(computer.asked) == 1
        clock.move(2 * DAY)
        made.find("XNYS", nothing)

        async def asked_again() -> bool:
            return len(computer.asked) == 2

        await eventually(asked_again)


async def test_a_failure_says_why_and_is_tried_again_later_and_later(tmp_path: Path) -> None:
    computer, clock = Computer(days(300)), Clock()
    computer.error = CalendarFailed("no answer within 60 s")
    async with store(tmp_path, computer, clock) as made:
        answer = await failed(made)
        assert "calendar XNYS could not be read: no answer within 60 s" in answer.reason
        for _ in range(5):
            assert made.find("XNYS", nothing) == answer
        assert len(computer.asked) == 1
        clock.move(5)
        assert (await failed(made)).reason == answer.reason
        assert len(computer.asked) == 2
        clock.move(5)
        assert made.find("XNYS", nothing) == answer  # the second wait is longer
        clock.move(5)
        computer.error = None
        await known(made)
    assert len(computer.asked) == 3


async def test_a_calendar_that_has_ended_is_unknown(tmp_path: Path) -> None:
    computer = Computer(days(10, NOW - 100 * DAY))
    async with store(tmp_path, computer, Clock()) as made:
        assert "does not reach to today" in (await failed(made)).reason


async def test_closing_ends_a_computation_under_way(tmp_path: Path) -> None:
    computer = Computer(days(300))
    computer.gate = asyncio.Event()
    async with store(tmp_path, computer, Clock()) as made:
        made.find("XNYS", nothing)
        await asyncio.sleep(0)
    assert list(tmp_path.iterdir()) == []


# The process.


async def test_the_child_computes_a_real_calendar() -> None:
    rows = await compute_in_child("XHKG", "2026-11-02")
    assert len(rows) > 200
    assert rows[0] == [1_793_583_000, 1_793_606_400, 1_793_592_000, 1_793_595_600]


async def test_a_child_that_fails_or_hangs_or_lies_is_reported(tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text("raise SystemExit('the library is broken')", encoding="utf-8")
    with pytest.raises(CalendarFailed, match="the library is broken"):
        await compute_in_child("XNYS", "2026-01-01", script)
    script.write_text("print('[[1, 2], 3]')", encoding="utf-8")
    with pytest.raises(CalendarFailed, match="something else"):
        await compute_in_child("XNYS", "2026-01-01", script)
    script.write_text("import time; time.sleep(60)", encoding="utf-8")
    with pytest.raises(CalendarFailed, match=r"no answer within 0\.3 s"):
        await compute_in_child("XNYS", "2026-01-01", script, deadline_seconds=0.3)


async def test_nobody_waiting_any_more_ends_the_child(tmp_path: Path) -> None:
    script, marker = tmp_path / "child.py", tmp_path / "pid"
    script.write_text(
        f"import os, time; open({str(marker)!r}, 'w').write(str(os.getpid())); time.sleep(60)",
        encoding="utf-8",
    )
    asking = asyncio.create_task(compute_in_child("XNYS", "2026-01-01", script))

    async def pid() -> int | None:
        return int(marker.read_text() or 0) if marker.exists() else None

    number = await eventually(pid)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

    async def gone() -> bool:
        return not Path(f"/proc/{number}").exists()

    await eventually(gone)


def test_the_supervisor_never_imports_the_calendar_library() -> None:
    program = (
        "import sys, trading_dashboard.cli.desk, trading_dashboard.control_api.app,"
        " trading_dashboard.orchestrator.market_time.calendars;"
        "print(sorted({'pandas', 'numpy', 'exchange_calendars'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# The names.


def test_the_names_are_those_of_the_library() -> None:
    assert list(CALENDARS) == exchange_calendars.get_calendar_names(include_aliases=False)
    for name in exchange_calendars.get_calendar_names(include_aliases=True):
        assert canonical_name(name) == exchange_calendars.resolve_alias(name)
    assert set(ALIASES) | set(CALENDARS) == set(
        exchange_calendars.get_calendar_names(include_aliases=True)
    )
