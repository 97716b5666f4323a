"""Probes by command and by log line, with real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import pytest

from tests.integration.probe_bench import Tell, teller, told
from tests.integration.test_agent_manager import becomes, info, manager
from tests.support import PUPPETS, eventually
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.states import AgentStatus, Health
from trading_dashboard.orchestrator import probe_schedule
from trading_dashboard.orchestrator.local_runtime import LocalRuntime
from trading_dashboard.orchestrator.probe_kinds import look_in_log
from trading_dashboard.orchestrator.probe_plans import ProbePlan
from trading_dashboard.orchestrator.probes import ProbeOutcome
from trading_dashboard.orchestrator.processes.platforms.seam import Leader
from trading_dashboard.orchestrator.processes.side_commands import SideCommands
from trading_dashboard.orchestrator.runtime import Launch, LogWatch


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    """Return a function that says how the agent answers from now on."""
    return teller(tmp_path)


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

    async def kill_leader(self: SideCommands, process: Leader, *_: object) -> None:
        os.kill(process.pid, signal.SIGKILL)
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
