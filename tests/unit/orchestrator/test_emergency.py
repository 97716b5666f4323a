"""The emergency stop: everything at once, whatever is under way, and nothing comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support import eventually
from tests.unit.orchestrator.fakes import HEALTHY, SILENT, Desk, agent, desk
from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.requester import Requester
from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator.runtime import PortOwner

CHAIN = {"a": agent(1), "b": agent(2, depends_on=["a"]), "c": agent(3, depends_on=["b"])}
SLOW_RESTART = {"first_delay_seconds": 60, "max_delay_seconds": 60}


async def statuses(made: Desk) -> dict[str, AgentStatus]:
    return {name: info.status for name, info in (await made.manager.get_all_agent_status()).items()}


async def test_all_are_killed_without_grace_and_at_the_same_time(tmp_path: Path) -> None:
    async with desk(tmp_path, CHAIN) as made:
        await made.manager.start_all_enabled_agents()
        made.runtime.stop_gate = asyncio.Event()
        stopping = asyncio.create_task(made.manager.emergency_stop())
        await eventually(lambda: {name for name, _, _ in made.runtime.stops} == {"a", "b", "c"})
        assert {grace for _, _, grace in made.runtime.stops} == {0.0}
        made.runtime.stop_gate.set()
        assert await stopping == {"a": True, "b": True, "c": True}
        assert made.runtime.processes == {}
        assert set((await statuses(made)).values()) == {AgentStatus.STOPPED}


async def test_an_ending_with_patience_is_cut_short(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, stop_timeout=300)}) as made:
        await made.manager.start_agent("a")
        made.runtime.stop_gate = asyncio.Event()
        patient = asyncio.create_task(made.manager.restart_agent("a"))
        await eventually(lambda: made.runtime.stops)
        stopping = asyncio.create_task(made.manager.emergency_stop())
        await eventually(lambda: made.runtime.stops[-1][2] == 0.0)
        made.runtime.stop_gate.set()
        assert await stopping == {"a": True}
        assert not await patient
        assert len(made.runtime.launches) == 1, "the restart came to nothing"


async def test_starts_and_waits_under_way_end(tmp_path: Path) -> None:
    async with desk(tmp_path, CHAIN) as made:
        made.prober.default = SILENT  # `a` never gets healthy, the others wait for it
        starting = asyncio.create_task(made.manager.start_all_enabled_agents())
        await eventually(lambda: "a" in made.runtime.processes)
        await made.manager.emergency_stop()
        assert await starting == {"a": False, "b": False, "c": False}
        made.prober.default = HEALTHY
        await nothing_comes_back(made)
        assert [launch.agent for launch in made.runtime.launches] == ["a"]


async def test_a_backoff_ends(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, restart=SLOW_RESTART)}) as made:
        await made.manager.start_agent("a")
        for _ in range(2):  # the first restart comes at once
            made.runtime.crash("a")
            await eventually(
                lambda: "a" not in made.runtime.processes or len(made.runtime.launches) > 1
            )
        await eventually(lambda: is_backing_off(made))
        await made.manager.emergency_stop()
        info = await made.manager.get_agent_status("a")
        assert info is not None
        assert (info.status, info.next_retry_at) == (AgentStatus.STOPPED, None)
        await nothing_comes_back(made)


async def test_nothing_is_started_once_it_was_asked_for(tmp_path: Path) -> None:
    """A start whose port is just being checked does not spawn: its agent would act for a moment."""
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.open()
        starting = asyncio.create_task(made.manager.start_agent("a"))
        await asyncio.sleep(0)
        await asyncio.gather(made.manager.emergency_stop(), starting)
        assert made.runtime.launches == []
        assert await made.manager.start_agent("a"), "a person may start it afterwards"


async def test_the_desk_itself_and_foreign_agents_are_spared(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1), "foreign": agent(2)}) as made:
        part = AgentSettings.model_validate(
            {"name": "dashboard", "working_directory": tmp_path, **agent(9)}
        )
        made.manager.add_system_agent(part, {})
        owner = PortOwner(port=2, pid=4711, command="theirs", is_leftover=False)
        made.runtime.ports[2] = owner
        await made.manager.start_all_enabled_agents(["a", "foreign", "dashboard"])
        assert await made.manager.emergency_stop() == {"a": True, "foreign": False}
        assert set(made.runtime.processes) == {"dashboard"}
        assert (await statuses(made))["foreign"] is AgentStatus.RUNNING


async def test_it_may_be_repeated_and_says_who_asked(tmp_path: Path) -> None:
    async with desk(tmp_path, CHAIN) as made:
        await made.manager.start_all_enabled_agents()
        asked = Requester("cli", "127.0.0.1", "alice")
        results = await asyncio.gather(
            *(made.manager.emergency_stop(origin=asked) for _ in range(5))
        )
        assert results == [{"a": True, "b": True, "c": True}] * 5
        acted = [e for e in made.manager.events.recent() if e.kind is EventKind.OPERATOR_ACTED]
        assert acted[-1].data == {
            "action": "emergency stop", "origin": "cli", "from": "127.0.0.1", "user": "alice",
        }  # fmt: skip


async def test_a_tree_that_cannot_be_ended_is_said_so(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1), "b": agent(2)}) as made:
        await made.manager.start_all_enabled_agents()
        made.runtime.stop_error = OSError("stuck in the kernel")
        assert await made.manager.emergency_stop() == {"a": False, "b": False}


async def test_a_patient_stop_would_have_waited(tmp_path: Path) -> None:
    """The control arm: what distinguishes it from stopping all."""
    async with desk(tmp_path, CHAIN) as made:
        await made.manager.start_all_enabled_agents()
        made.runtime.stop_gate = asyncio.Event()
        stopping = asyncio.create_task(made.manager.stop_all_agents())
        await eventually(lambda: made.runtime.stops)
        with pytest.raises(AssertionError):
            await eventually(lambda: len({name for name, _, _ in made.runtime.stops}) > 1, 0.1)
        assert made.runtime.stops[0][2] > 0
        made.runtime.stop_gate.set()
        await stopping


async def is_backing_off(made: Desk) -> bool:
    info = await made.manager.get_agent_status("a")
    assert info is not None
    return info.status is AgentStatus.BACKOFF


async def nothing_comes_back(made: Desk) -> None:
    """Give timers and messages the chance to start something."""
    for _ in range(200):
        await asyncio.sleep(0)
    assert set((await statuses(made)).values()) == {AgentStatus.STOPPED}
    assert made.runtime.processes == {}
