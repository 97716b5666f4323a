"""What probes mean for an agent, on a runtime without processes and a prober without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import eventually
from tests.unit.orchestrator.fakes import DEGRADED, HEALTHY, REFUSING, SILENT, Desk, agent, desk
from trading_dashboard.config.settings import ProbesSettings
from trading_dashboard.models.agents import AgentInfo, ProbeRole
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.health import DataReport
from trading_dashboard.models.states import AgentStatus, Health
from trading_dashboard.orchestrator.runtime import CommandEnd, PortOwner

READY = {"readiness": {"path": "/ready"}, "liveness": {"path": "/live"}}
LOG = {"kind": "log", "pattern": "up"}


async def info(made: Desk, name: str = "a") -> AgentInfo:
    found = await made.manager.get_agent_status(name)
    assert found is not None
    return found


async def becomes(made: Desk, is_so: Callable[[AgentInfo], bool], name: str = "a") -> AgentInfo:
    async def reached() -> AgentInfo | None:
        found = await info(made, name)
        return found if is_so(found) else None

    found = await eventually(reached)
    assert found is not None
    return found


async def asked_more(made: Desk, path: str, times: int = 4) -> None:
    before = made.prober.asked_at[path]
    await eventually(lambda: made.prober.asked_at[path] >= before + times)


def changes(made: Desk) -> list[dict[str, Any]]:
    events = made.manager.events.recent()
    return [event.data for event in events if event.kind is EventKind.PROBE_CHANGED]


async def test_without_a_section_one_request_decides_everything(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        assert [p.is_passing for p in (await info(made)).probes] == [None] * 3
        await made.manager.start_agent("a")
        await asked_more(made, "/health")
        found = await info(made)
        assert [(p.role, p.kind, p.is_passing) for p in found.probes] == [
            (role, "http", True) for role in ProbeRole
        ]
        assert set(made.prober.asked_at) == {"/health"}
        assert found.probes[1].latency_seconds is not None
        assert changes(made) == []
        await made.manager.stop_agent("a")
        assert [p.is_passing for p in (await info(made)).probes] == [None] * 3


async def test_only_silences_in_a_row_count_against_life(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, failure_threshold=3)}) as made:
        await made.manager.start_agent("a")
        made.prober.default = REFUSING
        await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        made.prober.default = SILENT  # one silence after many refusals is one silence
        one = await becomes(made, lambda i: i.probes[2].failures == 1)
        made.prober.default = REFUSING
        assert (one.status, one.generation) == (AgentStatus.RUNNING, 1)
        await becomes(made, lambda i: i.probes[2].failures == 0)
        assert [(c["role"], c["from"], c["to"]) for c in changes(made)] == [
            ("readiness", "passing", "failing")
        ]
        made.prober.default = SILENT
        await eventually(lambda: len(made.runtime.launches) == 2)
        failing = changes(made)[-1]
        assert (failing["role"], failing["to"], failing["message"]) == (
            "liveness", "failing", "connection refused",
        )  # fmt: skip


async def test_during_the_start_only_the_startup_probe_is_asked(tmp_path: Path) -> None:
    probes = {**READY, "startup": {"path": "/up"}}
    async with desk(tmp_path, {"a": agent(1, probes=probes)}) as made:
        made.prober.paths["/up"] = SILENT
        starting = asyncio.create_task(made.manager.start_agent("a"))
        await asked_more(made, "/up", 5)
        assert set(made.prober.asked_at) == {"/up"}
        assert (await info(made)).probes[0].message == "connection refused"
        made.prober.paths["/up"] = HEALTHY
        assert await starting
        await asked_more(made, "/live")
        await asked_more(made, "/ready")
        asked = made.prober.asked_at["/up"]
        await asked_more(made, "/ready")
        assert made.prober.asked_at["/up"] == asked


async def test_dependents_wait_until_it_is_ready_not_only_started(tmp_path: Path) -> None:
    probes = {**READY, "startup": LOG}
    agents = {"a": agent(1, probes=probes), "b": agent(2, depends_on=["a"])}
    async with desk(tmp_path, agents) as made:
        made.prober.paths["/ready"] = REFUSING
        starting = asyncio.create_task(made.manager.start_agent("b"))
        await eventually(lambda: "a" in made.runtime.watches)
        made.runtime.watches["a"].look("going up")
        started = await becomes(made, lambda i: i.status is AgentStatus.RUNNING)
        assert (started.health, started.health_message) == (Health.UNKNOWN, "not ready yet")
        await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        assert "b" not in made.runtime.processes
        made.prober.paths["/ready"] = HEALTHY
        assert await starting


async def test_readiness_never_restarts_and_control_liveness_does(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, failure_threshold=1, probes=READY)}) as made:
        await made.manager.start_agent("a")
        made.prober.paths["/ready"] = SILENT
        await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        await asked_more(made, "/ready")
        assert len(made.runtime.launches) == 1
        made.prober.paths["/ready"] = HEALTHY
        await becomes(made, lambda i: i.health is Health.HEALTHY)
        assert [c["to"] for c in changes(made)] == ["failing", "passing"]
        made.prober.paths["/live"] = REFUSING
        await eventually(lambda: len(made.runtime.launches) == 2)
        made.prober.paths.clear()
        reasons = [str(e.data.get("reason")) for e in made.manager.events.recent()]
        assert any("its liveness probe failed: /health answered 503" in r for r in reasons)


async def test_liveness_is_not_asked_where_readiness_is_not_http(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, probes={"readiness": LOG})}) as made:
        made.prober.default = SILENT
        starting = asyncio.create_task(made.manager.start_agent("a"))
        await eventually(lambda: "a" in made.runtime.watches)
        made.runtime.watches["a"].look("going up")
        assert await starting
        assert [p.role for p in (await info(made)).probes] == ["startup", "readiness"]
        assert made.prober.asked == 0


async def test_a_command_is_run_with_the_agents_environment(tmp_path: Path) -> None:
    check = {"kind": "command", "command": ["check", "{port}"]}
    async with desk(tmp_path, {"a": agent(1, probes={"liveness": check}, env={"X": "y"})}) as made:
        await made.manager.start_agent("a")
        await eventually(lambda: made.runtime.commands)
        errand, launch = made.runtime.commands[0]
        assert (errand, launch.command, launch.env["X"]) == (
            "liveness probe", ("check", "1"), "y",
        )  # fmt: skip
        made.runtime.command_end = CommandEnd(returncode=2, last_line="no feed")
        await eventually(lambda: len(made.runtime.launches) == 2)
        made.runtime.command_end = CommandEnd(returncode=0)
        assert "command check exited with code 2: no feed" in str(changes(made)[0]["message"])


async def test_what_failed_while_the_machine_slept_does_not_count(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, failure_threshold=1)}) as made:
        await made.manager.start_agent("a")
        made.prober.default = replace(SILENT, suspended=True)
        await asked_more(made, "/health")
        assert (await info(made)).health is Health.HEALTHY
        assert len(made.runtime.launches) == 1


@pytest.mark.parametrize("is_changed", [True, False])
async def test_whose_port_it_is_is_worked_out_when_its_listeners_change(
    tmp_path: Path, is_changed: bool
) -> None:
    async with desk(tmp_path, {"a": agent(1, restart={"policy": "never"})}) as made:
        made.runtime.sockets[1] = frozenset({11})
        await made.manager.start_agent("a")
        made.runtime.rivals[1] = PortOwner(port=1, pid=77, command="thief", is_leftover=False)
        if not is_changed:
            await asked_more(made, "/health")
            assert (await info(made)).status is AgentStatus.RUNNING
            return
        made.runtime.sockets[1] = frozenset({12})
        failed = await becomes(made, lambda i: i.status is AgentStatus.ERROR)
        assert failed.error_code == "port_in_use"
        assert "pid 77 (thief) answers on port 1 in its place" in (failed.error_message or "")


async def test_an_external_agent_is_watched_over_the_network_only(tmp_path: Path) -> None:
    probes = {"liveness": {"kind": "command", "command": ["check"]}, "startup": LOG}
    async with desk(tmp_path, {"a": agent(1, probes=probes, failure_threshold=1)}) as made:
        made.runtime.ports[1] = PortOwner(port=1, pid=77, command="debugger", is_leftover=False)
        assert await made.manager.start_agent("a")
        await asked_more(made, "/health")
        found = await info(made)
        assert (found.health, [p.role for p in found.probes]) == (Health.HEALTHY, ["readiness"])
        assert made.runtime.commands == []
        made.prober.default = SILENT
        gone = await becomes(made, lambda i: i.status is AgentStatus.STOPPED)
        assert gone.error_code == "external_gone"


async def test_a_start_that_fails_names_what_was_asked(tmp_path: Path) -> None:
    agents = {"a": agent(1, probes={"startup": LOG}, startup_timeout=0.3)}
    async with desk(tmp_path, agents) as made:
        assert not await made.manager.start_agent("a")
        message = (await info(made)).error_message or ""
    assert 'log line "up"' in message
    assert 'Last answer: no line with "up" since the start.' in message


async def reconfigure(made: Desk, **changes: Any) -> None:
    """Give the agent other settings, as a reload does."""
    old = made.manager.settings
    probes = ProbesSettings.model_validate(changes.pop("probes", {}))
    new = old.agents["a"].model_copy(update={**changes, "probes": probes})
    await made.manager.reconfigure(old.model_copy(update={"agents": {"a": new}}))


async def test_other_probes_count_at_once_for_the_process_that_runs(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, failure_threshold=1)}) as made:
        await made.manager.start_agent("a")
        made.prober.paths["/ready"] = REFUSING
        await reconfigure(made, probes={"readiness": {"path": "/ready"}})
        unready = await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        assert unready.health_message == "/health answered 503"
        await asked_more(made, "/health")  # liveness
        await reconfigure(made)
        await becomes(made, lambda i: i.health is Health.HEALTHY)
        asked = made.prober.asked_at["/ready"]
        await asked_more(made, "/health")
        assert made.prober.asked_at["/ready"] == asked
        assert len(made.runtime.launches) == 1


async def test_another_threshold_keeps_the_verdict_and_the_rows(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, failure_threshold=100)}) as made:
        await made.manager.start_agent("a")
        made.prober.default = REFUSING
        bad = await becomes(made, lambda i: i.probes[1].failures > 2)
        assert bad.health is Health.HEALTHY
        await reconfigure(made, failure_threshold=90)
        found = await info(made)
        assert found.probes[1].failures > 2
        assert found.probes[1].is_passing
        await reconfigure(made, failure_threshold=4)
        await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        assert len(made.runtime.launches) == 1


async def test_secrets_in_health_are_neither_shown_nor_kept(tmp_path: Path) -> None:
    secret = "correct-horse-battery"
    told = replace(
        DEGRADED,
        message=f"{'m' * 290} {secret} and password=hunter2",
        version=f"1 {secret}",
        data=DataReport(source=secret),
    )
    configured = agent(1, env={"API_KEY": secret})
    async with desk(tmp_path, {"a": configured}) as made:
        made.prober.default = told
        await made.manager.start_agent("a")
        made.prober.default = replace(told, ok=False, health=Health.UNHEALTHY)
        await becomes(made, lambda found: found.health is Health.UNHEALTHY)
        found = await info(made)
        assert found.data_source == "[redacted]"
        assert len(found.health_message or "") == 300
        assert "correct" not in found.model_dump_json()
        assert "correct" not in str(made.manager.events.recent())


async def test_a_strangers_words_are_told_without_secrets(tmp_path: Path) -> None:
    secret = "correct-horse-battery"
    async with desk(tmp_path, {"a": agent(1, settings={"api_key": secret})}) as made:
        made.runtime.ports[1] = PortOwner(port=1, pid=7, command="other", is_leftover=False)
        made.prober.default = replace(REFUSING, message=f"{secret} is wrong")
        await made.manager.start_agent("a")
        found = await info(made)
        assert found.error_code == "port_in_use"
        assert secret not in found.model_dump_json(exclude={"settings"})
