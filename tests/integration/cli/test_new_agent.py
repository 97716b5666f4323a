"""`new agent`: what it makes runs, is tested, and never costs what was there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ProjectFactory
from tests.integration.cli.terminal_session import Up, agent, desk, environment, run
from tests.support import ROOT
from trading_dashboard.cli.scaffold.agents_file import CannotAdd, with_agent

LINES = ["  new:", "    url: x"]


@pytest.fixture
def shipped(project: ProjectFactory) -> Path:
    return project((ROOT / "config" / "agents.yaml").read_text(encoding="utf-8"))


def test_a_running_desk_starts_it_at_once(project: ProjectFactory, free_port: int) -> None:
    root = project(desk({"one": agent(free_port)}))
    with Up(root) as up:
        up.wait_for("1 of 1 are running.")
        made = json.loads(run("new", "agent", "my_strategy", "--json", root=root).stdout)
        up.wait_for("my_strategy: running after")
        with urllib.request.urlopen(f"http://localhost:{made['port']}/rounds") as answer:
            assert "rounds" in json.load(answer)
        up.signal(signal.SIGINT)
        assert up.wait() == 0


def test_its_own_test_passes_and_fails_when_it_is_broken(shipped: Path) -> None:
    made = run("new", "agent", "my_strategy", root=shipped)
    assert made.returncode == 0
    folder = shipped / "agents" / "my_strategy"
    (command,) = (line for line in made.stdout.splitlines() if "its test:" in line)
    # As a person types it: any folder, and no `python` of the project's on the path.
    bare = {**environment(), "PATH": "/usr/bin:/bin", "PYTHONWARNINGS": "error"}

    def tested() -> subprocess.CompletedProcess[str]:
        typed = ["sh", "-c", command.partition("its test:")[2]]
        return subprocess.run(typed, cwd="/", env=bare, capture_output=True, text=True, check=False)

    assert tested().returncode == 0, tested().stderr
    text = (folder / "agent.py").read_text("utf-8")
    (folder / "agent.py").write_text(text.replace('"/rounds"', '"/turns"'), "utf-8")
    assert "FAILED" in tested().stderr


def test_work_that_fails_ends_the_process_and_says_why(
    shipped: Path, free_ports: Callable[[], int]
) -> None:
    run("new", "agent", "my_strategy", root=shipped)
    file = shipped / "agents" / "my_strategy" / "agent.py"
    text = file.read_text("utf-8")
    file.write_text(text.replace("self.rounds += 1", "raise OSError('feed gone')"), "utf-8")
    command = [sys.executable, "agent.py", "--port", str(free_ports())]
    ended = subprocess.run(
        command, cwd=file.parent, env=environment(), capture_output=True, text=True, timeout=30,
        check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "feed gone" in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Market",), "cannot be called 'Market'"),
        (("dashboard",), "cannot be called 'dashboard'"),
        (("market_data",), "is an agent 'market_data' already"),
        (("mine", "--port", "8000"), "Port 8000 is another agent's"),
    ],
)
def test_what_is_taken_is_refused_and_nothing_is_left(
    shipped: Path, arguments: tuple[str, ...], words: str
) -> None:
    before = (shipped / "config" / "agents.yaml").read_text("utf-8")
    refused = run("new", "agent", *arguments, root=shipped)
    assert (refused.returncode, words in refused.stderr) == (1, True), refused.stderr
    assert (shipped / "config" / "agents.yaml").read_text("utf-8") == before
    assert not (shipped / "agents").exists()


def test_a_broken_configuration_is_left_as_it_is(project: ProjectFactory) -> None:
    root = project("agents: {a: {urk: 1}}\n")
    assert run("new", "agent", "mine", root=root).returncode == 2
    assert (root / "config" / "agents.yaml").read_text("utf-8") == "agents: {a: {urk: 1}}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "agents:\n  new:\n    url: x\n"),
        ("logs:\n  backups: 1\n", "logs:\n  backups: 1\n\nagents:\n  new:\n    url: x\n"),
        ("agents:\n  a:\n    url: y\n", "agents:\n  a:\n    url: y\n\n  new:\n    url: x\n"),
        (
            "agents:\n    a:\n        url: y\n\n# x\nlogs: {}\n",
            "agents:\n    a:\n        url: y\n\n    new:\n      url: x\n\n# x\nlogs: {}\n",
        ),
        ("agents:\n  a: {url: y}", "agents:\n  a: {url: y}\n\n  new:\n    url: x\n"),
    ],
)
def test_its_lines_come_last_and_the_rest_stays(before: str, after: str) -> None:
    assert with_agent(before, LINES) == after


def test_agents_in_one_line_are_left_to_a_person() -> None:
    with pytest.raises(CannotAdd) as refused:
        with_agent("agents: {a: {url: y}}\n", LINES)
    assert "    url: x" in str(refused.value.next_step)
