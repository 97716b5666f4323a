"""Restart safety with real processes: memory, final exit codes, dependencies, maintenance."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.test_agent_manager import becomes, info, manager, puppet
from tests.support import PUPPETS, PortClaims, eventually
from trading_dashboard.models.agents import AgentInfo, Maintenance
from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator import AgentManager, memory_rule, monitoring

MIB = 2**20


def hog(port: int, mebibytes: int, forks: int, limit: int | None) -> dict[str, Any]:
    """Return the configuration of an agent that takes memory once it is healthy."""
    command = ["python", str(PUPPETS / "takes_memory.py"), "{port}", str(mebibytes), str(forks)]
    restart: dict[str, Any] = {"first_delay_seconds": 0.05, "max_delay_seconds": 0.05}
    if limit is not None:
        restart["memory_limit_bytes"] = limit * MIB
    return puppet("takes_memory", port, start_command=command, restart=restart)


@pytest.fixture
def measured_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "WATCHED_INTERVAL_SECONDS", 0.2)
    monkeypatch.setattr(memory_rule, "SPACING_SECONDS", 0.1)


async def measured(made: AgentManager, at_least: int) -> AgentInfo:
    """Return the agent once it was measured to hold that much, resident."""

    async def is_so() -> AgentInfo | None:
        await made.sample_usage()
        found = await info(made)
        return found if (found.memory_bytes or 0) >= at_least else None

    found = await eventually(is_so, deadline=20, interval=0.3)
    assert found is not None
    return found


@pytest.mark.usefixtures("measured_often")
async def test_a_memory_hog_is_restarted_and_says_why(tmp_path: Path, free_port: int) -> None:
    async with manager(tmp_path, {"a": hog(free_port, 150, 0, limit=100)}) as made:
        await made.start_agent("a")
        old = await info(made)
        assert old.pid is not None
        back = await becomes(made, lambda i: i.restarts >= 1 and i.status is AgentStatus.RUNNING)
        assert back.last_exit == "signal 15 (SIGTERM)", "asked, not killed"
        assert not psutil.pid_exists(old.pid)
        reasons = [str(event.data.get("reason")) for event in made.events.recent()]
        assert any("more than its limit of 100 MiB" in reason for reason in reasons)


async def test_without_a_limit_the_hog_stays(tmp_path: Path, free_port: int) -> None:
    async with manager(tmp_path, {"a": hog(free_port, 150, 0, limit=None)}) as made:
        await made.start_agent("a")
        assert (await measured(made, 150 * MIB)).restarts == 0


@pytest.mark.usefixtures("measured_often")
async def test_memory_that_forks_share_counts_once(tmp_path: Path, free_port: int) -> None:
    async with manager(tmp_path, {"a": hog(free_port, 60, 5, limit=150)}) as made:
        await made.start_agent("a")
        # 6 processes over 60 MiB: far more than the limit is resident, far less is held.
        for _ in range(5):
            assert (await measured(made, 300 * MIB)).restarts == 0


async def test_a_final_exit_code_is_not_restarted(tmp_path: Path) -> None:
    with PortClaims() as ports:
        names = {"finished": 0, "hopeless": 78, "other": 7}
        agents = {
            name: puppet(
                "exits_with_code",
                (port := ports.take()),
                start_command=["python", str(PUPPETS / "exits_with_code.py"), str(port), str(code)],
                restart={"final_exit_codes": [0, 78], "max_restarts": 2},
            )
            for name, code in names.items()
        }
        async with manager(tmp_path, agents) as made:
            await made.start_all_enabled_agents()

            async def all_ended() -> bool:
                states = await made.get_all_agent_status()
                return [state.status for state in states.values()] == [
                    AgentStatus.STOPPED, AgentStatus.ERROR, AgentStatus.ERROR,
                ]  # fmt: skip

            await eventually(all_ended, deadline=30)
            states = await made.get_all_agent_status()
            assert [state.restarts for state in states.values()] == [0, 0, 2]
            assert "final_exit_codes" in (states["hopeless"].error_message or "")


async def test_a_dependent_follows_a_killed_dependency(tmp_path: Path) -> None:
    with PortClaims() as ports:
        agents = {
            "a": puppet("healthy", ports.take()),
            "b": puppet("healthy", ports.take(), depends_on=["a"], on_dependency_failure="restart"),
            "c": puppet("healthy", ports.take(), depends_on=["a"]),
        }
        async with manager(tmp_path, agents) as made:
            await made.start_all_enabled_agents()
            before = await made.get_all_agent_status()
            assert before["a"].pid is not None
            os.kill(before["a"].pid, signal.SIGKILL)

            async def followed() -> bool:
                states = await made.get_all_agent_status()
                return states["b"].restarts == 1 and all(x.is_up for x in states.values())

            await eventually(followed, deadline=20)
            after = await made.get_all_agent_status()
            assert after["c"].pid == before["c"].pid
            assert after["b"].pid != before["b"].pid


async def test_a_killed_agent_in_maintenance_stays_down_until_it_ends(
    tmp_path: Path, free_port: int
) -> None:
    work = Maintenance(since=datetime.now(UTC), by="test")
    async with manager(tmp_path, {"a": puppet("healthy", free_port)}) as made:
        await made.start_agent("a")
        assert await made.set_maintenance("a", work)
        running = await info(made)
        assert running.pid is not None
        os.kill(running.pid, signal.SIGKILL)
        resting = await becomes(made, lambda i: i.status is AgentStatus.STOPPED)
        assert "was ended by signal 9 (SIGKILL)" in (resting.error_message or "")
        assert resting.restarts == 0
    async with manager(tmp_path, {"a": puppet("healthy", free_port)}) as made:
        assert await made.start_all_enabled_agents() == {"a": False}, "it survives the supervisor"
        assert await made.set_maintenance("a", None)
        assert (await becomes(made, lambda i: i.status is AgentStatus.RUNNING)).generation == 1
