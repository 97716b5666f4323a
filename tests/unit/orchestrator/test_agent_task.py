"""One agent's life on a runtime without processes: exits, silence, ports, bugs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import eventually
from tests.unit.orchestrator.fakes import (
    HEALTHY,
    REFUSING,
    SILENT,
    Desk,
    agent,
    becomes,
    desk,
    info,
    with_data,
)
from trading_dashboard.models.errors import AgentStartFailed, NotManaged
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.health import DataReport
from trading_dashboard.models.states import AgentStatus, DataState, Health, Management
from trading_dashboard.orchestrator.runtime import PortOwner


def launched(made: Desk, times: int) -> Callable[[], bool]:
    return lambda: len(made.runtime.launches) == times


async def test_an_exit_is_answered_by_a_new_process(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        made.runtime.crash("a", -9)
        await eventually(lambda: len(made.runtime.launches) == 2)
        back = await becomes(made, AgentStatus.RUNNING)
        assert (back.restarts, back.generation) == (1, 2)
        assert back.last_exit == "signal 9 (SIGKILL)"
        assert back.error_message is None


async def test_what_the_dead_process_left_is_ended_before_the_next_one(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        made.runtime.stop_gate = asyncio.Event()
        made.runtime.crash("a")
        await eventually(lambda: made.runtime.stops)
        assert (await info(made)).status is AgentStatus.STOPPING
        assert len(made.runtime.launches) == 1
        made.runtime.stop_gate.set()
        await eventually(lambda: len(made.runtime.launches) == 2)


async def test_a_crash_loop_ends_in_an_error_that_tells_all(tmp_path: Path) -> None:
    restart = {"max_restarts": 2, "first_delay_seconds": 0.01, "max_delay_seconds": 0.01}
    async with desk(tmp_path, {"a": agent(1, restart=restart)}) as made:
        made.prober.default = SILENT
        starting = asyncio.create_task(made.manager.start_agent("a"))
        for n in range(1, 4):
            await eventually(launched(made, n))
            made.runtime.say("a", "KeyError: 'API_KEY'")
            made.runtime.crash("a", 1)
        assert not await starting
        failed = await becomes(made, AgentStatus.ERROR)
        told = [e.data["reason"] for e in made.manager.events.recent() if "reason" in e.data][-1]
    assert failed.error_code == "crash_loop"
    assert failed.restarts == 2
    message = failed.error_message or ""
    assert "Gave up after 2 restarts in 300 s" in message
    assert "gave up after 2 restarts in 300 s: exited with code" in told
    assert "exited with code 1 after" in message
    assert "before its health endpoint answered" in message
    assert "KeyError: 'API_KEY'" in message
    assert "var/log/a.log" in message
    assert "start 'a' again" in message


async def test_a_person_starting_it_again_forgives_the_crash_loop(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, restart={"max_restarts": 0})}) as made:
        await made.manager.start_agent("a")
        made.runtime.crash("a")
        await becomes(made, AgentStatus.ERROR)
        assert await made.manager.start_agent("a")
        assert (await info(made)).error_message is None


async def test_policy_never_leaves_it_in_error(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, restart={"policy": "never"})}) as made:
        await made.manager.start_agent("a")
        made.runtime.crash("a", 3)
        failed = await becomes(made, AgentStatus.ERROR)
        assert "exited with code 3" in (failed.error_message or "")
        assert len(made.runtime.launches) == 1


async def test_stop_interrupts_a_backoff(tmp_path: Path) -> None:
    restart = {"first_delay_seconds": 600, "max_delay_seconds": 600}
    async with desk(tmp_path, {"a": agent(1, restart=restart)}) as made:
        await made.manager.start_agent("a")
        for n in (1, 2):
            await eventually(launched(made, n))
            made.runtime.crash("a")
        waiting = await becomes(made, AgentStatus.BACKOFF)
        assert waiting.next_retry_at is not None
        assert await made.manager.stop_agent("a")
        assert (await info(made)).next_retry_at is None


async def test_start_interrupts_a_backoff(tmp_path: Path) -> None:
    restart = {"first_delay_seconds": 600, "max_delay_seconds": 600}
    async with desk(tmp_path, {"a": agent(1, restart=restart)}) as made:
        await made.manager.start_agent("a")
        for n in (1, 2):
            await eventually(launched(made, n))
            made.runtime.crash("a")
        await becomes(made, AgentStatus.BACKOFF)
        assert await made.manager.start_agent("a")


async def test_a_process_that_never_answers_is_ended_and_said(tmp_path: Path) -> None:
    agents = {"a": agent(1, startup_timeout=0.2, restart={"max_restarts": 0})}
    async with desk(tmp_path, agents) as made:
        made.prober.default = SILENT
        assert not await made.manager.start_agent("a")
        failed = await becomes(made, AgentStatus.ERROR)
        assert "was not healthy 0.2 s after its start" in (failed.error_message or "")
        assert "Last answer: connection refused" in (failed.error_message or "")
        assert "agents.a.startup_timeout" in (failed.error_message or "")
        assert made.runtime.processes == {}


async def test_silence_for_the_threshold_restarts(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, failure_threshold=2)}) as made:
        await made.manager.start_agent("a")
        made.prober.default = SILENT
        await eventually(lambda: len(made.runtime.launches) == 2)
        made.prober.default = HEALTHY
        assert (await becomes(made, AgentStatus.RUNNING)).restarts == 1


async def test_one_bad_answer_below_the_threshold_changes_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, failure_threshold=100)}) as made:
        await made.manager.start_agent("a")
        made.prober.default = SILENT
        asked = made.prober.asked
        await eventually(lambda: made.prober.asked > asked + 3)
        found = await info(made)
        assert (found.status, found.health) == (AgentStatus.RUNNING, Health.HEALTHY)


async def test_an_agent_that_answers_503_is_unhealthy_but_not_restarted(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, failure_threshold=2)}) as made:
        await made.manager.start_agent("a")
        made.prober.default = REFUSING

        async def unhealthy() -> bool:
            return (await info(made)).health is Health.UNHEALTHY

        await eventually(unhealthy)
        asked = made.prober.asked
        await eventually(lambda: made.prober.asked > asked + 3)
        assert len(made.runtime.launches) == 1
        assert (await info(made)).status is AgentStatus.RUNNING


async def test_restarting_the_silent_can_be_switched_off(tmp_path: Path) -> None:
    agents = {"a": agent(1, failure_threshold=1, restart={"when_unhealthy": False})}
    async with desk(tmp_path, agents) as made:
        await made.manager.start_agent("a")
        made.prober.default = SILENT
        asked = made.prober.asked
        await eventually(lambda: made.prober.asked > asked + 3)
        assert len(made.runtime.launches) == 1
        assert (await info(made)).health is Health.UNHEALTHY


async def test_a_change_of_data_freshness_is_announced(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        stale = DataReport(state=DataState.STALE, age_seconds=42, source="demo")
        with made.manager.events.subscribe() as updates:
            made.prober.default = with_data(HEALTHY, stale)
            async for update in updates:
                if update.event.kind is EventKind.DATA_STATE_CHANGED:
                    break
        assert update.event.data["to"] == DataState.STALE
        found = await info(made)
        assert found.data_state is DataState.STALE
        assert found.data_age_seconds == pytest.approx(42, abs=10)  # it goes on ageing


async def test_a_program_that_cannot_be_started_is_an_error_at_once(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        made.runtime.start_error = AgentStartFailed("No such program.", next_step="Install it.")
        assert not await made.manager.start_agent("a")
        failed = await info(made)
        assert failed.status is AgentStatus.ERROR
        assert failed.error_message == "No such program. Install it."


async def test_stale_news_of_an_older_process_are_dropped(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        old = made.runtime.processes["a"]
        await made.manager.restart_agent("a")
        old.on_exit(old.handle, old.exit_status or made.runtime.poll(old.handle))  # type: ignore[arg-type]
        asked = made.prober.asked
        await eventually(lambda: made.prober.asked > asked + 1)
        assert (await info(made)).status is AgentStatus.RUNNING
        assert len(made.runtime.launches) == 2


async def test_a_leftover_of_a_dead_run_on_the_port_is_removed(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        made.runtime.ports[1] = PortOwner(port=1, pid=77, command="old", is_leftover=True)
        assert await made.manager.start_agent("a")
        assert [owner.pid for owner in made.runtime.removed] == [77]


async def test_a_healthy_stranger_on_the_port_is_adopted_and_never_stopped(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        made.runtime.ports[1] = PortOwner(port=1, pid=77, command="debugger", is_leftover=False)
        assert await made.manager.start_agent("a")
        found = await info(made)
        assert (found.management, found.pid) == (Management.EXTERNAL, 77)
        for verb in (made.manager.stop_agent, made.manager.restart_agent):
            with pytest.raises(NotManaged, match="started by someone else"):
                await verb("a")
        assert await made.manager.stop_all_agents() == {"a": False}
        assert (await info(made)).status is AgentStatus.RUNNING
    assert made.runtime.stops == []


async def test_an_external_agent_that_leaves_is_shown_as_gone(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, failure_threshold=1)}) as made:
        made.runtime.ports[1] = PortOwner(port=1, pid=77, command="debugger", is_leftover=False)
        await made.manager.start_agent("a")
        made.prober.default = SILENT
        gone = await becomes(made, AgentStatus.STOPPED)
        assert gone.error_code == "external_gone"
        assert made.runtime.stops == []
        assert made.runtime.launches == []
        made.runtime.ports.clear()
        made.prober.default = HEALTHY
        assert await made.manager.start_agent("a")
        assert (await info(made)).management is Management.MANAGED


async def test_anything_else_on_the_port_is_named(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        made.runtime.ports[1] = PortOwner(port=1, pid=77, command="postgres", is_leftover=False)
        made.prober.default = SILENT
        assert not await made.manager.start_agent("a")
        failed = await info(made)
        assert (failed.status, failed.error_code) == (AgentStatus.ERROR, "port_in_use")
        assert "port 1 is held by pid 77 (postgres)" in (failed.error_message or "")
        assert "agents.a.url" in (failed.error_message or "")


async def test_a_bug_shows_as_this_agents_error_and_others_live_on(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1), "b": agent(2)}) as made:
        await made.manager.start_all_enabled_agents()
        made.runtime.stop_error = RuntimeError("boom")
        assert not await made.manager.stop_agent("a")
        made.runtime.stop_error = None
        failed = await info(made)
        assert (failed.status, failed.error_code) == (AgentStatus.ERROR, "internal_error")
        assert "RuntimeError: boom" in (failed.error_message or "")
        assert await made.manager.restart_agent("b")


async def test_an_exit_that_was_not_reported_is_found_by_looking(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        from trading_dashboard.orchestrator.runtime import ExitStatus

        made.runtime.processes["a"].exit_status = ExitStatus(1)
        monitoring = asyncio.create_task(made.manager.start_monitoring(0.01))
        await eventually(lambda: len(made.runtime.launches) == 2)
        monitoring.cancel()


async def test_the_agents_environment_carries_no_secret_but_the_path_to_one(
    tmp_path: Path,
) -> None:
    settings = {"speed": 2}
    async with desk(tmp_path, {"a": agent(1, env={"X": "y"}, settings=settings)}) as made:
        await made.manager.start_agent("a")
        env = made.runtime.launches[0].env
    token = Path(env["TRADING_DASHBOARD_AGENT_TOKEN_FILE"])
    assert token.stat().st_mode & 0o777 == 0o600
    assert len(token.read_text()) >= 40
    assert token.read_text() not in str(env)
    assert (env["X"], env["TRADING_DASHBOARD_AGENT_SETTINGS"]) == ("y", '{"speed": 2}')
    assert env["TRADING_DASHBOARD_AGENT_PORT"] == "1"
    assert env["TRADING_DASHBOARD_ENVIRONMENT"] == "development"


async def test_an_answer_like_the_last_one_still_says_when_it_came(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        first = (await info(made)).last_health_check
        assert first is not None

        async def is_newer() -> bool:
            newest = (await info(made)).last_health_check
            return newest is not None and newest > first

        await eventually(is_newer)
        await made.manager.stop_agent("a")
        stopped = await info(made)
        assert stopped.last_health_check is not None
        assert stopped.last_health_check > first
        assert stopped.probe_latency_seconds is None
