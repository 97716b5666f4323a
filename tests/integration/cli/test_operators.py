"""Replacing tokens and stopping in an emergency, beside a running `up`."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.conftest import ProjectFactory
from tests.integration.cli.terminal_session import COMMAND, Up, agent, desk, environment, run
from tests.support import eventually_sync


@pytest.fixture
def up(project: ProjectFactory, free_ports: Callable[[], int]) -> Iterator[Up]:
    agents = {"one": agent(free_ports()), "two": agent(free_ports(), depends_on=["one"])}
    with Up(project(desk(agents))) as running:
        running.wait_for("2 of 2 are running.")
        yield running
        running.signal(signal.SIGTERM)
        assert running.wait() == 0


def states(up: Up) -> dict[str, str]:
    answer = json.loads(run("status", "--json", root=up.root).stdout)
    return {name: info["status"] for name, info in answer["agents"].items()}


def test_tokens_are_replaced_while_commands_go_on(up: Up) -> None:
    folder = up.root / "var" / "run"
    before = {name: (folder / name).read_text() for name in ("control.token", "control.read.token")}
    command = [*COMMAND, "logs", "one", "-f", "--project-root", str(up.root)]
    following = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert following.stdout is not None
        following.stdout.readline()
        rotated = run("tokens", "rotate", "--json", root=up.root)
        assert json.loads(rotated.stdout)["rotated"] == {
            "operator": "var/run/control.token",
            "read-only": "var/run/control.read.token",
        }
        after = {name: (folder / name).read_text() for name in before}
        assert not set(before.values()) & set(after.values())
        for name, token in after.items():
            assert (folder / name).stat().st_mode & 0o777 == 0o600
            assert token not in rotated.stdout + up.text
            assert status_code(up, token) == 200
            assert status_code(up, before[name]) == 401
        assert run("restart", "one", root=up.root).returncode == 0
        while "ready" not in following.stdout.readline():
            pass  # the same command still shows what is new
    finally:
        following.kill()
        following.communicate(timeout=10)
    told = run("events", "--kind", "operator_acted", root=up.root).stdout
    assert "rotate tokens of operator and read-only (by cli" in told
    assert "from 127.0.0.1" in told
    assert run("tokens", "rotate", "--role", "nobody", root=up.root).returncode == 2


def status_code(up: Up, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{up.lease['control_url']}/v1/status"
    return httpx.get(url, headers=headers, trust_env=False).status_code


def test_an_emergency_ends_every_agent_and_leaves_the_desk(up: Up) -> None:
    answer = run("stop", "--emergency", "--json", root=up.root)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(answer.stdout) == {
        "ok": True, "pending": False, "results": {"one": True, "two": True},
    }  # fmt: skip
    assert states(up) == {"one": "stopped", "two": "stopped"}
    again = run("stop", "--emergency", "--yes", root=up.root)
    assert (again.returncode, again.stdout) == (0, "one: stopped\ntwo: stopped\n")
    told = json.loads(run("events", "--kind", "operator_acted", "--json", root=up.root).stdout)
    assert {"action": "emergency stop", "origin": "cli"}.items() <= told["events"][-1][
        "data"
    ].items()
    assert run("start", "two", root=up.root).returncode == 0, "a person may start again"


@pytest.mark.parametrize("arguments", [["stop"], ["stop", "one", "--emergency"]])
def test_it_is_either_names_or_an_emergency(arguments: list[str], up: Up) -> None:
    assert run(*arguments, root=up.root).returncode == 2
    assert states(up) == {"one": "running", "two": "running"}


@pytest.mark.parametrize(("reply", "code", "state"), [("n", 1, "running"), ("y", 0, "stopped")])
def test_a_person_is_asked(reply: str, code: int, state: str, up: Up) -> None:
    terminal, other = pty.openpty()
    command = [*COMMAND, "stop", "--emergency", "--project-root", str(up.root)]
    asking = subprocess.Popen(
        command, env=environment(), stdin=other, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        os.write(terminal, f"{reply}\n".encode())
        _, errors = asking.communicate(timeout=30)
    finally:
        asking.kill()
        os.close(terminal)
        os.close(other)
    assert "Kill all agents at once" in errors
    assert asking.returncode == code
    eventually_sync(lambda: set(states(up).values()) == {state})
