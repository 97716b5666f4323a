"""An agent with hours: started, stopped, idle, overridden, waited for, caught up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support import eventually
from tests.unit.orchestrator.fakes import SILENT, Desk, agent, desk
from trading_dashboard.cli.formatting import hours_text, waiting_text
from trading_dashboard.models.agents import AgentInfo, Maintenance
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator import schedule_rule
from trading_dashboard.orchestrator.market_time.calendar_files import Rows
from trading_dashboard.orchestrator.market_time.calendars import CalendarStore
from trading_dashboard.orchestrator.market_time.computing import CalendarFailed

CRON = {"start": "0 8 * * mon-fri", "stop": "0 18 * * mon-fri"}
BY_SESSION = {"calendar": "XNYS", "start": "open-15m", "stop": "close+30m"}
SUNDAY, MONDAY_NOON = "2026-11-22T12:00", "2026-11-23T12:00"
DAY = 86_400


class Clock:
    """A wall clock that the test sets."""

    def __init__(self, text: str) -> None:
        self.looks = 0
        self.set(text)

    def set(self, text: str) -> None:
        self.now = datetime.fromisoformat(text + "+00:00").timestamp()

    def __call__(self) -> float:
        self.looks += 1
        return self.now


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the clock often: it jumps."""
    monkeypatch.setattr(schedule_rule, "CHECK_SECONDS", 0.02)


async def info(made: Desk, name: str = "a") -> AgentInfo:
    found = await made.manager.get_agent_status(name)
    assert found is not None
    return found


async def becomes(made: Desk, status: AgentStatus, name: str = "a") -> AgentInfo:
    async def reached() -> AgentInfo:
        found = await info(made, name)
        assert found.status is status
        return found

    return await eventually(reached, what=f"{name} becomes {status}")


async def says(made: Desk, words: str, name: str = "a") -> AgentInfo:
    async def reached() -> AgentInfo:
        found = await info(made, name)
        assert found.schedule is not None
        assert words in found.schedule.text
        return found

    return await eventually(reached, what=f"{name} says {words}")


async def looked(clock: Clock) -> None:
    """Return when every agent has looked at the clock again, twice at least."""
    enough = clock.looks + 12
    await eventually(lambda: clock.looks >= enough, what="the agents look at the clock")


def scheduled(port: int = 1, **more: Any) -> dict[str, Any]:
    return agent(port, schedule=CRON, **more)


async def test_outside_its_hours_it_is_idle_and_starts_when_they_begin(tmp_path: Path) -> None:
    clock = Clock(SUNDAY)
    async with desk(tmp_path, {"a": scheduled()}, clock=clock) as made:
        assert await made.manager.start_all_enabled_agents() == {"a": False}
        idle = await says(made, "idle until Mon 08:00 UTC")
        assert (idle.status, idle.error_message) == (AgentStatus.STOPPED, None)
        assert idle.is_idle
        assert hours_text(idle) == "idle until Mon 08:00 UTC"
        await looked(clock)
        assert not made.runtime.launches
        clock.set(MONDAY_NOON)
        running = await becomes(made, AgentStatus.RUNNING)
        assert running.schedule is not None
        assert running.schedule.is_open
        await says(made, "runs until Mon 18:00 UTC")
        clock.set("2026-11-23T18:00")
        await becomes(made, AgentStatus.STOPPED)
        await says(made, "idle until Tue 08:00 UTC")
        recent = made.manager.events.recent()
        reasons = [e.data["reason"] for e in recent if e.kind is EventKind.TRANSITION]
        assert reasons[0] == "its hours have begun", "nobody asked"
        assert reasons[-1] == "its hours are over"


async def test_control_without_a_schedule_it_runs_on_sundays(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}, clock=Clock(SUNDAY)) as made:
        assert await made.manager.start_all_enabled_agents() == {"a": True}
        assert (await info(made)).schedule is None


