"""`up` from start to end: however it ends, nothing is left, and the terminal says how."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ProjectFactory
from tests.integration.cli.terminal_session import Up, agent, desk, environment, run
from tests.support import PUPPETS, ROOT, eventually_sync

Ports = Callable[[], int]
SECRETS = ("control.token", "control.read.token", "login.key")


@pytest.fixture
def one_agent(project: ProjectFactory, free_port: int) -> Path:
    return project(desk({"one": agent(free_port)}))


def test_a_desk_lives_and_ends(project: ProjectFactory, free_ports: Ports) -> None:
    agents = {"two": agent(free_ports(), depends_on=["one"]), "one": agent(free_ports())}
    root = project(desk({**agents, "three": agent(free_ports(), enabled=False)}))
    with Up(root) as up:
        up.wait_for("2 of 2 are running.")
        run_directory = root / "var" / "run"
        for name in (*SECRETS, "lease.json"):
            assert (run_directory / name).stat().st_mode & 0o777 == 0o600
        assert (root / "var" / "log" / "supervisor.log").stat().st_mode & 0o777 == 0o600

        status = json.loads(run("status", "--json", root=root).stdout)
        assert status["supervisor"]["pid"] == up.process.pid == up.lease["pid"]
        assert status["supervisor"]["state"] == "running"
        before = {name: info["pid"] for name, info in status["agents"].items()}
        assert status["agents"]["two"]["status"] == "running"
        assert "disabled" in run("status", root=root).stdout

        restarted = run("restart", "two", root=root)
        assert (restarted.returncode, restarted.stderr) == (0, "")
        after = json.loads(run("status", "--json", root=root).stdout)["agents"]
        assert after["two"]["pid"] not in (None, before["two"])
        assert after["one"]["pid"] == before["one"]
        assert run("stop", "two", root=root).stdout == "two is stopped.\n"
        assert "ready" in run("logs", "two", "-n", "50", root=root).stdout

        up.signal(signal.SIGINT)
        assert up.wait() == 0
        assert "Ctrl-C: stopping everything." in up.text
        assert "one: stopped after" in up.text
        assert "signal 15 (SIGTERM)" in up.text
        assert "Nothing is left running." in up.text
        left = [name for name in SECRETS if (run_directory / name).exists()]
        assert left == []
    assert run("status", root=root).returncode == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_it_as_well(number: signal.Signals, one_agent: Path) -> None:
    with Up(one_agent) as up:
        up.wait_for("1 of 1 are running.")
        up.signal(number)
        assert up.wait() == 0
        assert "Nothing is left running." in up.text


def test_what_someone_else_runs_is_said_to_be_left(one_agent: Path, free_port: int) -> None:
    command = [sys.executable, str(PUPPETS / "healthy.py"), str(free_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as theirs:
        assert theirs.stdout is not None
        theirs.stdout.readline()
        with Up(one_agent) as up:
            up.wait_for("1 of 1 are running.")
            up.signal(signal.SIGTERM)
            assert up.wait() == 0
            assert "one: left running, someone else started it." in up.text
            assert "Nothing else is left running." in up.text
        assert theirs.poll() is None
        theirs.kill()


def test_an_ignored_interrupt_is_heard(one_agent: Path) -> None:
    with Up(one_agent, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) as up:
        up.wait_for("1 of 1 are running.")
        up.signal(signal.SIGINT)
        assert up.wait() == 0


def test_an_ignored_hangup_stays_ignored(one_agent: Path) -> None:
    with Up(one_agent, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as up:
        up.wait_for("1 of 1 are running.")
        up.signal(signal.SIGHUP)
        assert run("status", root=one_agent).returncode == 0
        up.signal(signal.SIGTERM)
        assert up.wait() == 0


def test_a_signal_during_start_up_ends_it(project: ProjectFactory, free_port: int) -> None:
    root = project(desk({"one": agent(free_port, "never_ready", startup_timeout=60)}))
    with Up(root) as up:
        up.wait_for("one: starting")
        up.signal(signal.SIGINT)
        assert up.wait() == 0
        assert "Nothing is left running." in up.text


def test_the_second_signal_kills_what_ignores_the_first(
    project: ProjectFactory, free_port: int
) -> None:
    stubborn = agent(free_port, "ignores_sigterm", startup_timeout=60, stop_timeout=300)
    with Up(project(desk({"one": stubborn}))) as up:
        log = up.root / "var" / "log" / "one.log"
        eventually_sync(lambda: log.exists() and "ready" in log.read_text("utf-8"), 30)
        up.signal(signal.SIGINT)
        up.wait_for("Waiting for one")
        assert "Ctrl-C again kills at once" in up.text
        up.signal(signal.SIGINT)
        assert up.wait(20) == 0
        assert "Killing what is left." in up.text
        assert "killed (signal 9 (SIGKILL))" in up.text


def test_a_second_up_says_so_and_disturbs_nothing(one_agent: Path) -> None:
    with Up(one_agent) as up:
        up.wait_for("1 of 1 are running.")
        token = (one_agent / "var" / "run" / "control.token").read_bytes()
        second = run("up", "--no-browser", root=one_agent)
        assert second.returncode == 4
        assert f"pid {up.process.pid}" in second.stderr
        assert "trading-dashboard status" in second.stderr
        assert (one_agent / "var" / "run" / "control.token").read_bytes() == token
        assert run("status", root=one_agent).returncode == 0
        up.signal(signal.SIGINT)
        assert up.wait() == 0


def test_down_ends_it_from_another_terminal(one_agent: Path) -> None:
    with Up(one_agent) as up:
        up.wait_for("1 of 1 are running.")
        down = run("down", root=one_agent)
        assert (down.returncode, down.stderr) == (0, "")
        assert up.wait(5) == 0
        assert "Asked to end: stopping everything." in up.text


def test_a_killed_supervisor_is_no_supervisor(one_agent: Path) -> None:
    with Up(one_agent) as up:
        up.wait_for("1 of 1 are running.")
        up.process.kill()
        up.wait()
        assert run("status", root=one_agent).returncode == 3
        assert run("down", root=one_agent).returncode == 3


def test_only_starts_an_agent_and_what_it_depends_on(
    project: ProjectFactory, free_ports: Ports
) -> None:
    agents = {
        "one": agent(free_ports()),
        "two": agent(free_ports(), depends_on=["one"]),
        "three": agent(free_ports()),
    }
    with Up(project(desk(agents)), "--only", "two") as up:
        up.wait_for("2 of 2 are running.")
        assert "Also starting what they depend on: one." in up.text
        status = json.loads(run("status", "--json", root=up.root).stdout)["agents"]
        states = {name: info["status"] for name, info in status.items()}
        assert states == {"one": "running", "two": "running", "three": "stopped"}
        up.signal(signal.SIGINT)
        assert up.wait() == 0


def test_a_failing_agent_is_told_and_the_others_run(
    project: ProjectFactory, free_ports: Ports
) -> None:
    broken = agent(free_ports(), "exits_at_once", restart={"policy": "never"})
    with Up(project(desk({"one": broken, "two": agent(free_ports())}))) as up:
        up.wait_for("1 of 2 are running.")
        assert "one: Agent 'one' exited with code" in up.text
        up.signal(signal.SIGINT)
        assert up.wait() == 0


def test_a_taken_dashboard_port_is_named_and_the_agents_run(
    project: ProjectFactory, free_ports: Ports
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        root = project({"agents": {"one": agent(free_ports())}, "dashboard": {"port": port}})
        with Up(root) as up:
            up.wait_for("1 of 1 are running.")
            assert f"port {port} is held by pid {os.getpid()}" in up.text
            assert "another --port" in up.text
            up.signal(signal.SIGINT)
            assert up.wait() == 0


def test_a_taken_control_port_fails_clearly(project: ProjectFactory, free_port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        root = project(desk({"one": agent(free_port)}, control_api={"port": port}))
        failed = run("up", root=root)
        assert failed.returncode == 1
        assert f"cannot listen on port {port}" in failed.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--only", "on"], "Did you mean one?"),
        (["--env", "staging"], "Use one of: development, production."),
        (["--env", "production"], "config/environments/production.yaml: is not there"),
        (["--port", "70000"], "Invalid value for '--port'"),
        (["--nonsense"], "No such option"),
    ],
)
def test_mistakes_end_it_before_anything_starts(
    options: list[str], said: str, one_agent: Path
) -> None:
    failed = run("up", *options, root=one_agent)
    assert failed.returncode == 2
    assert said in failed.stderr
    assert not (one_agent / "var").exists()


def test_all_mistakes_are_printed(project: ProjectFactory) -> None:
    root = project({"agents": {"one": {"url": "http://localhost", "timout": 5}}})
    failed = run("up", root=root)
    assert failed.returncode == 2
    assert "3 mistakes in the configuration:" in failed.stderr
    assert "config/agents.yaml:3: agents.one.timout = 5" in failed.stderr


def test_production_refuses_the_demo(project: ProjectFactory) -> None:
    shipped = (ROOT / "config" / "agents.yaml").read_text("utf-8")
    root = project(shipped, {"production": "agents: {}\n"})
    failed = run("up", "--env", "production", root=root)
    assert failed.returncode == 2
    assert "agents.market_data.settings.source" in failed.stderr


def test_a_closed_terminal_ends_it_cleanly(one_agent: Path) -> None:
    """The terminal's end hangs up and every later write fails."""
    master, slave = pty.openpty()
    command = (
        "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    arguments = [sys.executable, "-P", "-m", "trading_dashboard.cli", "up", "--no-browser"]
    process = subprocess.Popen(
        [sys.executable, "-c", command, *arguments, "--project-root", str(one_agent)],
        stdin=slave, stdout=slave, stderr=slave, env={**environment(), "TERM": "xterm"},
    )  # fmt: skip
    os.close(slave)
    try:
        _read_until(master, b"1 of 1 are running.")
        os.close(master)
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
    log = (one_agent / "var" / "log" / "supervisor.log").read_text("utf-8")
    assert "SIGHUP: stopping" in log
    assert not (one_agent / "var" / "run" / "lease.json").exists()


def test_a_reader_that_goes_away_disturbs_nothing(one_agent: Path) -> None:
    read_end, write_end = os.pipe()
    with Up(one_agent, stdout=write_end, stderr=subprocess.DEVNULL) as up:
        os.close(write_end)
        _read_until(read_end, b"1 of 1 are running.")
        os.close(read_end)
        assert run("restart", "one", root=one_agent).returncode == 0
        up.signal(signal.SIGINT)
        assert up.wait() == 0


def _read_until(descriptor: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        chunk = os.read(descriptor, 65_536)
        assert chunk, seen
        seen += chunk
    return seen
