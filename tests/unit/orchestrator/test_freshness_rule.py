"""Stale data of an agent: shown, announced, restarted for, and never invented."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support import eventually
from tests.unit.orchestrator.fakes import (
    FAST_RESTART,
    HEALTHY,
    SILENT,
    Desk,
    agent,
    desk,
    with_data,
)
from trading_dashboard.models.agents import AgentInfo, Maintenance
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.health import DataReport
from trading_dashboard.models.states import AgentStatus, DataState, Health
from trading_dashboard.orchestrator import freshness_rule
from trading_dashboard.orchestrator.market_time.calendar_files import Rows
from trading_dashboard.orchestrator.market_time.calendars import CalendarStore
from trading_dashboard.orchestrator.market_time.computing import CalendarFailed

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
DAY = 86_400
LIVE = {"calendar": "XNYS", "max_age_seconds": 120}


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def store(path: Path, clock: Clock, *, fails: bool = False) -> CalendarStore:
    """Give a calendar that is open from 10:00 to 18:00 UTC on every day."""

    async def answer(name: str, first: str) -> Rows:
        if fails:
            raise CalendarFailed("it is broken")
        days = [int(NOON) // DAY * DAY + d * DAY for d in range(-5, 300)]
        return [[d + 10 * 3600, d + 18 * 3600, None, None] for d in days]

    return CalendarStore(path / "calendars", answer, clock, lambda: clock.now)


def report(made: Desk, newest: float | None = None, **more: Any) -> None:
    at = None if newest is None else datetime.fromtimestamp(newest, UTC).isoformat()
    data = DataReport.model_validate({"state": "fresh", "newest_at": at, **more})
    made.prober.outcomes[1] = with_data(HEALTHY, data)


async def becomes(made: Desk, state: DataState) -> AgentInfo:
    async def reached() -> AgentInfo:
        found = await made.manager.get_agent_status("a")
        assert found is not None
        assert found.data_state is state
        return found

    return await eventually(reached, what=f"its data becomes {state}")


async def test_data_grows_old_is_announced_and_recovers(tmp_path: Path) -> None:
    clock = Clock()
    agents = {"a": agent(1, data=LIVE)}
    async with desk(tmp_path, agents, store(tmp_path, clock), clock) as made:
        report(made, NOON - 10)
        with made.manager.events.subscribe() as updates:
            await made.manager.start_agent("a")
            fresh = await becomes(made, DataState.FRESH)
            assert fresh.data_newest_at == datetime.fromtimestamp(NOON - 10, UTC)
            assert fresh.data_allowed_age_seconds == 120
            clock.now += 120
            stale = await becomes(made, DataState.STALE)
            assert stale.data_message is not None
            assert "2 min old in market time" in stale.data_message
            assert stale.status is AgentStatus.RUNNING  # shown and reported, no more
            report(made, clock.now)
            await becomes(made, DataState.FRESH)
            changes = []
            async for update in updates:
                if update.event.kind is EventKind.DATA_STATE_CHANGED:
                    changes.append(update.event.data["to"])
                if changes[-2:] == [DataState.STALE, DataState.FRESH]:
                    break
        assert len(made.runtime.launches) == 1


@pytest.mark.parametrize("is_well", [False, True], ids=["", "control"])
async def test_what_is_not_well_from_the_start_is_announced(tmp_path: Path, is_well: bool) -> None:
    async with desk(tmp_path, {"a": agent(1)}, store(tmp_path, Clock()), Clock()) as made:
        found = HEALTHY if is_well else replace(HEALTHY, health=Health.DEGRADED, message="No feed.")
        state = DataState.FRESH if is_well else DataState.STALE
        made.prober.outcomes[1] = with_data(found, DataReport(state=state))
        assert await made.manager.start_agent("a")
        told = [
            (event.kind, event.data["from"], event.data["to"], event.data["message"])
            for event in made.manager.events.recent()
            if event.kind in (EventKind.HEALTH_CHANGED, EventKind.DATA_STATE_CHANGED)
        ]
        assert told == ([] if is_well else [
            (EventKind.HEALTH_CHANGED, Health.UNKNOWN, Health.DEGRADED, "No feed."),
            (EventKind.DATA_STATE_CHANGED, DataState.UNKNOWN, DataState.STALE,
             "the agent calls its data stale"),
        ])  # fmt: skip


async def test_overnight_it_is_idle_not_stale(tmp_path: Path) -> None:
    clock = Clock()
    agents = {"a": agent(1, data=LIVE)}
    async with desk(tmp_path, agents, store(tmp_path, clock), clock) as made:
        report(made, NOON + 6 * 3600 - 5)
        clock.now = NOON + 12 * 3600
        await made.manager.start_agent("a")
        await becomes(made, DataState.IDLE)


async def test_stale_data_restarts_it_once_the_process_had_its_time(tmp_path: Path) -> None:
    clock = Clock()
    agents = {"a": agent(1, data={**LIVE, "when_stale": "restart"})}
    async with desk(tmp_path, agents, store(tmp_path, clock), clock) as made:
        report(made, NOON - 600)
        await made.manager.start_agent("a")
        await becomes(made, DataState.STALE)
        asked = made.prober.asked
        await eventually(lambda: made.prober.asked > asked + 3)
        assert len(made.runtime.launches) == 1  # it may still be filling the gap
        clock.now += 121
        await eventually(lambda: len(made.runtime.launches) == 2)
        messages = [line.text for line in made.manager.logs("a")]
        assert any("stale data: its newest datum is" in text for text in messages)


async def test_a_closed_market_gives_no_reason_to_restart(tmp_path: Path) -> None:
    clock = Clock()
    agents = {"a": agent(1, data={**LIVE, "when_stale": "restart"})}
    async with desk(tmp_path, agents, store(tmp_path, clock), clock) as made:
        report(made, NOON)  # the rest of the session is missing
        clock.now = NOON + 7 * 3600
        await made.manager.start_agent("a")
        await becomes(made, DataState.STALE)
        clock.now += 3600
        asked = made.prober.asked
        await eventually(lambda: made.prober.asked > asked + 3)
        assert len(made.runtime.launches) == 1


async def test_silence_is_never_fresh(tmp_path: Path) -> None:
    clock = Clock()
    agents = {"a": agent(1, data={"max_age_seconds": 60}, failure_threshold=100)}
    async with desk(tmp_path, agents, clock=clock) as made:
        report(made, age_seconds=1)
        await made.manager.start_agent("a")
        await becomes(made, DataState.FRESH)
        made.prober.outcomes[1] = SILENT
        clock.now += 90
        stale = await becomes(made, DataState.STALE)
        assert stale.data_age_seconds == 91


async def test_a_silent_agent_past_its_threshold_has_no_fresh_data(tmp_path: Path) -> None:
    clock = Clock()
    agents = {"a": agent(1, data={"max_age_seconds": 60}, restart={"when_unhealthy": False})}
    async with desk(tmp_path, agents, clock=clock) as made:
        report(made, age_seconds=1)
        await made.manager.start_agent("a")
        await becomes(made, DataState.FRESH)
        made.prober.outcomes[1] = SILENT
        await becomes(made, DataState.UNKNOWN)


@pytest.mark.parametrize("is_hung", [True, False], ids=["", "control"])
async def test_an_old_answer_is_not_told_as_fresh(tmp_path: Path, is_hung: bool) -> None:
    clock = Clock()
    agents = {"a": agent(1, health_check_interval=1000.0 if is_hung else 0.1)}
    async with desk(tmp_path, agents, clock=clock) as made:
        report(made, age_seconds=0.2)
        await made.manager.start_agent("a")
        told = await becomes(made, DataState.FRESH)
        assert (told.data_age_seconds, told.data_told_age_seconds) == (0.2, 0.2)
        assert told.data_is_ageing
        clock.now += 60
        if is_hung:
            held = await becomes(made, DataState.FRESH)
            assert held.data_age_seconds == pytest.approx(60.2)
            assert held.data_told_seconds_ago == pytest.approx(60)
        clock.now += 1140
        if not is_hung:
            asked = made.prober.asked
            await eventually(lambda: made.prober.asked > asked + 2)
            again = await becomes(made, DataState.FRESH)
            assert again.data_age_seconds == pytest.approx(0.2, abs=1)
            return
        late = await becomes(made, DataState.UNKNOWN)
        assert late.data_age_seconds == pytest.approx(1200.2)
        assert late.data_message == (
            "the agent last told of its data 20 min ago; it was 0.2 s old then"
        )
        kinds = [event.kind for event in made.manager.events.recent()]
        assert EventKind.DATA_STATE_CHANGED not in kinds, "an answer may yet come"


async def test_what_was_never_known_has_no_last_known(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}, clock=Clock()) as made:
        report(made, state="unknown", age_seconds=1)
        await made.manager.start_agent("a")
        found = await becomes(made, DataState.UNKNOWN)
        assert found.data_told_seconds_ago is None
        assert found.data_message is None


async def test_a_clock_that_was_set_back_makes_nothing_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    async with desk(tmp_path, {"a": agent(1, health_check_interval=1000.0)}, clock=clock) as made:
        report(made, age_seconds=1)
        await made.manager.start_agent("a")
        await becomes(made, DataState.FRESH)
        clock.now -= 3600
        await becomes(made, DataState.FRESH)
        later = SimpleNamespace(monotonic=lambda: time.monotonic() + 1200)
        monkeypatch.setattr(freshness_rule, "time", later)
        await becomes(made, DataState.UNKNOWN)


async def test_data_ages_in_market_time_between_answers(tmp_path: Path) -> None:
    clock = Clock()
    agents = {"a": agent(1, data={"calendar": "XNYS"}, health_check_interval=3600.0)}
    async with desk(tmp_path, agents, store(tmp_path, clock), clock) as made:
        clock.now = NOON + 6 * 3600 - 60  # a minute before the close
        report(made, clock.now - 5)
        await made.manager.start_agent("a")
        assert (await becomes(made, DataState.FRESH)).data_is_ageing
        clock.now += 600
        closed = await becomes(made, DataState.IDLE)
        assert closed.data_age_seconds == pytest.approx(65)
        assert not closed.data_is_ageing


async def test_stale_data_of_a_silent_agent_grows_older(tmp_path: Path) -> None:
    clock = Clock()
    agents = {"a": agent(1, data={"max_age_seconds": 60}, health_check_interval=1000.0)}
    async with desk(tmp_path, agents, clock=clock) as made:
        report(made, age_seconds=61)
        await made.manager.start_agent("a")
        await becomes(made, DataState.STALE)
        clock.now += 7200
        late = await becomes(made, DataState.STALE)
        assert late.data_age_seconds == pytest.approx(7261)
        assert "2 h 1 min old" in (late.data_message or "")


async def test_data_said_to_be_younger_than_the_limit_is_unknown_when_it_may_be_older(
    tmp_path: Path,
) -> None:
    clock = Clock()
    agents = {"a": agent(1, data={"max_age_seconds": 60}, health_check_interval=1000.0)}
    async with desk(tmp_path, agents, clock=clock) as made:
        report(made, age_seconds=1)
        await made.manager.start_agent("a")
        await becomes(made, DataState.FRESH)
        clock.now += 60
        assert (await becomes(made, DataState.UNKNOWN)).data_age_seconds == pytest.approx(61)


async def test_an_unknown_calendar_makes_it_unknown_and_says_why(tmp_path: Path) -> None:
    clock = Clock()
    agents = {"a": agent(1, data=LIVE)}
    async with desk(tmp_path, agents, store(tmp_path, clock, fails=True), clock) as made:
        report(made, NOON)
        await made.manager.start_agent("a")

        async def told() -> AgentInfo:
            found = await becomes(made, DataState.UNKNOWN)
            assert "could not be read: it is broken" in (found.data_message or "")
            return found

        await eventually(told)


async def test_an_agent_that_tells_nothing_of_its_data_is_unknown(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, data={"max_age_seconds": 60})}) as made:
        await made.manager.start_agent("a")
        found = await becomes(made, DataState.UNKNOWN)
        assert found.data_message == "its health tells nothing of its data"


async def test_a_restart_for_stale_data_waits_for_protected_hours_to_end(tmp_path: Path) -> None:
    clock = Clock()
    restart = {**FAST_RESTART, "not_within": ["11:00/13:00"]}
    agents = {"a": agent(1, data={**LIVE, "when_stale": "restart"}, restart=restart)}
    async with desk(tmp_path, agents, store(tmp_path, clock), clock) as made:
        report(made, NOON - 600)
        await made.manager.start_agent("a")
        await becomes(made, DataState.STALE)
        clock.now += 121

        async def held() -> str | None:
            found = await made.manager.get_agent_status("a")
            return found.held_restart if found else None

        assert "The restart waits until 13:00 UTC" in str(await eventually(held))
        assert len(made.runtime.launches) == 1
        report(made, clock.now)
        await becomes(made, DataState.FRESH)
        assert await held() is None, "the cause is gone"
        report(made, NOON - 600)
        await becomes(made, DataState.STALE)
        await eventually(held)
        clock.now = NOON + 3600
        await eventually(lambda: len(made.runtime.launches) >= 2)


async def test_in_maintenance_stale_data_restarts_nothing(tmp_path: Path) -> None:
    clock = Clock()
    agents = {"a": agent(1, data={**LIVE, "when_stale": "restart"})}
    async with desk(tmp_path, agents, store(tmp_path, clock), clock) as made:
        report(made, NOON - 600)
        await made.manager.start_agent("a")
        work = Maintenance(since=datetime.fromtimestamp(NOON, UTC))
        await made.manager.set_maintenance("a", work)
        await becomes(made, DataState.STALE)
        clock.now += 121
        asked = made.prober.asked
        await eventually(lambda: made.prober.asked > asked + 3)
        assert len(made.runtime.launches) == 1
        await made.manager.set_maintenance("a", None)
        await eventually(lambda: len(made.runtime.launches) == 2)