async def test_one_that_nobody_started_is_left_alone(tmp_path: Path) -> None:
    clock = Clock(MONDAY_NOON)
    async with desk(tmp_path, {"a": scheduled(), "b": agent(2)}, clock=clock) as made:
        await made.manager.start_agent("b")
        await says(made, "not started")
        await looked(clock)
        assert len(made.runtime.launches) == 1


async def test_a_start_by_hand_stands_until_its_hours_begin_and_end(tmp_path: Path) -> None:
    clock = Clock(SUNDAY)
    async with desk(tmp_path, {"a": scheduled()}, clock=clock) as made:
        assert await made.manager.start_agent("a")
        started = await says(made, "started by hand; its hours begin Mon 08:00 UTC")
        assert started.schedule is not None
        assert started.schedule.overridden_until is not None
        await looked(clock)
        assert (await info(made)).status is AgentStatus.RUNNING
        clock.set("2026-11-23T08:00")
        await says(made, "runs until Mon 18:00 UTC")
        assert len(made.runtime.launches) == 1  # it just goes on
        clock.set("2026-11-23T18:00")
        await becomes(made, AgentStatus.STOPPED)


async def test_a_start_by_hand_that_failed_is_tried_again_in_its_hours(tmp_path: Path) -> None:
    clock = Clock(SUNDAY)
    agents = {"a": scheduled(startup_timeout=0.1, restart={"policy": "never"})}
    async with desk(tmp_path, agents, clock=clock) as made:
        made.prober.outcomes[1] = SILENT
        assert not await made.manager.start_agent("a")
        await becomes(made, AgentStatus.ERROR)
        made.prober.outcomes.clear()
        clock.set(MONDAY_NOON)
        await becomes(made, AgentStatus.RUNNING)


async def test_a_stop_by_hand_stands_until_its_hours_begin_again(tmp_path: Path) -> None:
    clock = Clock(MONDAY_NOON)
    async with desk(tmp_path, {"a": scheduled()}, clock=clock) as made:
        assert await made.manager.start_all_enabled_agents() == {"a": True}
        await made.manager.stop_agent("a")
        await says(made, "stopped by hand until Tue 08:00 UTC")
        clock.set("2026-11-23T20:00")
        await looked(clock)
        assert len(made.runtime.launches) == 1
        clock.set("2026-11-24T08:00")
        await becomes(made, AgentStatus.RUNNING)


async def test_a_stop_by_hand_outside_its_hours_is_just_idle(tmp_path: Path) -> None:
    clock = Clock(SUNDAY)
    async with desk(tmp_path, {"a": scheduled()}, clock=clock) as made:
        await made.manager.start_agent("a")
        await made.manager.stop_agent("a")
        await says(made, "idle until Mon 08:00 UTC")


async def test_an_error_does_not_outlive_its_hours(tmp_path: Path) -> None:
    clock = Clock(MONDAY_NOON)
    agents = {"a": scheduled(startup_timeout=0.1, restart={"policy": "never"})}
    async with desk(tmp_path, agents, clock=clock) as made:
        made.prober.outcomes[1] = SILENT
        await made.manager.start_all_enabled_agents()
        await becomes(made, AgentStatus.ERROR)
        await looked(clock)
        assert len(made.runtime.launches) == 1  # within its hours the schedule does not insist
        clock.set("2026-11-23T19:00")
        idle = await becomes(made, AgentStatus.STOPPED)
        assert (idle.error_message, idle.error_code) == (None, None)
        await says(made, "idle until Tue 08:00 UTC")


async def test_boundaries_missed_in_sleep_are_made_up_for(tmp_path: Path) -> None:
    clock = Clock("2026-11-20T17:00")
    async with desk(tmp_path, {"a": scheduled()}, clock=clock) as made:
        await made.manager.start_all_enabled_agents()
        clock.set("2026-11-21T17:00")  # the stop of Friday was slept through
        await becomes(made, AgentStatus.STOPPED)
        clock.set("2026-11-25T12:00")  # and three days
        await becomes(made, AgentStatus.RUNNING)
        clock.set("2026-11-22T12:00")  # and the clock is put back
        await becomes(made, AgentStatus.STOPPED)


