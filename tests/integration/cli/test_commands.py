"""Commands beside a running `up`, and what they say without one."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ProjectFactory
from tests.integration.cli.terminal_session import COMMAND, Up, agent, desk, environment, run
from tests.support import eventually_sync


@pytest.fixture
def up(project: ProjectFactory, free_port: int) -> Iterator[Up]:
    with Up(project(desk({"one": agent(free_port)}))) as running:
        running.wait_for("1 of 1 are running.")
        yield running
        running.signal(signal.SIGTERM)
        assert running.wait() == 0


def test_verbs_fail_with_a_reason(up: Up) -> None:
    unknown = run("start", "one", "on", root=up.root)
    assert unknown.returncode == 1
    assert "one is running" in unknown.stdout
    assert "Did you mean one?" in unknown.stderr
    assert run("logs", "nobody", root=up.root).returncode == 1
    no_dashboard = run("login", root=up.root)
    assert no_dashboard.returncode == 1
    assert "runs without its dashboard" in no_dashboard.stderr


def test_maintenance_is_begun_shown_and_ended(up: Up) -> None:
    begun = run("maintenance", "one", "on", "--for", "2h", "--reason", "new model", root=up.root)
    assert begun.returncode == 0, begun.stderr
    assert "one: In maintenance until 20" in begun.stdout
    assert "by cli: new model. It is running." in begun.stdout
    shown = run("status", root=up.root)
    assert "one: In maintenance until" in shown.stdout
    ended = run("maintenance", "one", "off", "--json", root=up.root)
    assert json.loads(ended.stdout)["agent"]["maintenance"] is None
    told = run("events", "--kind", "maintenance_changed", root=up.root).stdout
    assert ": new model" in told
    assert "maintenance ended" in told
    up.wait_for("one: maintenance ended")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["maybe"], "maybe"),
        (["on", "--for", "soon"], "30m, 2h or 1d"),
        (["on", "--for", "8d"], "at most 7d"),
        (["on", "--reason", ""], "Give 1 to 200 characters"),
    ],
)
def test_maintenance_that_cannot_be_is_refused(
    words: list[str], problem: str, project: ProjectFactory
) -> None:
    refused = run("maintenance", "one", *words, root=project())
    assert refused.returncode == 2
    assert problem in refused.stderr


def test_verbs_may_be_repeated(up: Up) -> None:
    for verb, state in (("start", "running"), ("stop", "stopped"), ("stop", "stopped")):
        answer = run(verb, "one", root=up.root)
        assert answer.returncode == 0
        assert answer.stdout.startswith(f"one is {state}")


def test_logs_follow_until_interrupted(up: Up) -> None:
    command = [*COMMAND, "logs", "one", "-f", "-n", "1", "--project-root", str(up.root)]
    following = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert following.stdout is not None
        following.stdout.readline()
        assert run("restart", "one", root=up.root).returncode == 0
        while "ready" not in following.stdout.readline():
            pass
        following.send_signal(signal.SIGINT)
        assert following.wait(10) == 0
    finally:
        following.kill()
        following.communicate(timeout=10)


def test_following_ends_with_its_reader_though_the_agent_is_silent(up: Up) -> None:
    command = [*COMMAND, "logs", "one", "-f", "--project-root", str(up.root)]
    following = subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert following.stdout is not None
    while "running" not in following.stdout.readline():
        pass  # its newest line: nothing comes after it
    following.stdout.close()
    assert following.wait(10) == 0
    assert following.stderr is not None
    assert following.stderr.read() == ""
    following.stderr.close()


def test_following_ends_with_the_supervisor(project: ProjectFactory, free_port: int) -> None:
    with Up(project(desk({"one": agent(free_port)}))) as up:
        up.wait_for("1 of 1 are running.")
        command = [*COMMAND, "logs", "one", "-f", "--project-root", str(up.root)]
        following = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
        assert following.stdout is not None
        following.stdout.readline()
        up.signal(signal.SIGINT)
        assert up.wait() == 0
        output, _ = following.communicate(timeout=20)
        assert following.returncode == 0
        assert "The supervisor has ended." in output


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "start a",
        "stop a",
        "restart a",
        "logs a",
        "logs a -f",
        "events",
        "incidents",
        "login",
        "down",
        "stop --emergency",
        "tokens rotate",
    ],
)
def test_without_a_supervisor_every_command_says_so(command: str, tmp_path: Path) -> None:
    answer = run(*command.split(), root=tmp_path)
    assert answer.returncode == 3
    assert "trading-dashboard up" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_output_that_cannot_be_written_is_no_fault(up: Up) -> None:
    command = f"{shlex.join(COMMAND)} status --project-root {shlex.quote(str(up.root))}"
    for redirection, code in ((">/dev/full", 1), (">&-", 0), ("2>&-", 0)):
        answer = subprocess.run(
            ["sh", "-c", f"{command} {redirection}"],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert answer.returncode == code, redirection
        assert "Traceback" not in answer.stderr, redirection
        assert ("cannot be written" in answer.stderr) == (code == 1), redirection


def test_what_a_run_writes_is_its_owners_only(up: Up) -> None:
    var = up.root / "var"
    for path in (var, *var.rglob("*")):
        allowed = 0o700 if path.is_dir() else 0o600
        assert path.stat().st_mode & 0o777 == allowed, path


def test_a_restart_by_the_supervisor_is_told(up: Up) -> None:
    lines = run("status", "--json", root=up.root).stdout
    assert '"restarts": 0' in lines
    os.kill(json.loads(lines)["agents"]["one"]["pid"], signal.SIGKILL)
    up.wait_for("one: Was ended by signal 9 (SIGKILL)")
    eventually_sync(lambda: '"restarts": 1' in run("status", "--json", root=up.root).stdout, 20)
