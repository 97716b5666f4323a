"""The manager's verbs on a runtime without processes: order, refusals, races and loops."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.support import eventually
from tests.unit.orchestrator.fakes import (
    DEGRADED,
    HEALTHY,
    SILENT,
    Desk,
    FakeProber,
    FakeRuntime,
    agent,
    desk,
)
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.errors import (
    AgentDisabled,
    AlreadySupervised,
    SupervisorShuttingDown,
    UnknownAgent,
    WrongEventLoop,
)
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.states import AgentStatus, Health
from trading_dashboard.orchestrator import AgentManager
from trading_dashboard.orchestrator.events import Subscription

CHAIN = {"c": agent(3, depends_on=["b"]), "b": agent(2, depends_on=["a"]), "a": agent(1)}


async def status(made: Desk, name: str) -> AgentInfo:
    info = await made.manager.get_agent_status(name)
    assert info is not None
    return info


async def test_all_start_in_dependency_order_and_stop_in_reverse(tmp_path: Path) -> None:
    async with desk(tmp_path, CHAIN) as made:
        results = await made.manager.start_all_enabled_agents()
        assert results == {"a": True, "b": True, "c": True}
        assert [launch.agent for launch in made.runtime.launches] == ["a", "b", "c"]
        assert await made.manager.stop_all_agents() == {"a": True, "b": True, "c": True}
        assert [stop[0] for stop in made.runtime.stops] == ["c", "b", "a"]
        assert made.runtime.processes == {}


async def test_independent_agents_start_side_by_side(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1), "b": agent(2)}) as made:
        made.prober.default = SILENT
        starting = asyncio.create_task(made.manager.start_all_enabled_agents())
        await eventually(lambda: len(made.runtime.launches) == 2)
        made.prober.default = HEALTHY
        assert await starting == {"a": True, "b": True}


async def test_starting_one_starts_what_it_needs_and_nothing_else(tmp_path: Path) -> None:
    async with desk(tmp_path, {**CHAIN, "other": agent(9)}) as made:
        assert await made.manager.start_agent("b")
        assert [launch.agent for launch in made.runtime.launches] == ["a", "b"]


async def test_a_dependent_waits_until_its_dependency_is_healthy(tmp_path: Path) -> None:
    async with desk(tmp_path, CHAIN) as made:
        made.prober.outcomes[1] = SILENT
        starting = asyncio.create_task(made.manager.start_agent("b"))
        await eventually(lambda: made.prober.asked > 3)
        assert [launch.agent for launch in made.runtime.launches] == ["a"]
        assert (await status(made, "b")).waiting_for == ("a",)
        made.prober.outcomes[1] = HEALTHY
        assert await starting
        assert (await status(made, "b")).waiting_for == ()


async def test_a_dependent_of_a_failed_agent_says_so_and_starts_once_it_runs(
    tmp_path: Path,
) -> None:
    agents = {"a": agent(1, restart={"policy": "never"}), "b": agent(2, depends_on=["a"])}
    async with desk(tmp_path, agents) as made:
        made.prober.outcomes[1] = SILENT
        starting = asyncio.create_task(made.manager.start_agent("b"))
        await eventually(lambda: "a" in made.runtime.processes)
        made.runtime.crash("a")
        assert not await starting
        failed = await status(made, "b")
        assert (failed.status, failed.error_code) == (AgentStatus.ERROR, "dependency_unavailable")
        assert "'a', which is error" in (failed.error_message or "")
        made.prober.outcomes[1] = HEALTHY
        assert await made.manager.start_agent("a")
        await eventually(lambda: "b" in made.runtime.processes)


async def test_concurrent_starts_make_one_process(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        results = await asyncio.gather(*(made.manager.start_agent("a") for _ in range(10)))
        assert results == [True] * 10
        assert len(made.runtime.launches) == 1


async def test_concurrent_restarts_make_one_new_process(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        results = await asyncio.gather(*(made.manager.restart_agent("a") for _ in range(10)))
        assert results == [True] * 10
        assert [launch.generation for launch in made.runtime.launches] == [1, 2]


async def test_a_later_restart_is_a_new_one(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        await made.manager.restart_agent("a")
        await made.manager.restart_agent("a")
        assert [launch.generation for launch in made.runtime.launches] == [1, 2, 3]


async def test_a_storm_of_verbs_never_makes_two_processes(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        verbs = (made.manager.start_agent, made.manager.stop_agent, made.manager.restart_agent)
        # FakeRuntime.start asserts that no other generation lives.
        await asyncio.gather(*(verbs[n % 3]("a") for n in range(60)))
        assert (await status(made, "a")).error_code is None
        await made.manager.stop_agent("a")
        assert made.runtime.processes == {}


async def test_stop_interrupts_a_start(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        made.prober.default = SILENT
        starting = asyncio.create_task(made.manager.start_agent("a"))
        await eventually(lambda: "a" in made.runtime.processes)
        assert await made.manager.stop_agent("a")
        assert not await starting
        assert (await status(made, "a")).status is AgentStatus.STOPPED


async def test_start_without_waiting_returns_when_the_process_is_there(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        made.prober.default = SILENT
        assert await made.manager.start_agent("a", wait_for_health=False)
        assert (await status(made, "a")).status is AgentStatus.STARTING


async def test_stopping_what_is_stopped_is_true(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        assert await made.manager.stop_agent("a")
        assert made.runtime.stops == []


async def test_stop_uses_the_agents_own_grace_unless_told(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, stop_timeout=7)}) as made:
        await made.manager.start_agent("a")
        await made.manager.stop_agent("a")
        await made.manager.start_agent("a")
        await made.manager.stop_agent("a", timeout=1)
        assert [grace for _, _, grace in made.runtime.stops] == [7, 1]


async def test_refusals_are_clear(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1), "off": agent(2, enabled=False)}) as made:
        with pytest.raises(UnknownAgent, match=r"no agent 'b'.*Configured are: a, off"):
            await made.manager.start_agent("b")
        with pytest.raises(AgentDisabled, match=r"agents\.off.enabled"):
            await made.manager.start_agent("off")
        with pytest.raises(UnknownAgent):
            made.manager.logs("b")
        assert await made.manager.get_agent_status("b") is None
        made.manager.begin_shutdown()
        with pytest.raises(SupervisorShuttingDown):
            await made.manager.start_agent("a")


async def test_only_what_is_enabled_and_automatic_starts_by_itself(tmp_path: Path) -> None:
    agents = {"a": agent(1), "b": agent(2, auto_start=False), "c": agent(3, enabled=False)}
    async with desk(tmp_path, agents) as made:
        assert await made.manager.start_all_enabled_agents() == {"a": True}
        assert await made.manager.start_all_enabled_agents(only=["b"]) == {"b": True}


async def test_a_project_owned_by_another_supervisor_is_refused_then_free(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        made.runtime.open_error = AlreadySupervised("taken")
        with pytest.raises(AlreadySupervised):
            await made.manager.start_agent("a")
        made.runtime.open_error = None
        assert await made.manager.start_agent("a")


def test_two_event_loops_are_refused_clearly(tmp_path: Path) -> None:
    from tests.support import write_project
    from trading_dashboard.config import load_settings

    write_project(tmp_path, {"agents": {"a": agent(1)}})
    manager = AgentManager(
        loaded=load_settings(tmp_path, environ={}), runtime=FakeRuntime(), prober=FakeProber()
    )
    first = asyncio.new_event_loop()
    try:
        assert first.run_until_complete(manager.start_agent("a"))
        with pytest.raises(WrongEventLoop, match="belongs to another event loop"):
            asyncio.run(manager.start_agent("a"))
    finally:
        first.run_until_complete(manager.aclose())
        first.close()


def test_the_end_of_the_event_loop_stops_what_runs(tmp_path: Path) -> None:
    from tests.support import write_project
    from trading_dashboard.config import load_settings

    write_project(tmp_path, {"agents": {"a": agent(1)}})
    runtime = FakeRuntime()
    manager = AgentManager(
        loaded=load_settings(tmp_path, environ={}), runtime=runtime, prober=FakeProber()
    )

    async def main() -> None:
        assert await manager.start_agent("a")
        assert runtime.processes

    asyncio.run(main())
    assert runtime.processes == {}
    assert not runtime.is_open


async def test_every_change_is_announced_with_the_state_after_it(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        with made.manager.events.subscribe() as subscription:
            await made.manager.start_agent("a")
            await made.manager.stop_agent("a", origin="test")
            seen = await transitions(subscription, until=AgentStatus.STOPPED)
    assert seen == ["starting", "running", "stopping", "stopped"]


async def transitions(subscription: Subscription, until: AgentStatus) -> list[str]:
    seen: list[str] = []
    seq = subscription.snapshot.seq
    async for update in subscription:
        seq += 1
        assert update.event.seq == seq
        if update.event.kind is EventKind.TRANSITION:
            assert update.agent is not None
            assert update.agent.status == update.event.data["to"]
            seen.append(update.event.data["to"])
            if update.agent.status is until:
                break
    return seen


async def test_uptime_and_usage_are_shown(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        await made.manager.sample_usage()
        info = await status(made, "a")
        assert (info.cpu_percent, info.memory_bytes) == (1.5, 1000)
        assert info.uptime_seconds is not None
        assert info.uptime_seconds >= 0
        await made.manager.stop_agent("a")
        info = await status(made, "a")
        assert (info.cpu_percent, info.memory_bytes, info.uptime_seconds) == (None, None, None)


async def test_uptime_does_not_follow_a_wall_clock_that_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        monkeypatch.setattr(time, "time", lambda: 4e9)
        info = await status(made, "a")
        assert info.started_at is not None
        # Control arm: by the wall clock it would have run for decades.
        assert time.time() - info.started_at.timestamp() > 1e9
        assert info.uptime_seconds is not None
        assert info.uptime_seconds < 600


async def test_an_agent_that_calls_itself_degraded_runs_and_says_why(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        made.prober.default = DEGRADED
        assert await made.manager.start_agent("a")
        info = await status(made, "a")
        assert (info.status, info.health) == (AgentStatus.RUNNING, Health.DEGRADED)
        assert info.health_message == "provider away"
