"""In maintenance the supervisor leaves an agent to whoever works on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support import eventually
from tests.unit.orchestrator.fakes import (
    FAST_RESTART,
    HEALTHY,
    SILENT,
    Desk,
    agent,
    becomes,
    desk,
    info,
)
from trading_dashboard.models.agents import AgentInfo, Maintenance
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.states import AgentStatus, Health
from trading_dashboard.orchestrator import maintenance_rule, memory_rule
from trading_dashboard.orchestrator.maintenance_book import MaintenanceBook

NOW = datetime(2024, 11, 27, 12, 0, tzinfo=UTC)
WORK = Maintenance(since=NOW, reason="new model", by="test")


def has(made: Desk, is_so: Callable[[AgentInfo], bool], name: str = "a") -> Awaitable[bool]:
    async def check() -> bool:
        return is_so(await info(made, name))

    return eventually(check)


async def probed(made: Desk, times: int = 4) -> None:
    asked = made.prober.asked
    await eventually(lambda: made.prober.asked >= asked + times)


async def test_a_crash_leaves_it_stopped_with_the_reason_and_not_red(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        await made.manager.set_maintenance("a", WORK)
        made.runtime.crash("a", 3)
        resting = await becomes(made, AgentStatus.STOPPED)
        message = resting.error_message or ""
        assert "exited with code 3" in message
        assert "It is in maintenance and therefore not restarted" in message
        assert len(made.runtime.launches) == 1
        assert await made.manager.start_agent("a"), "people's verbs work"
        assert await made.manager.restart_agent("a")
        assert await made.manager.stop_agent("a")


async def test_without_maintenance_it_restarts(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        await made.manager.set_maintenance("a", WORK)
        await made.manager.set_maintenance("a", None)
        made.runtime.crash("a", 3)
        await eventually(lambda: len(made.runtime.launches) == 2)


async def test_silence_is_shown_and_ends_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, failure_threshold=2)}) as made:
        await made.manager.start_agent("a")
        await made.manager.set_maintenance("a", WORK)
        made.prober.default = SILENT
        await has(made, lambda i: i.health is Health.UNHEALTHY)
        await probed(made)
        assert (len(made.runtime.launches), made.runtime.stops) == (1, [])
        await made.manager.set_maintenance("a", None)
        await eventually(lambda: len(made.runtime.launches) == 2, what="silent still, it restarts")


async def test_a_start_that_takes_too_long_is_not_ended(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, startup_timeout=0.1)}) as made:
        await made.manager.set_maintenance("a", WORK)
        made.prober.default = SILENT
        assert not await made.manager.start_agent("a")
        await probed(made)
        assert (await info(made)).status is AgentStatus.STARTING
        assert made.runtime.stops == []
        await made.manager.set_maintenance("a", None)
        await eventually(lambda: made.runtime.stops, what="from now on its time counts")


async def test_memory_and_dependencies_restart_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_rule, "SPACING_SECONDS", 0.0)
    restart = {**FAST_RESTART, "memory_limit_bytes": 2**20}
    agents = {
        "a": agent(1, restart=restart, depends_on=["d"], on_dependency_failure="wait"),
        "d": agent(2),
    }
    async with desk(tmp_path, agents) as made:
        await made.manager.start_all_enabled_agents()
        await made.manager.set_maintenance("a", WORK)
        made.runtime.memory["a"] = 2**30
        for _ in range(4):
            await made.manager.sample_usage()
        made.runtime.crash("d")
        await eventually(lambda: len(made.runtime.launches) == 3)
        await probed(made)
        assert [launch.agent for launch in made.runtime.launches] == ["d", "a", "d"]
        assert (await info(made)).held_restart is None


async def test_dependents_take_its_end_for_a_planned_stop(tmp_path: Path) -> None:
    agents = {"a": agent(1), "b": agent(2, depends_on=["a"], on_dependency_failure="wait")}
    async with desk(tmp_path, agents) as made:
        await made.manager.start_all_enabled_agents()
        await made.manager.set_maintenance("a", WORK)
        made.runtime.crash("a")
        await becomes(made, AgentStatus.STOPPED, "a")
        await probed(made)
        assert (await info(made, "b")).status is AgentStatus.RUNNING
        assert len(made.runtime.launches) == 2


async def test_one_that_waits_to_restart_or_was_given_up_rests(tmp_path: Path) -> None:
    late = {"first_delay_seconds": 600, "max_delay_seconds": 600}
    agents = {"a": agent(1, restart=late), "b": agent(2, restart={"max_restarts": 0})}
    async with desk(tmp_path, agents) as made:
        await made.manager.start_all_enabled_agents()
        made.runtime.crash("b")
        await becomes(made, AgentStatus.ERROR, "b")
        made.runtime.crash("a")
        await eventually(lambda: sum(x.agent == "a" for x in made.runtime.launches) == 2)
        made.runtime.crash("a")
        await becomes(made, AgentStatus.BACKOFF)
        for name in ("a", "b"):
            await made.manager.set_maintenance(name, WORK)
            resting = await info(made, name)
            assert resting.status is AgentStatus.STOPPED
            assert "exited with code 1" in (resting.error_message or "")
            assert resting.next_retry_at is None
        for name in ("a", "b"):
            await made.manager.set_maintenance(name, None)
            await becomes(made, AgentStatus.RUNNING, name)


async def test_the_desk_does_not_start_it_but_its_end_does(tmp_path: Path) -> None:
    agents = {"a": agent(1), "b": agent(2, depends_on=["a"])}
    async with desk(tmp_path, agents) as made:
        await made.manager.set_maintenance("a", WORK)
        starting = asyncio.create_task(made.manager.start_all_enabled_agents())
        await has(made, lambda i: i.waiting_for == ("a",), "b")
        assert (await info(made)).status is AgentStatus.STOPPED
        await made.manager.set_maintenance("a", None)
        await becomes(made, AgentStatus.RUNNING, "b")
        assert (await starting)["b"]


async def test_its_end_starts_nothing_that_somebody_stopped(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        await made.manager.set_maintenance("a", WORK)
        await made.manager.stop_agent("a")
        await made.manager.set_maintenance("a", None)
        assert (await info(made)).status is AgentStatus.STOPPED


async def test_it_ends_at_its_time_even_if_the_machine_slept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance_rule, "LOOK_SECONDS", 0.02)
    async with desk(tmp_path, {"a": agent(1)}) as made:
        now = NOW
        made.manager.safeguards.now = lambda: now
        await made.manager.start_agent("a")
        until = NOW + timedelta(hours=8)
        await made.manager.set_maintenance("a", WORK.model_copy(update={"until": until}))
        made.runtime.crash("a")
        await becomes(made, AgentStatus.STOPPED)
        now = until - timedelta(seconds=1)
        assert (await info(made)).maintenance is not None
        now = until
        await becomes(made, AgentStatus.RUNNING)
        assert (await info(made)).maintenance is None


async def test_changing_it_keeps_since_and_each_change_is_told_once(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        until = datetime.now(UTC) + timedelta(hours=1)
        later = Maintenance(since=NOW + timedelta(minutes=5), until=until, by="test")
        for wanted in (WORK, WORK, later, None, None):
            assert await made.manager.set_maintenance("a", wanted)
            if wanted is later:
                found = (await info(made)).maintenance
                assert found == later.model_copy(update={"since": NOW})
        told = [
            e.data for e in made.manager.events.recent() if e.kind is EventKind.MAINTENANCE_CHANGED
        ]
        assert [data["on"] for data in told] == [True, True, False]
        assert told[0] == {"on": True, "until": None, "reason": "new model", "by": "test"}


async def test_it_survives_the_supervisor(tmp_path: Path) -> None:
    agents = {"a": agent(1), "b": agent(2)}
    async with desk(tmp_path, agents) as made:
        await made.manager.set_maintenance("a", WORK)
        over = WORK.model_copy(update={"until": datetime.now(UTC) + timedelta(seconds=0.5)})
        await made.manager.set_maintenance("b", over)
        await has(made, lambda i: i.maintenance is None, "b")
    async with desk(tmp_path, agents) as made:
        assert await made.manager.start_all_enabled_agents() == {"a": False, "b": True}
        assert (await info(made)).maintenance == WORK
        assert await made.manager.start_agent("a"), "by name it starts"


async def test_a_damaged_file_is_set_aside_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "data/supervisor/maintenance.json"
    path.parent.mkdir(parents=True)
    for content in ("{", '{"agents": {"a": 5}}', '{"version": 2}', "x" * (2**20 + 1)):
        path.write_text(content, encoding="utf-8")
        assert await MaintenanceBook(tmp_path).load(NOW) == {}
        assert not path.exists()
    assert len(list(path.parent.glob("maintenance.json.damaged-*"))) == 4
    assert caplog.text.count("is damaged") == 4


async def test_the_file_is_private_and_whole(tmp_path: Path) -> None:
    book = MaintenanceBook(tmp_path)
    await asyncio.gather(*(book.put(f"a{n}", WORK) for n in range(5)))
    path = tmp_path / "data/supervisor/maintenance.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(json.loads(path.read_text(encoding="utf-8"))["agents"]) == [
        f"a{n}" for n in range(5)
    ]
    assert [entry.name for entry in path.parent.iterdir()] == ["maintenance.json"]


async def test_a_disk_that_refuses_does_not_keep_it_from_counting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        (tmp_path / "var/data").mkdir(parents=True, exist_ok=True)
        (tmp_path / "var/data/supervisor").write_text("no folder", encoding="utf-8")
        made.prober.default = HEALTHY
        assert await made.manager.set_maintenance("a", WORK)
        assert (await info(made)).maintenance == WORK
    assert "a restart of the supervisor will not know of it" in caplog.text
