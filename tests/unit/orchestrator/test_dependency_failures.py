"""What running agents do when something they depend on fails."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

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
)
from trading_dashboard.config.settings import DependencyRestartSettings
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator.dependency_restarts import DependencyRestarts


def follower(port: int, mode: str, *on: str, **more: Any) -> dict[str, Any]:
    return agent(port, depends_on=list(on), on_dependency_failure=mode, **more)


def launches(made: Desk) -> Counter[str]:
    return Counter(launch.agent for launch in made.runtime.launches)


async def crash_and_return(made: Desk, name: str = "a") -> None:
    """End an agent and wait until its next process runs."""
    before = (await info(made, name)).generation
    made.runtime.crash(name)

    async def is_back() -> bool:
        found = await info(made, name)
        return found.status is AgentStatus.RUNNING and found.generation == before + 1

    await eventually(is_back)


async def settled(made: Desk, *names: str) -> None:
    """Wait until these run and have read all that was posted."""

    async def are_up() -> bool:
        for name in names:
            await made.manager.set_maintenance(name, None)
        states = await made.manager.get_all_agent_status()
        return all(states[name].is_up for name in names)

    for _ in range(3):
        await eventually(are_up)


async def test_ignore_goes_on(tmp_path: Path) -> None:
    agents = {"a": agent(1), "b": agent(2, depends_on=["a"])}
    async with desk(tmp_path, agents) as made:
        await made.manager.start_all_enabled_agents()
        await crash_and_return(made)
        await settled(made, "a", "b")
        assert launches(made) == {"a": 2, "b": 1}


async def test_restart_follows_once_the_dependency_is_back(tmp_path: Path) -> None:
    agents = {"a": agent(1), "b": follower(2, "restart", "a")}
    async with desk(tmp_path, agents) as made:
        await made.manager.start_all_enabled_agents()
        made.prober.outcomes[1] = SILENT
        made.runtime.crash("a")
        await becomes(made, AgentStatus.STARTING, "a")
        assert (await info(made, "b")).status is AgentStatus.RUNNING, "not before it is back"
        made.prober.outcomes[1] = HEALTHY
        await eventually(lambda: launches(made)["b"] == 2)
        await settled(made, "a", "b")
        assert launches(made) == {"a": 2, "b": 2}
        assert (await info(made, "b")).restarts == 1
        starts = [launch.agent for launch in made.runtime.launches]
        assert starts == ["a", "b", "a", "b"]
        reasons = [e.data.get("reason") for e in made.manager.events.recent()]
        assert "'a' failed and is back" in reasons


async def test_wait_stops_and_comes_back_with_it(tmp_path: Path) -> None:
    restart = {"first_delay_seconds": 600, "max_delay_seconds": 600}
    agents = {"a": agent(1, restart=restart), "b": follower(2, "wait", "a")}
    async with desk(tmp_path, agents) as made:
        await made.manager.start_all_enabled_agents()
        await crash_and_return(made)
        await settled(made, "a", "b")
        made.runtime.crash("a")
        await becomes(made, AgentStatus.BACKOFF, "a")
        waiting = await becomes(made, AgentStatus.STARTING, "b")
        assert waiting.waiting_for == ("a",)
        assert "b" not in made.runtime.processes
        assert (await info(made, "b")).status is AgentStatus.STARTING
        await made.manager.start_agent("a")
        back = await becomes(made, AgentStatus.RUNNING, "b")
        assert back.error_message is None


async def test_a_dependency_given_up_is_followed_and_so_is_its_return(tmp_path: Path) -> None:
    agents = {"a": agent(1, restart={"max_restarts": 0}), "b": follower(2, "wait", "a")}
    async with desk(tmp_path, agents) as made:
        await made.manager.start_all_enabled_agents()
        made.runtime.crash("a")
        failed = await becomes(made, AgentStatus.ERROR, "b")
        assert "needs 'a', which is error" in (failed.error_message or "")
        await made.manager.start_agent("a")
        await becomes(made, AgentStatus.RUNNING, "b")


async def test_an_unhealthy_dependency_makes_it_wait_but_not_restart(tmp_path: Path) -> None:
    agents = {
        "a": agent(1, failure_threshold=2),
        "waits": follower(2, "wait", "a"),
        "restarts": follower(3, "restart", "a"),
    }
    async with desk(tmp_path, agents) as made:
        await made.manager.start_all_enabled_agents()
        made.prober.outcomes[1] = REFUSING
        await becomes(made, AgentStatus.STARTING, "waits")
        made.prober.outcomes[1] = HEALTHY
        await becomes(made, AgentStatus.RUNNING, "waits")
        await settled(made, "a", "waits", "restarts")
        # The same process is well again: what depends on it has lost nothing.
        assert launches(made) == {"a": 1, "waits": 2, "restarts": 1}


async def test_what_a_person_does_is_no_failure(tmp_path: Path) -> None:
    agents = {
        "a": agent(1), "waits": follower(2, "wait", "a"), "restarts": follower(3, "restart", "a"),
    }  # fmt: skip
    async with desk(tmp_path, agents) as made:
        await made.manager.start_all_enabled_agents()
        await made.manager.stop_agent("a")
        await settled(made, "waits", "restarts")
        await made.manager.restart_agent("a")
        await settled(made, "a", "waits", "restarts")
        assert launches(made) == {"a": 2, "waits": 1, "restarts": 1}


async def test_a_chain_follows_in_order_and_each_once(tmp_path: Path) -> None:
    agents = {
        "a": agent(1), "b": follower(2, "restart", "a"), "c": follower(3, "restart", "b"),
        "d": follower(4, "wait", "c"),
    }  # fmt: skip
    async with desk(tmp_path, agents) as made:
        await made.manager.start_all_enabled_agents()
        made.runtime.launches.clear()
        await crash_and_return(made)
        await eventually(lambda: launches(made)["d"] == 1)
        await settled(made, *agents)
        assert [launch.agent for launch in made.runtime.launches] == ["a", "b", "c", "d"]


async def test_a_diamond_restarts_its_tip_once(tmp_path: Path) -> None:
    agents = {
        "a": agent(1), "b": follower(2, "restart", "a"), "c": follower(3, "restart", "a"),
        "d": follower(4, "restart", "b", "c"), "e": follower(5, "restart", "a", "d"),
    }  # fmt: skip
    async with desk(tmp_path, agents) as made:
        await made.manager.start_all_enabled_agents()
        await crash_and_return(made)
        await eventually(lambda: min(launches(made).values()) == 2)
        await settled(made, *agents)
        assert launches(made) == dict.fromkeys(agents, 2)


async def test_following_uses_no_budget_of_its_own(tmp_path: Path) -> None:
    agents = {"a": agent(1), "b": follower(2, "restart", "a", restart={"max_restarts": 0})}
    async with desk(tmp_path, agents) as made:
        await made.manager.start_all_enabled_agents()
        await crash_and_return(made)
        await eventually(lambda: launches(made)["b"] == 2)
        await settled(made, "a", "b")
        made.runtime.crash("b")
        assert (await becomes(made, AgentStatus.ERROR, "b")).error_code == "crash_loop"


def many(count: int) -> dict[str, Any]:
    return {"a": agent(1)} | {f"f{n}": follower(10 + n, "restart", "a") for n in range(count)}


async def test_a_flapping_dependency_cannot_storm(tmp_path: Path) -> None:
    budget = {"supervision": {"dependency_restarts": {"max_restarts": 5}}}
    async with desk(tmp_path, many(4), more=budget) as made:
        await made.manager.start_all_enabled_agents()
        for _ in range(3):
            await crash_and_return(made)
            await settled(made, *many(4))
        assert launches(made)["a"] == 4
        assert sum(n for name, n in launches(made).items() if name != "a") == 4 + 5
        told = [e for e in made.manager.events.recent() if e.kind is EventKind.RESTARTS_WITHHELD]
        assert len(told) == 1
        assert told[0].data == {"max_restarts": 5, "window_seconds": 300.0}
        states = await made.manager.get_all_agent_status()
        left = [state.held_restart for name, state in states.items() if state.held_restart]
        assert len(left) == 4
        assert "5 restarts of this kind in 300 s are allowed" in left[0]
        assert "then restart 'f" in left[0]
        name = next(name for name, state in states.items() if state.held_restart)
        await made.manager.restart_agent(name)
        assert (await info(made, name)).held_restart is None


async def test_without_the_budget_it_would(tmp_path: Path) -> None:
    budget = {"supervision": {"dependency_restarts": {"max_restarts": 1000}}}
    async with desk(tmp_path, many(4), more=budget) as made:
        await made.manager.start_all_enabled_agents()
        for _ in range(3):
            await crash_and_return(made)
            await settled(made, *many(4))
        assert sum(n for name, n in launches(made).items() if name != "a") == 4 + 12


def test_the_budget_slides_and_its_exhaustion_is_told_once() -> None:
    policy = DependencyRestartSettings(max_restarts=2, window_seconds=10)
    told: list[str] = []
    now = 100.0
    restarts = DependencyRestarts(
        lambda: policy, lambda agent, _: told.append(agent.name), lambda: now
    )
    who = AgentInfo(name="b", path="/x", url="http://x:1", port=1)
    assert [restarts.take(who) for _ in range(4)] == [True, True, False, False]
    assert told == ["b"]
    now = 109.9
    assert not restarts.take(who)
    now = 110.0
    assert restarts.take(who)
    assert restarts.take(who)
    assert not restarts.take(who)
    assert told == ["b", "b"]
    policy = DependencyRestartSettings(max_restarts=3, window_seconds=10)
    assert restarts.take(who), "a reloaded budget counts at once"