async def test_the_end_of_the_desk_is_not_undone_by_a_boundary(tmp_path: Path) -> None:
    clock = Clock(MONDAY_NOON)
    async with desk(tmp_path, {"a": scheduled()}, clock=clock) as made:
        await made.manager.start_all_enabled_agents()
        await made.manager.stop_all_agents(for_good=True)
        clock.set("2026-11-24T12:00")
        await looked(clock)
        assert len(made.runtime.launches) == 1


async def test_a_dependent_waits_for_the_hours_without_an_error(tmp_path: Path) -> None:
    clock = Clock(SUNDAY)
    agents = {"a": scheduled(), "b": agent(2, depends_on=["a"])}
    async with desk(tmp_path, agents, clock=clock) as made:
        assert await made.manager.start_all_enabled_agents() == {"a": False, "b": False}
        waiting = await info(made, "b")
        assert (waiting.status, waiting.error_message) == (AgentStatus.STOPPED, None)
        states = await made.manager.get_all_agent_status()
        assert waiting_text(waiting, states) == "waits for a, idle until Mon 08:00 UTC"
        clock.set(MONDAY_NOON)
        running = await becomes(made, AgentStatus.RUNNING, "b")
        assert running.waiting_for == ()


async def test_a_dependent_that_waits_can_be_stopped(tmp_path: Path) -> None:
    clock = Clock(SUNDAY)
    agents = {"a": scheduled(), "b": agent(2, depends_on=["a"])}
    async with desk(tmp_path, agents, clock=clock) as made:
        await made.manager.start_all_enabled_agents()
        await made.manager.stop_agent("b")
        assert (await info(made, "b")).waiting_for == ()
        clock.set(MONDAY_NOON)
        await becomes(made, AgentStatus.RUNNING)
        await looked(clock)
        assert (await info(made, "b")).status is AgentStatus.STOPPED


async def test_starting_a_dependent_by_hand_starts_what_it_needs(tmp_path: Path) -> None:
    agents = {"a": scheduled(), "b": agent(2, depends_on=["a"])}
    async with desk(tmp_path, agents, clock=Clock(SUNDAY)) as made:
        assert await made.manager.start_agent("b")
        assert (await info(made)).status is AgentStatus.RUNNING


# With a calendar.


def sessions(clock: Clock) -> Rows:
    first = int(clock.now) // DAY * DAY - 5 * DAY
    days = [first + d * DAY for d in range(300)]
    return [[d + 14 * 3600, d + 21 * 3600, None, None] for d in days]


def store(path: Path, clock: Clock, compute: Callable[[], Rows]) -> CalendarStore:
    async def answer(name: str, first: str) -> Rows:
        return compute()

    return CalendarStore(path, answer, clock, lambda: clock.now)


async def test_a_calendar_that_is_being_read_is_waited_for(tmp_path: Path) -> None:
    clock = Clock("2026-11-23T13:50")
    calendars = store(tmp_path / "calendars", clock, lambda: sessions(clock))
    agents = {"a": agent(1, schedule=BY_SESSION)}
    async with desk(tmp_path, agents, calendars, clock) as made:
        assert await made.manager.start_all_enabled_agents() == {"a": True}
        await says(made, "runs until Mon 21:30 UTC")
        clock.set("2026-11-23T21:30")
        await becomes(made, AgentStatus.STOPPED)
        await says(made, "idle until Tue 13:45 UTC")


async def test_a_dependent_is_told_when_the_calendar_is_known(tmp_path: Path) -> None:
    clock = Clock(SUNDAY)
    calendars = store(tmp_path / "calendars", clock, lambda: sessions(clock))
    agents = {"a": agent(1, schedule=BY_SESSION), "b": agent(2, depends_on=["a"])}
    async with desk(tmp_path, agents, calendars, clock) as made:
        clock.set("2026-11-22T12:00")
        starting = made.manager.start_all_enabled_agents()
        assert await asyncio.wait_for(starting, 10) == {"a": False, "b": False}
        waiting = await becomes(made, AgentStatus.STOPPED, "b")
        assert waiting.waiting_for == ("a",)
        clock.set("2026-11-22T13:45")
        await becomes(made, AgentStatus.RUNNING, "b")


