"""Hot reload on fakes: only what changed is touched, and a mistake changes nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.support import eventually, write_project
from tests.unit.orchestrator.fakes import (
    SILENT,
    agent,
    becomes,
    desk,
    info,
)
from tests.unit.orchestrator.reloadable import reloadable
from trading_dashboard.config import Settings, load_settings
from trading_dashboard.models.configuration import ChangeEffect
from trading_dashboard.models.errors import ConfigurationError
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.states import AgentStatus, Management
from trading_dashboard.orchestrator.messages import StartRequested
from trading_dashboard.orchestrator.reloading import ConfigurationReloader
from trading_dashboard.orchestrator.runtime import PortOwner
from trading_dashboard.orchestrator.waiters import new_answer


async def test_only_the_agent_that_changed_restarts(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1), "b": agent(2)}) as it:
        it.write({"a": agent(1, env={"DEPTH": "2"}), "b": agent(2)})
        answer = await it.reloader.reload()
        assert answer.results == {"a": True}
        assert it.generations() == [("a", 1), ("b", 1), ("a", 2)]
        assert it.made.runtime.launches[-1].env["DEPTH"] == "2"


async def test_who_depends_on_an_agent_is_told_its_new_address(tmp_path: Path) -> None:
    follower = agent(2, depends_on=["a"])
    async with reloadable(tmp_path, {"a": agent(1), "b": follower, "c": agent(3)}) as it:

        def urls_told() -> list[dict[str, str]]:
            told = [launch for launch in it.made.runtime.launches if launch.agent == "b"]
            return [json.loads(launch.env["TRADING_DASHBOARD_AGENT_URLS"]) for launch in told]

        it.write({"a": agent(4), "b": follower, "c": agent(3)})
        answer = await it.reloader.reload()
        assert answer.results == {"a": True, "b": True}
        assert urls_told() == [{"a": "http://127.0.0.1:1"}, {"a": "http://127.0.0.1:4"}]
        alone = [launch for launch in it.made.runtime.launches if launch.agent == "c"]
        assert [launch.env["TRADING_DASHBOARD_AGENT_URLS"] for launch in alone] == ["{}"]


async def test_a_setting_that_needs_no_process_counts_without_a_restart(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1)}) as it:
        it.write({"a": agent(1, failure_threshold=1)})
        answer = await it.reloader.reload()
        assert [change.effect for change in answer.changes] == [ChangeEffect.LIVE]
        assert answer.results == {}
        it.made.prober.default = SILENT  # one is enough now; it took three
        await eventually(lambda: ("a", 2) in it.generations())


async def test_a_restart_budget_changes_while_the_agent_runs(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1)}) as it:
        it.write({"a": agent(1, restart={"policy": "never"})})
        await it.reloader.reload()
        it.made.runtime.crash("a")
        assert (await becomes(it.made, AgentStatus.ERROR)).restarts == 0


@pytest.mark.parametrize(
    "broken",
    ["agents: {a: {url: 5}}\n", "agents: [", "agents: {a: {}}\n", "\x00", "agents: {A: 1}\n"],
)
async def test_an_invalid_file_changes_nothing_and_is_told_once(
    tmp_path: Path, broken: str
) -> None:
    async with reloadable(tmp_path, {"a": agent(1)}) as it:
        before = it.manager.settings
        write_project(tmp_path, broken)
        for _ in range(2):
            with pytest.raises(ConfigurationError):
                await it.reloader.reload()
        assert it.manager.settings is before
        assert it.generations() == [("a", 1)]
        assert len(it.recorded(EventKind.CONFIGURATION_INVALID)) == 1
        assert it.reloader.describe().mistakes
        it.write({"a": agent(1)})
        assert it.recorded(EventKind.CONFIGURATION_MENDED) == []
        for _ in range(2):
            assert (await it.reloader.reload(dry_run=True)).changes == ()
        assert it.reloader.describe().mistakes == ()
        assert len(it.recorded(EventKind.CONFIGURATION_MENDED)) == 1


async def test_a_mistake_that_a_dry_run_saw_first_is_recorded_all_the_same(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1)}) as it:
        write_project(tmp_path, "agents: [")
        with pytest.raises(ConfigurationError):
            await it.reloader.reload(dry_run=True)
        assert it.recorded(EventKind.CONFIGURATION_INVALID) == []
        with pytest.raises(ConfigurationError):
            await it.reloader.reload()
        assert len(it.recorded(EventKind.CONFIGURATION_INVALID)) == 1


async def test_a_missing_file_is_a_mistake_and_stops_nobody(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1)}) as it:
        (tmp_path / "config" / "agents.yaml").unlink()
        with pytest.raises(ConfigurationError):
            await it.reloader.reload()
        assert (await info(it.made)).status is AgentStatus.RUNNING


async def test_what_forbids_a_start_forbids_the_reload(tmp_path: Path) -> None:
    def refuse(_: object) -> None:
        raise ConfigurationError([])

    async with reloadable(tmp_path, {"a": agent(1)}, check=refuse) as it:
        it.write({"a": agent(1, env={"X": "1"})})
        with pytest.raises(ConfigurationError):
            await it.reloader.reload()
        assert it.generations() == [("a", 1)]


async def test_new_agents_start_and_removed_ones_are_stopped_and_forgotten(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1), "gone": agent(2)}) as it:
        it.write({"a": agent(1), "new": agent(3), "quiet": agent(4, auto_start=False)})
        answer = await it.reloader.reload()
        assert answer.results == {"gone": True, "new": True}
        states = await it.manager.get_all_agent_status()
        assert {name: state.status for name, state in states.items()} == {
            "a": AgentStatus.RUNNING,
            "new": AgentStatus.RUNNING,
            "quiet": AgentStatus.STOPPED,
        }
        assert list(it.made.runtime.processes) == ["a", "new"]
        assert [e.agent for e in it.recorded(EventKind.AGENT_REMOVED)] == ["gone"]
        assert [e.agent for e in it.recorded(EventKind.AGENT_ADDED)] == ["new", "quiet"]
        assert (tmp_path / "var" / "run" / "agents" / "new.token").exists()


async def test_a_removed_agent_can_come_back(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1), "b": agent(2)}) as it:
        it.write({"a": agent(1)})
        await it.reloader.reload()
        it.write({"a": agent(1), "b": agent(2)})
        await it.reloader.reload()
        assert (await info(it.made, "b")).status is AgentStatus.RUNNING


async def test_an_agent_that_cannot_be_ended_stays_shown(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1), "b": agent(2)}) as it:
        it.made.runtime.stop_error = OSError("no permission")
        it.write({"a": agent(1)})
        assert (await it.reloader.reload()).results == {"b": False}
        it.made.runtime.stop_error = None
        assert (await info(it.made, "b")).status is AgentStatus.ERROR


async def test_new_agents_wait_when_the_desk_was_started_for_some_only(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1)}, starts_added=False) as it:
        it.write({"a": agent(1), "new": agent(3)})
        await it.reloader.reload()
        assert (await info(it.made, "new")).status is AgentStatus.STOPPED


async def test_two_agents_swap_their_ports(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1), "b": agent(2)}) as it:
        it.write({"a": agent(2), "b": agent(1)})
        await it.reloader.reload()
        # Stopped before either starts: otherwise one would find the other on its port.
        stops = [name for name, _, _ in it.made.runtime.stops]
        assert sorted(stops) == ["a", "b"]
        assert sorted(it.generations()) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
        assert ((await info(it.made)).port, (await info(it.made, "b")).port) == (2, 1)


async def test_a_disabled_agent_stops_and_an_enabled_one_starts(tmp_path: Path) -> None:
    agents = {"a": agent(1), "b": agent(2, enabled=False)}
    async with reloadable(tmp_path, agents) as it:
        it.write({"a": agent(1, enabled=False), "b": agent(2)})
        assert (await it.reloader.reload()).results == {"a": True, "b": True}
        a, b = await info(it.made), await info(it.made, "b")
        assert (a.status, a.enabled) == (AgentStatus.STOPPED, False)
        assert (b.status, b.enabled) == (AgentStatus.RUNNING, True)


async def test_mending_the_configuration_of_a_failed_agent_tries_it_again(tmp_path: Path) -> None:
    broken = agent(1, restart={"max_restarts": 0})
    async with reloadable(tmp_path, {"a": broken}) as it:
        it.made.runtime.crash("a")
        await becomes(it.made, AgentStatus.ERROR)
        it.write({"a": {**broken, "env": {"KEY": "1"}}})
        assert (await it.reloader.reload()).results["a"]
        assert (await info(it.made)).status is AgentStatus.RUNNING


async def test_a_stopped_agent_stays_stopped_and_starts_with_the_new_settings(
    tmp_path: Path,
) -> None:
    async with reloadable(tmp_path, {"a": agent(1)}) as it:
        await it.manager.stop_agent("a")
        it.write({"a": agent(1, env={"X": "2"})})
        await it.reloader.reload()
        assert (await info(it.made)).status is AgentStatus.STOPPED
        await it.manager.start_agent("a")
        assert it.made.runtime.launches[-1].env["X"] == "2"


async def test_a_start_between_stop_and_change_does_not_keep_the_old_process(
    tmp_path: Path,
) -> None:
    async with reloadable(tmp_path, {"a": agent(1)}) as it:
        changed = it.manager.settings.agents["a"].model_copy(update={"env": {"X": "2"}})
        assert await it.manager.reconfigure_system_agent(changed)
        assert it.generations() == [("a", 1), ("a", 2)]
        assert it.made.runtime.launches[-1].env["X"] == "2"


async def test_an_external_agent_is_released_when_its_address_changes(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        made.runtime.ports[1] = PortOwner(port=1, pid=77, command="mine", is_leftover=False)
        await made.manager.start_agent("a")
        assert (await info(made)).management is Management.EXTERNAL
        reloader = ConfigurationReloader(made.manager, load_settings(tmp_path, environ={}))
        write_project(tmp_path, {"agents": {"a": agent(2)}})
        assert (await reloader.reload()).results == {"a": True}
        found = await info(made)
        assert (found.management, found.port) == (Management.MANAGED, 2)
        assert made.runtime.stops == []


async def test_waiting_for_a_dependency_that_is_not_named_any_more_ends(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1), "b": agent(2, depends_on=["a"])}) as made:
        made.prober.outcomes[1] = SILENT
        starting = asyncio.create_task(made.manager.start_agent("b"))

        async def waits() -> bool:
            return (await info(made, "b")).waiting_for == ("a",)

        await eventually(waits)
        reloader = ConfigurationReloader(made.manager, load_settings(tmp_path, environ={}))
        write_project(tmp_path, {"agents": {"a": agent(1), "b": agent(2)}})
        await reloader.reload()
        assert await starting


async def test_a_dry_run_tells_and_changes_nothing(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1), "b": agent(2)}) as it:
        before = it.manager.settings
        it.write({"a": agent(1, env={"TOKEN": "hush"}, timeout=1)}, logs={"backups": 9})
        answer = await it.reloader.reload(dry_run=True)
        effects = {change.key: change.effect for change in answer.changes}
        assert effects["agents.a.timeout"] is ChangeEffect.LIVE
        assert effects["agents.a.env.TOKEN"] is ChangeEffect.RESTART
        assert effects["agents.b.url"] is ChangeEffect.REMOVED
        assert effects["logs.backups"] is ChangeEffect.NEXT_START
        assert it.manager.settings is before
        assert it.recorded(EventKind.CONFIGURATION_CHANGED, EventKind.CONFIGURATION_INVALID) == []


async def test_the_change_is_recorded_with_who_and_without_secrets(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1)}) as it:
        it.write({"a": agent(1, env={"API_KEY": "hush-hush"})})
        await it.reloader.reload(origin="cli")
        [event] = it.recorded(EventKind.CONFIGURATION_CHANGED)
        assert event.data["origin"] == "cli"
        assert [change["key"] for change in event.data["changes"]] == ["agents.a.env.API_KEY"]
        assert "hush" not in event.model_dump_json()


async def test_what_waits_for_the_next_start_is_shown_until_it_is_undone(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1)}) as it:
        it.write({"a": agent(1)}, logs={"backups": 9})
        await it.reloader.reload()
        assert [c.key for c in it.reloader.describe().next_start] == ["logs.backups"]
        it.write({"a": agent(1)})
        await it.reloader.reload()
        assert it.reloader.describe().next_start == ()


async def test_the_desk_is_asked_to_apply_what_is_its_own(tmp_path: Path) -> None:
    seen: list[int] = []

    async def apply(settings: Settings) -> dict[str, bool]:
        seen.append(settings.dashboard.port)
        return {"dashboard": True}

    async with reloadable(tmp_path, {"a": agent(1)}, apply_to_desk=apply) as it:
        it.write({"a": agent(1)}, dashboard={"port": 8600})
        assert (await it.reloader.reload()).results == {"dashboard": True}
        assert seen == [8600]


async def test_the_files_are_watched_and_half_written_ones_wait(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1)}, poll_seconds=0.02) as it:
        watching = asyncio.create_task(it.reloader.watch())
        try:
            it.write({"a": agent(1, timeout=1)})
            await eventually(lambda: it.manager.settings.agents["a"].timeout == 1)
            write_project(tmp_path, "agents: [")
            await eventually(lambda: it.recorded(EventKind.CONFIGURATION_INVALID))
            it.write({"a": agent(1, timeout=2)})
            await eventually(lambda: it.manager.settings.agents["a"].timeout == 2)
            assert it.generations() == [("a", 1)]
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def test_reloads_at_once_happen_one_after_the_other(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1)}) as it:
        it.write({"a": agent(1, env={"X": "2"})})
        answers = await asyncio.gather(*(it.reloader.reload() for _ in range(5)))
        assert [len(answer.changes) for answer in answers] == [1, 0, 0, 0, 0]
        assert it.generations() == [("a", 1), ("a", 2)]


async def test_a_start_posted_while_an_agent_is_removed_is_refused(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {"a": agent(1), "b": agent(2)}) as it:
        task = it.manager._agents.get("b")
        it.write({"a": agent(1)})
        await it.reloader.reload()
        done = new_answer()
        task.post(StartRequested(done=done, wait_for_health=True, forgive=True))
        assert await done is False
        assert "b" not in it.made.runtime.processes


async def test_a_configuration_folder_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    """It is just being replaced: what comes with the package is for folders that never had one."""
    async with reloadable(tmp_path, {"a": agent(1)}) as it:
        folder = tmp_path / "config"
        folder.rename(tmp_path / "aside")
        with pytest.raises(ConfigurationError, match=r"agents\.yaml: is not there"):
            await it.reloader.reload()
        assert await it.manager.get_agent_status("a") is not None
        assert it.generations() == [("a", 1)]
        (tmp_path / "aside").rename(folder)
        assert (await it.reloader.reload()).changes == ()
