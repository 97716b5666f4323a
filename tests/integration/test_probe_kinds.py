"""Probes against real processes: health endpoints that misbehave in every way, and other kinds."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import pytest

from tests.integration.test_agent_manager import becomes, info, manager, stranger
from tests.support import PUPPETS, eventually
from trading_dashboard.models.agents import AgentInfo, ProbeInfo, ProbeRole
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.states import AgentStatus, Health, Management
from trading_dashboard.orchestrator import AgentManager, probe_schedule
from trading_dashboard.orchestrator.local_runtime import LocalRuntime
from trading_dashboard.orchestrator.probe_kinds import look_in_log
from trading_dashboard.orchestrator.probe_plans import ProbePlan
from trading_dashboard.orchestrator.probes import ProbeOutcome
from trading_dashboard.orchestrator.processes.leader import LeaderProcess
from trading_dashboard.orchestrator.processes.side_commands import SideCommands
from trading_dashboard.orchestrator.runtime import Launch, LogWatch

Tell = Callable[..., None]


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    """Return a function that says how the agent answers from now on."""

    def say(every: str = "200", **paths: str) -> None:
        how = {f"/{name}": word for name, word in paths.items()} | {"*": every}
        new = tmp_path / "told.new"
        new.write_text(json.dumps(how))
        new.replace(tmp_path / "told")

    say()
    return say


def told(tmp_path: Path, port: int, **more: Any) -> dict[str, Any]:
    """Return the configuration of an agent that answers as it is told."""
    puppet = str(PUPPETS / "answers_as_told.py")
    return {
        "url": f"http://127.0.0.1:{port}",
        "start_command": ["python", puppet, "{port}", str(tmp_path / "told")],
        "health_check_interval": 0.1,
        "timeout": 0.4,
        "stop_timeout": 1,
        "failure_threshold": 2,
        "restart": {"first_delay_seconds": 0.05, "max_delay_seconds": 0.05},
        **more,
    }


def probe(found: AgentInfo, role: ProbeRole) -> ProbeInfo:
    return next(probe for probe in found.probes if probe.role is role)


async def checked_again(made: AgentManager, role: ProbeRole, times: int = 4) -> AgentInfo:
    """Return the state after some more probes of that role."""
    seen: set[datetime | None] = set()

    async def enough() -> AgentInfo | None:
        found = await info(made)
        seen.update(p.checked_at for p in found.probes if p.role is role)
        return found if len(seen) > times else None

    found = await eventually(enough, deadline=20, what=f"{times} more {role} probes")
    assert found is not None
    return found


BAD = {
    "503": "/health answered 503",
    "redirect": "/health answered 302",
    "late": "no answer within 0.4 s",
    "hang": "no answer within 0.4 s",
    "drip": "no answer within 0.4 s",
    "garbage": "the answer was not HTTP",
    "break": "the answer was not HTTP",
}


@pytest.mark.parametrize("word", BAD)
async def test_no_bad_answer_starts_an_agent(
    tmp_path: Path, free_port: int, tell: Tell, word: str
) -> None:
    tell(word, elsewhere="200")
    agent = told(tmp_path, free_port, startup_timeout=1.5, restart={"max_restarts": 0})
    async with manager(tmp_path, {"a": agent}) as made:
        assert not await made.start_agent("a")
        failed = await becomes(made, lambda i: i.status is AgentStatus.ERROR)
    assert BAD[word] in (failed.error_message or "")


async def test_a_body_without_end_is_a_good_answer_once_enough_was_read(
    tmp_path: Path, free_port: int, tell: Tell
) -> None:
    tell("huge")
    async with manager(tmp_path, {"a": told(tmp_path, free_port)}) as made:
        assert await made.start_agent("a")
        assert (await checked_again(made, ProbeRole.LIVENESS)).health is Health.HEALTHY


APART = {"readiness": {"path": "/ready"}, "liveness": {"path": "/live"}}


@pytest.mark.parametrize("word", ["503", "hang", "garbage", "redirect"])
async def test_readiness_that_fails_for_ever_never_restarts(
    tmp_path: Path, free_port: int, tell: Tell, word: str
) -> None:
    agents = {"a": told(tmp_path, free_port, probes=APART)}
    async with manager(tmp_path, agents) as made:
        assert await made.start_agent("a")
        tell(ready=word)
        await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        unready = await checked_again(made, ProbeRole.READINESS)
        assert (unready.status, unready.generation) == (AgentStatus.RUNNING, 1)
        assert not unready.is_up
        assert probe(unready, ProbeRole.READINESS).is_passing is False
        assert probe(unready, ProbeRole.LIVENESS).is_passing is True
        tell()
        await becomes(made, lambda i: i.is_up and i.generation == 1)


@pytest.mark.parametrize("word", ["503", "hang", "garbage", "redirect"])
async def test_control_the_same_failure_of_liveness_restarts(
    tmp_path: Path, free_port: int, tell: Tell, word: str
) -> None:
    agents = {"a": told(tmp_path, free_port, probes=APART)}
    async with manager(tmp_path, agents) as made:
        assert await made.start_agent("a")
        tell(live=word)
        await becomes(made, lambda i: i.generation > 1)
        tell()
        await becomes(made, lambda i: i.is_up)
        changes = [e.data for e in made.events.recent() if e.kind is EventKind.PROBE_CHANGED]
    assert ("liveness", "failing") in [(data["role"], data["to"]) for data in changes]


@pytest.mark.parametrize(
    ("liveness", "is_restarted"),
    [({}, False), ({"expected_status": ["200-299"]}, True)],
    ids=["of_itself", "control_of_its_dependencies"],
)
async def test_liveness_does_not_ask_for_dependencies(
    tmp_path: Path, free_port: int, tell: Tell, liveness: dict[str, Any], is_restarted: bool
) -> None:
    agents = {"a": told(tmp_path, free_port, probes={"liveness": liveness})}
    async with manager(tmp_path, agents) as made:
        assert await made.start_agent("a")
        tell("503")  # what it depends on is away
        await becomes(made, lambda i: i.health is Health.UNHEALTHY or i.generation > 1)
        if is_restarted:
            await becomes(made, lambda i: i.generation > 1)
        else:
            found = await checked_again(made, ProbeRole.LIVENESS)
            assert (found.generation, found.status) == (1, AgentStatus.RUNNING)


@pytest.mark.parametrize(("threshold", "is_noticed"), [(2, False), (1, True)], ids=["", "control"])
async def test_flapping_below_the_threshold_changes_nothing(
    tmp_path: Path, free_port: int, tell: Tell, threshold: int, is_noticed: bool
) -> None:
    agents = {"a": told(tmp_path, free_port, failure_threshold=threshold)}
    async with manager(tmp_path, agents) as made:
        await made.start_agent("a")
        tell("flap")
        if is_noticed:
            await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        else:
            await checked_again(made, ProbeRole.READINESS, 8)
            kinds = [event.kind for event in made.events.recent()]
            assert EventKind.HEALTH_CHANGED not in kinds
            assert EventKind.PROBE_CHANGED not in kinds


async def test_one_good_answer_among_bad_ones_heals_nothing(
    tmp_path: Path, free_port: int, tell: Tell
) -> None:
    agents = {"a": told(tmp_path, free_port, failure_threshold=1, success_threshold=2)}
    async with manager(tmp_path, agents) as made:
        await made.start_agent("a")
        tell("flap")
        await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        found = await checked_again(made, ProbeRole.READINESS, 8)
        assert found.health is Health.UNHEALTHY
        tell()
        await becomes(made, lambda i: i.health is Health.HEALTHY)


async def test_status_and_body_are_as_expected_or_it_is_not_ready(
    tmp_path: Path, free_port: int, tell: Tell
) -> None:
    ready = {"path": "/ready", "expected_status": [200, "401-403"], "expected_body": "all well"}
    agents = {"a": told(tmp_path, free_port, probes={"readiness": ready})}
    async with manager(tmp_path, agents) as made:
        tell(ready="say so far all well")
        assert await made.start_agent("a")
        tell(ready="say All Well")
        unwell = await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        assert unwell.health_message == '/ready answered 200 without "all well"'
        tell(ready="say all well")
        await becomes(made, lambda i: i.is_up)


@pytest.mark.parametrize("is_watched", [True, False], ids=["", "control"])
async def test_a_program_that_takes_the_port_over_does_not_pass_for_the_agent(
    tmp_path: Path, free_port: int, tell: Tell, is_watched: bool
) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux tells cheaply who listens")
    agent = told(tmp_path, free_port, failure_threshold=100)
    listeners = LocalRuntime.listeners if is_watched else lambda *_: None
    with patch.object(LocalRuntime, "listeners", listeners):
        async with manager(tmp_path, {"a": agent}) as made:
            await made.start_agent("a")
            tell("leave")
            await eventually(lambda: any(line.text == "left" for line in made.logs("a")))
            healthy = [sys.executable, str(PUPPETS / "healthy.py"), str(free_port)]
            with stranger(healthy) as thief:
                if not is_watched:
                    lied_to = await checked_again(made, ProbeRole.READINESS)
                    assert (lied_to.health, lied_to.generation) == (Health.HEALTHY, 1)
                    return
                found = await becomes(made, lambda i: i.management is Management.EXTERNAL)
                assert found.pid == thief.pid
                reasons = [str(e.data.get("reason")) for e in made.events.recent()]
                assert any(f"pid {thief.pid}" in r and "in its place" in r for r in reasons)


async def test_an_agent_without_http_is_asked_by_tcp(
    tmp_path: Path, free_port: int, tell: Tell
) -> None:
    tell("garbage")
    agents = {"a": told(tmp_path, free_port, probes={"readiness": {"kind": "tcp"}})}
    async with manager(tmp_path, agents) as made:
        assert await made.start_agent("a")
        found = await checked_again(made, ProbeRole.READINESS)
        assert (found.health, found.generation) == (Health.HEALTHY, 1)
        assert [p.role for p in found.probes] == [ProbeRole.STARTUP, ProbeRole.READINESS]
        tell("leave")
        gone = await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        assert (gone.health_message, gone.generation) == ("connection refused", 1)


async def test_a_stranger_that_takes_connections_is_not_adopted(
    tmp_path: Path, free_port: int, tell: Tell
) -> None:
    agents = {"a": told(tmp_path, free_port, probes={"readiness": {"kind": "tcp"}})}
    with stranger([sys.executable, str(PUPPETS / "healthy.py"), str(free_port)]):
        async with manager(tmp_path, agents) as made:
            assert not await made.start_agent("a")
            assert (await info(made)).error_code == "port_in_use"


async def test_a_command_decides_and_its_last_line_says_why(
    tmp_path: Path, free_port: int, tell: Tell
) -> None:
    script = (
        "import os, pathlib, sys; print('first'); print('port', sys.argv[1], os.environ['WHO'], "
        "'password=hunter22');"
        "sys.exit(int(pathlib.Path('code').read_text()))"
    )
    (tmp_path / "code").write_text("0")
    ready = {"kind": "command", "command": ["python", "-c", script, "{port}"], "timeout_seconds": 9}
    agent = told(tmp_path, free_port, probes={"readiness": ready}, env={"WHO": "me"})
    async with manager(tmp_path, {"a": agent}) as made:
        assert await made.start_agent("a")
        (tmp_path / "code").write_text("3")
        unwell = await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        said = f"exited with code 3: port {free_port} me password=[redacted]"
        assert said in (unwell.health_message or "")
        assert unwell.generation == 1


async def test_a_command_that_hangs_and_forks_is_ended_with_all_it_started(
    tmp_path: Path, free_port: int, tell: Tell
) -> None:
    runs = tmp_path / "runs"
    check = ["python", str(PUPPETS / "hanging_check.py"), str(runs)]
    live = {"kind": "command", "command": check, "timeout_seconds": 0.5, "failure_threshold": 2}
    agent = told(tmp_path, free_port, probes={"liveness": live})
    most = 0
    async with manager(tmp_path, {"a": agent}) as made:
        assert await made.start_agent("a")

        async def is_restarted() -> bool:
            nonlocal most
            most = max(most, len(_checks(runs)))
            return (await info(made)).generation > 1

        await eventually(is_restarted, deadline=20)
        events = [e.data for e in made.events.recent() if e.kind is EventKind.PROBE_CHANGED]
        assert "did not end within 0.5 s: still looking" in str(events[0]["message"])
        await made.stop_agent("a")
        assert _checks(runs) == []
    assert most <= 2  # one run, and its child


def _checks(runs: Path) -> list[int]:
    """Return the processes of checks that are there now."""
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            is_alive = process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            continue
        if is_alive and str(runs) in command and "hanging_check.py" in " ".join(command):
            found.append(process.pid)
    return found


@pytest.mark.parametrize("is_swept", [True, False], ids=["", "control"])
async def test_nothing_of_a_command_outlives_its_deadline(tmp_path: Path, is_swept: bool) -> None:
    runs = tmp_path / "runs"
    command = (sys.executable, str(PUPPETS / "hanging_check.py"), str(runs))
    launch = Launch(agent="a", generation=1, command=command, working_directory=tmp_path)
    runtime = LocalRuntime(tmp_path / "var")

    async def kill_leader(self: SideCommands, process: LeaderProcess, _: object) -> None:
        process.kill()
        await asyncio.to_thread(process.reap)

    sweep = SideCommands.sweep if is_swept else kill_leader
    await runtime.open()
    try:
        with patch.object(SideCommands, "sweep", sweep):
            end = await runtime.run_command(launch, "test", 1.0)
        assert end.problem == "did not end within 1 s"
        assert bool(_checks(runs)) is not is_swept
    finally:
        await runtime.close()  # finds what is left by the run's id
    assert _checks(runs) == []


async def test_a_command_that_is_not_wanted_any_more_is_ended_at_once(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = (sys.executable, str(PUPPETS / "hanging_check.py"), str(runs))
    launch = Launch(agent="a", generation=1, command=command, working_directory=tmp_path)
    runtime = LocalRuntime(tmp_path / "var")
    await runtime.open()
    try:
        running = asyncio.create_task(runtime.run_command(launch, "test", 60))
        await eventually(runs.exists)
        again = await runtime.run_command(launch, "test", 60)
        assert again.problem == "the previous run cannot be ended"
        running.cancel()
        await asyncio.wait([running])
        assert _checks(runs) == []
    finally:
        await runtime.close()


@pytest.mark.parametrize(
    ("script", "code", "problem"),
    [
        ("while True: print('x' * 1000)", None, "wrote more than 1024 KiB"),
        ("import os, time\nif os.fork() == 0: time.sleep(600)", 0, None),
        ("import os; os.kill(os.getpid(), 9)", -9, None),
        ("print('a' * 100_000)", 0, None),
    ],
    ids=["floods", "leaves_a_child", "killed", "long_line"],
)
async def test_a_command_that_misbehaves_costs_no_more_than_itself(
    tmp_path: Path, script: str, code: int | None, problem: str | None
) -> None:
    command = (sys.executable, "-c", script)
    launch = Launch(agent="a", generation=1, command=command, working_directory=tmp_path)
    runtime = LocalRuntime(tmp_path / "var")
    await runtime.open()
    try:
        end = await runtime.run_command(launch, "test", 20)
        assert (end.returncode, end.problem) == (code, problem)
        assert len(end.last_line) <= 4096
    finally:
        await runtime.close()


async def test_a_command_that_does_not_exist_says_so(tmp_path: Path) -> None:
    launch = Launch(agent="a", generation=1, command=("no-such-thing",), working_directory=tmp_path)
    runtime = LocalRuntime(tmp_path / "var")
    await runtime.open()
    try:
        end = await runtime.run_command(launch, "test", 20)
        assert "was not found" in (end.problem or "")
    finally:
        await runtime.close()


def writer(tmp_path: Path, port: int, **more: Any) -> dict[str, Any]:
    """Return the configuration of an agent that serves nothing and writes what it is told."""
    command = ["python", str(PUPPETS / "writes_lines.py"), str(tmp_path / "lines")]
    return told(tmp_path, port, start_command=command, **more)


def write(tmp_path: Path, text: str) -> None:
    with (tmp_path / "lines").open("a") as file:
        file.write(text)


async def test_a_line_of_this_process_ends_the_start(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def counted(watch: LogWatch, plan: ProbePlan) -> ProbeOutcome:
        nonlocal looks
        looks += 1
        return look_in_log(watch, plan)

    async def looked_again() -> None:
        enough = looks + 3
        await eventually(lambda: looks > enough)

    monkeypatch.setattr(probe_schedule, "look_in_log", counted)
    line = {"kind": "log", "pattern": 'say "é" now'}
    agent = writer(tmp_path, free_port, probes={"readiness": line}, startup_timeout=20)
    async with manager(tmp_path, {"a": agent}) as made:
        starting = asyncio.create_task(made.start_agent("a"))
        await becomes(made, lambda i: i.pid is not None)
        write(tmp_path, "say é now\n" + "noise\n" * 5000)
        await eventually(lambda: any(line.text == "noise" for line in made.logs("a")))
        await looked_again()
        assert (await info(made)).status is AgentStatus.STARTING
        write(tmp_path, json.dumps({"level": "info", "message": 'I say "é" now'}) + "\n")
        write(tmp_path, "noise\n" * 5000)
        assert await starting
        (tmp_path / "lines").unlink()  # the next process will not write it
        again = asyncio.create_task(made.restart_agent("a"))
        await becomes(made, lambda i: i.generation == 2 and i.status is AgentStatus.STARTING)
        await looked_again()
        assert (await info(made)).status is AgentStatus.STARTING
        write(tmp_path, 'say "é" now\n')
        assert await again


async def test_a_line_that_does_not_come_again_is_missed(tmp_path: Path, free_port: int) -> None:
    beat = {"kind": "log", "pattern": "heartbeat", "within_seconds": 1.0}
    agent = writer(tmp_path, free_port, probes={"readiness": beat})
    async with manager(tmp_path, {"a": agent}) as made:
        write(tmp_path, "heartbeat\n")
        assert await made.start_agent("a")
        silent = await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        assert 'no line with "heartbeat" for' in (silent.health_message or "")
        write(tmp_path, "heartbeat\n")
        back = await becomes(made, lambda i: i.health is Health.HEALTHY)
        assert back.generation == 1