async def test_a_calendar_that_fails_is_shown_and_flips_nothing(tmp_path: Path) -> None:
    clock = Clock(MONDAY_NOON)
    failing = [True]

    def compute() -> Rows:
        if failing[0]:
            raise CalendarFailed("no answer within 60 s")
        return sessions(clock)

    calendars = store(tmp_path / "calendars", clock, compute)
    agents = {"a": agent(1, schedule=BY_SESSION)}
    async with desk(tmp_path, agents, calendars, clock) as made:
        assert await made.manager.start_all_enabled_agents() == {"a": False}
        shown = await says(
            made, "its hours are unknown: calendar XNYS could not be read: no answer"
        )
        assert (shown.status, shown.error_message) == (AgentStatus.STOPPED, None)
        # A person may start it all the same, and that stands once the hours are known.
        assert await made.manager.start_agent("a")
        failing[0] = False
        clock.now += 3600
        await says(made, "started by hand; its hours begin Mon 13:45 UTC")
        assert (await info(made)).status is AgentStatus.RUNNING


async def test_in_maintenance_its_hours_neither_stop_nor_start_it(tmp_path: Path) -> None:
    work = Maintenance(since=datetime(2026, 11, 22, tzinfo=UTC))
    clock = Clock(MONDAY_NOON)
    async with desk(tmp_path, {"a": scheduled()}, clock=clock) as made:
        await made.manager.start_all_enabled_agents()
        await becomes(made, AgentStatus.RUNNING)
        await made.manager.set_maintenance("a", work)
        clock.set("2026-11-23T18:30")
        await says(made, "idle until Tue 08:00 UTC")
        await looked(clock)
        assert (await info(made)).status is AgentStatus.RUNNING
        await made.manager.set_maintenance("a", None)
        await becomes(made, AgentStatus.STOPPED)
        await made.manager.set_maintenance("a", work)
        clock.set("2026-11-24T12:00")
        await says(made, "runs until Tue 18:00 UTC")
        await looked(clock)
        assert len(made.runtime.launches) == 1
        await made.manager.set_maintenance("a", None)
        await becomes(made, AgentStatus.RUNNING)


async def test_one_that_failed_in_maintenance_is_not_started_outside_its_hours(
    tmp_path: Path,
) -> None:
    clock = Clock(MONDAY_NOON)
    async with desk(tmp_path, {"a": scheduled()}, clock=clock) as made:
        await made.manager.start_all_enabled_agents()
        await becomes(made, AgentStatus.RUNNING)
        await made.manager.set_maintenance(
            "a", Maintenance(since=datetime(2026, 11, 22, tzinfo=UTC))
        )
        made.runtime.crash("a")
        await becomes(made, AgentStatus.STOPPED)
        clock.set("2026-11-23T18:30")
        await made.manager.set_maintenance("a", None)
        await says(made, "idle until Tue 08:00 UTC")
        await looked(clock)
        assert len(made.runtime.launches) == 1


async def test_hours_that_end_in_maintenance_leave_no_old_failure(tmp_path: Path) -> None:
    clock = Clock(MONDAY_NOON)
    async with desk(tmp_path, {"a": scheduled()}, clock=clock) as made:
        await made.manager.start_all_enabled_agents()
        await made.manager.set_maintenance("a", Maintenance(since=datetime.now(UTC), by="test"))
        made.runtime.crash("a")
        assert "in maintenance" in ((await becomes(made, AgentStatus.STOPPED)).error_message or "")
        clock.now += 7 * 3600
        await says(made, "idle until Tue 08:00 UTC")
        await made.manager.set_maintenance("a", None)

        async def is_just_idle() -> bool:
            found = await info(made)
            return found.is_idle and found.error_message is None

        await eventually(is_just_idle)
