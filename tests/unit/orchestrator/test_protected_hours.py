"""Hours in which a process that serves is not restarted: reading them, and holding restarts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import eventually
from tests.unit.orchestrator.fakes import (
    FAST_RESTART,
    SILENT,
    Desk,
    agent,
    becomes,
    desk,
    info,
)
from trading_dashboard.config.settings import RestartSettings
from trading_dashboard.models.protected_hours import parse_hours
from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator import memory_rule, restart_gate
from trading_dashboard.orchestrator.market_time.calendars import CalendarUnknown
from trading_dashboard.orchestrator.market_time.sessions import Session, Sessions
from trading_dashboard.orchestrator.protected_hours import Protection, protection

MIB = 2**20


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class OneCalendar:
    """XNYS around Thanksgiving 2024: a full day, a holiday, a half day."""

    def __init__(self) -> None:
        days = [("2024-11-27", "21:00"), ("2024-11-29", "18:00")]
        sessions = [
            Session(int(at(f"{day}T14:30").timestamp()), int(at(f"{day}T{close}").timestamp()))
            for day, close in days
        ]
        since, until = at("2024-11-01").timestamp(), at("2024-12-31").timestamp()
        self.sessions = Sessions("XNYS", int(since), int(until), sessions)
        self.unknown: str | None = None

    def find(self, name: str, then: Callable[[], None]) -> Sessions | CalendarUnknown:
        assert name == "XNYS"
        if self.unknown:
            return CalendarUnknown(self.unknown, is_loading=False)
        return self.sessions


def ends(now: str, *hours: str, **more: Any) -> str | None:
    restart = RestartSettings(not_within=hours, **{"calendar": "XNYS", **more})
    found = protection(restart, at(now), OneCalendar())
    return found.until.strftime("%d %H:%M") if found else None


def test_before_the_close_of_a_full_and_of_a_half_day() -> None:
    hours = "close-5m/close+1m"
    assert ends("2024-11-27T20:54:59", hours) is None
    assert ends("2024-11-27T20:55", hours) == "27 21:01"
    assert ends("2024-11-27T21:00:59", hours) == "27 21:01"
    assert ends("2024-11-27T21:01", hours) is None
    assert ends("2024-11-28T20:57", hours) is None, "a holiday"
    assert ends("2024-11-29T17:57", hours) == "29 18:01"
    assert ends("2024-11-29T20:57", hours) is None, "it closed early"


def test_a_whole_session_and_the_longest_of_several() -> None:
    assert ends("2024-11-27T16:00", "open/close") == "27 21:00"
    assert ends("2024-11-27T20:57", "open/close", "close-5m/close+1m") == "27 21:01"


def test_hours_of_the_clock_go_over_midnight_and_follow_summer_time() -> None:
    assert ends("2024-11-27T23:30", "23:00/01:00") == "28 01:00"
    assert ends("2024-11-27T00:59", "23:00/01:00") == "27 01:00"
    assert ends("2024-11-27T01:00", "23:00/01:00") is None
    zone = {"timezone": "America/New_York"}
    assert ends("2024-07-01T19:57", "15:55/16:01", **zone) == "01 20:01"
    assert ends("2024-11-27T19:57", "15:55/16:01", **zone) is None
    assert ends("2024-11-27T20:57", "15:55/16:01", **zone) == "27 21:01"


def test_a_calendar_that_is_not_known_protects_and_says_so() -> None:
    calendars = OneCalendar()
    calendars.unknown = "calendar XNYS could not be read"
    restart = RestartSettings(not_within=("close-5m/close",), calendar="XNYS")
    found = protection(restart, at("2024-11-28T10:00"), calendars)
    assert found == Protection(at("2024-11-28T10:00:10"), "calendar XNYS could not be read")


@pytest.mark.parametrize(
    "text",
    ["close-5m", "close/close-5m", "close+1m/close", "close/open", "21:55-22:01", "25:00/26:00",
     "21:55/21:55", "open/22:00", "", "/", "7:00/8:00"],
)  # fmt: skip
def test_what_is_no_stretch_of_time_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(ValueError, match=r"Write|Let it end|must be"):
        parse_hours(text)


# Holding restarts.

LIMIT = {**FAST_RESTART, "memory_limit_bytes": 100 * MIB, "not_within": ["12:00/12:30"]}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_rule, "SPACING_SECONDS", 0.0)
    monkeypatch.setattr(restart_gate, "LOOK_SECONDS", 0.02)


class Clock:
    """A wall clock that the test sets."""

    def __init__(self, made: Desk, text: str) -> None:
        self.now = at(text)
        made.manager.safeguards.now = lambda: self.now


async def measure(made: Desk, mebibytes: int) -> None:
    made.runtime.memory["a"] = mebibytes * MIB
    for _ in range(memory_rule.SAMPLES):
        await made.manager.sample_usage()
    await made.manager.set_maintenance("a", None)


async def test_a_restart_for_memory_waits_until_the_hours_end(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, restart=LIMIT)}) as made:
        clock = Clock(made, "2024-11-27T12:10")
        await made.manager.start_agent("a")
        await measure(made, 150)
        held = (await info(made)).held_restart or ""
        assert held == (
            "it holds 150 MiB, more than its limit of 100 MiB. The restart waits until 12:30 UTC "
            "(agents.a.restart.not_within)."
        )
        assert len(made.runtime.launches) == 1
        clock.now += timedelta(minutes=20)
        made.runtime.memory["a"] = 50 * MIB
        await eventually(lambda: len(made.runtime.launches) == 2)
        assert (await becomes(made, AgentStatus.RUNNING)).held_restart is None


async def test_without_hours_it_would_restart_at_once(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, restart={**LIMIT, "not_within": []})}) as made:
        Clock(made, "2024-11-27T12:10")
        await made.manager.start_agent("a")
        await measure(made, 150)
        await eventually(lambda: len(made.runtime.launches) == 2)


async def test_a_held_restart_is_dropped_when_its_cause_is_gone(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, restart=LIMIT)}) as made:
        clock = Clock(made, "2024-11-27T12:10")
        await made.manager.start_agent("a")
        await measure(made, 150)
        assert (await info(made)).held_restart
        await measure(made, 50)
        assert (await info(made)).held_restart is None
        clock.now += timedelta(minutes=30)
        asked = made.prober.asked
        await eventually(lambda: made.prober.asked > asked + 3)
        assert len(made.runtime.launches) == 1


async def test_a_person_may_restart_and_a_replaced_process_owes_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, restart=LIMIT)}) as made:
        clock = Clock(made, "2024-11-27T12:10")
        await made.manager.start_agent("a")
        await measure(made, 150)
        made.runtime.memory["a"] = 50 * MIB
        assert await made.manager.restart_agent("a")
        assert (await info(made)).held_restart is None
        clock.now += timedelta(minutes=30)
        asked = made.prober.asked
        await eventually(lambda: made.prober.asked > asked + 3)
        assert len(made.runtime.launches) == 2


async def test_what_ended_or_is_silent_is_restarted_at_once(tmp_path: Path) -> None:
    agents = {"a": agent(1, restart=LIMIT, failure_threshold=2)}
    async with desk(tmp_path, agents) as made:
        Clock(made, "2024-11-27T12:10")
        await made.manager.start_agent("a")
        made.runtime.crash("a")
        await eventually(lambda: len(made.runtime.launches) == 2)
        await becomes(made, AgentStatus.RUNNING)
        made.prober.default = SILENT
        await eventually(lambda: len(made.runtime.launches) >= 3)


async def test_a_dependent_in_its_hours_follows_later(tmp_path: Path) -> None:
    restart = {**FAST_RESTART, "not_within": ["12:00/12:30"]}
    agents = {
        "a": agent(1),
        "b": agent(2, depends_on=["a"], on_dependency_failure="restart", restart=restart),
    }
    async with desk(tmp_path, agents) as made:
        clock = Clock(made, "2024-11-27T12:10")
        await made.manager.start_all_enabled_agents()
        made.runtime.crash("a")

        async def is_held() -> bool:
            return "'a' failed and is back" in ((await info(made, "b")).held_restart or "")

        await eventually(is_held)
        clock.now += timedelta(minutes=20)
        await eventually(lambda: [x.agent for x in made.runtime.launches] == ["a", "b", "a", "b"])
