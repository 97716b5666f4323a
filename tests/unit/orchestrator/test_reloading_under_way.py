"""Hot reload while something else is under way: starts, maintenance, held restarts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support import eventually
from tests.unit.orchestrator.fakes import (
    FAST_RESTART,
    HEALTHY,
    SILENT,
    agent,
    becomes,
    desk,
    info,
)
from tests.unit.orchestrator.reloadable import Reloadable, reloadable
from trading_dashboard.config import load_settings
from trading_dashboard.models.agents import Maintenance
from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator import memory_rule
from trading_dashboard.orchestrator.messages import DependencyChanged
from trading_dashboard.orchestrator.reloading import ConfigurationReloader
from trading_dashboard.orchestrator.roster import Roster


async def test_an_agent_that_does_not_come_up_does_not_hold_up_the_next_reload(
    tmp_path: Path,
) -> None:
    async with reloadable(tmp_path, {"a": agent(1)}, poll_seconds=0.02) as it:
        it.made.prober.outcomes[2] = SILENT
        watching = asyncio.create_task(it.reloader.watch())
        try:
            it.write({"a": agent(1), "b": agent(2, startup_timeout=600)})
            await eventually(lambda: ("b", 1) in it.generations())
            it.write({"a": agent(1), "b": agent(3, startup_timeout=600)})
            await becomes(it.made, AgentStatus.RUNNING, "b")
            assert it.generations() == [("a", 1), ("b", 1), ("b", 2)]
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def test_nobody_depends_on_an_agent_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = {"a": agent(1, depends_on=["b", "c"]), "b": agent(2), "c": agent(3)}
    remove = Roster.remove

    async def remove_and_look(self: Roster, name: str) -> None:
        """Have the dependent look at what it depends on right after the removal."""
        gone = await info(it.made, name)
        await remove(self, name)
        self.get("a").post(DependencyChanged(state=gone))
        await it.manager.set_maintenance("a", None)  # answered after what was posted before

    monkeypatch.setattr(Roster, "remove", remove_and_look)
    async with desk(tmp_path, agents) as made:
        made.prober.outcomes[3] = SILENT
        loaded = load_settings(tmp_path, environ={})
        it = Reloadable(tmp_path, made, ConfigurationReloader(made.manager, loaded))
        await made.manager.start_agent("b")
        starting = asyncio.create_task(made.manager.start_agent("a"))
        await eventually(lambda: ("c", 1) in it.generations())
        it.write({"a": agent(1, depends_on=["c"]), "c": agent(3)})
        await it.reloader.reload()
        made.prober.outcomes[3] = HEALTHY
        assert (await becomes(made, AgentStatus.RUNNING)).error_code is None
        starting.cancel()


async def test_one_that_waits_for_an_agent_that_goes_starts_without_it(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, depends_on=["b"]), "b": agent(2)}) as made:
        made.prober.outcomes[2] = SILENT
        loaded = load_settings(tmp_path, environ={})
        it = Reloadable(tmp_path, made, ConfigurationReloader(made.manager, loaded))
        starting = asyncio.create_task(made.manager.start_agent("a"))
        await eventually(lambda: ("b", 1) in it.generations())
        it.write({"a": agent(1)})
        await it.reloader.reload()
        assert (await becomes(made, AgentStatus.RUNNING)).error_code is None
        starting.cancel()


async def test_a_process_started_while_its_agent_is_removed_is_ended(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1), "b": agent(2)}) as it:
        await it.manager._agents.remove("b")
        assert set(it.made.runtime.processes) == {"a"}


async def test_a_removed_agent_is_not_in_maintenance_when_it_comes_back(tmp_path: Path) -> None:
    both = {"a": agent(1), "b": agent(2)}
    async with reloadable(tmp_path, both) as it:
        work = Maintenance(since=datetime.now(UTC), reason=None, by="test")
        await it.manager.set_maintenance("b", work)
        it.write({"a": agent(1)})
        await it.reloader.reload()
        it.write(both)
        await it.reloader.reload()
        await becomes(it.made, AgentStatus.RUNNING, "b")
    async with desk(tmp_path, both) as made:
        await made.manager.start_all_enabled_agents()
        assert (await info(made, "b")).status is AgentStatus.RUNNING, "nor in the next run"


async def test_what_changed_in_maintenance_counts_when_it_ends(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1)}) as it:
        work = Maintenance(since=datetime.now(UTC), reason=None, by="test")
        await it.manager.set_maintenance("a", work)
        it.write({"a": agent(1, env={"X": "2"})})
        await it.reloader.reload()
        assert it.generations() == [("a", 1)]
        await it.manager.set_maintenance("a", None)
        await eventually(lambda: it.generations() == [("a", 1), ("a", 2)])
        assert it.made.runtime.launches[-1].env["X"] == "2"


async def test_what_changed_back_in_maintenance_restarts_nothing(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1)}) as it:
        work = Maintenance(since=datetime.now(UTC), reason=None, by="test")
        await it.manager.set_maintenance("a", work)
        for env in ({"X": "2"}, {}):
            it.write({"a": agent(1, env=env)})
            await it.reloader.reload()
        await it.manager.set_maintenance("a", None)
        await it.manager.set_maintenance("a", None)  # answered after what the first one did
        assert it.generations() == [("a", 1)]


@pytest.mark.parametrize("is_mended", [True, False])
async def test_a_held_restart_is_dropped_when_the_settings_ask_for_it_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_mended: bool
) -> None:
    monkeypatch.setattr(memory_rule, "SPACING_SECONDS", 0.0)
    hours = {**FAST_RESTART, "not_within": ["00:00/23:59", "23:59/00:00"]}
    limited = {**hours, "memory_limit_bytes": 2**20}
    follows = {"depends_on": ["a"], "on_dependency_failure": "restart"}
    agents = {
        "a": agent(1),
        "b": agent(2, restart=limited),
        "c": agent(3, restart=hours, **follows),
    }
    async with reloadable(tmp_path, agents) as it:
        it.made.runtime.memory["b"] = 2**30
        for _ in range(2):
            await it.manager.sample_usage()
        it.made.runtime.crash("a")

        async def are_held() -> bool:
            states = await it.manager.get_all_agent_status()
            return all(states[name].held_restart for name in "bc")

        await eventually(are_held)
        assert len(it.generations()) == 4
        restart = hours if is_mended else limited
        mode = "ignore" if is_mended else "restart"
        b = agent(2, restart={**restart, "not_within": []})
        c = agent(3, depends_on=["a"], on_dependency_failure=mode)
        it.write({"a": agent(1), "b": b, "c": c})
        await it.reloader.reload()
        if is_mended:
            states = await it.manager.get_all_agent_status()
            assert [states[name].held_restart for name in "bc"] == [None, None]
            assert len(it.generations()) == 4
        else:
            # The hours were what held them back: that counts at once, too.
            await eventually(lambda: {("b", 2), ("c", 2)} <= set(it.generations()))
