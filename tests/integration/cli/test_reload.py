"""The configuration changes while a real desk runs."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

from tests.conftest import ProjectFactory
from tests.integration.cli.terminal_session import Up, agent, desk, run
from tests.support import eventually_sync, write_project


def pids(root: Path) -> dict[str, int | None]:
    agents = json.loads(run("status", "--json", root=root).stdout)["agents"]
    return {name: state["pid"] for name, state in agents.items()}


def test_an_edited_file_restarts_only_the_agent_that_changed(
    project: ProjectFactory, free_ports: Callable[[], int]
) -> None:
    one, two = free_ports(), free_ports()
    root = project(desk({"one": agent(one), "two": agent(two)}))
    with Up(root) as up:
        up.wait_for("2 of 2 are running.")
        before = pids(root)
        write_project(root, desk({"one": agent(one, env={"X": "1"}), "two": agent(two)}))
        up.wait_for("The configuration changed: agents.one.env.X")
        eventually_sync(lambda: pids(root)["one"] not in (before["one"], None))
        assert pids(root)["two"] == before["two"]
        found = run("events", "--kind", "configuration_changed", root=root).stdout
        assert "by file: agents.one.env.X: (not there) -> ********" in found
        up.signal(signal.SIGINT)
        assert up.wait() == 0


def test_a_mistake_is_told_and_changes_nothing(project: ProjectFactory, free_port: int) -> None:
    root = project(desk({"one": agent(free_port)}))
    with Up(root) as up:
        up.wait_for("1 of 1 are running.")
        before = pids(root)
        write_project(root, desk({"one": agent(free_port, timout=5)}))
        up.wait_for("The configuration has a mistake, nothing was changed: config/agents.yaml")
        assert "The configuration files have 1 mistake;" in run("status", root=root).stdout
        failed = run("reload", root=root)
        assert failed.returncode == 2
        assert "Did you mean timeout?" in failed.stderr
        as_json = json.loads(run("reload", "--json", root=root).stdout)
        assert as_json["error"]["details"][0]["key"] == "agents.one.timout"
        assert pids(root) == before
        up.signal(signal.SIGINT)
        assert up.wait() == 0


def test_a_dry_run_shows_the_difference(
    project: ProjectFactory, free_ports: Callable[[], int]
) -> None:
    one, two, unwatched = free_ports(), free_ports(), {"reload": {"watch": False}}
    root = project(desk({"one": agent(one)}, **unwatched))
    with Up(root) as up:
        up.wait_for("1 of 1 are running.")
        assert "Nothing to change" in run("reload", "--dry-run", root=root).stdout
        agents = {"one": agent(one, timeout=3.0), "two": agent(two)}
        write_project(root, desk(agents, **unwatched))
        shown = run("reload", "--dry-run", root=root).stdout
        assert "agents.one.timeout: 5.0 -> 3.0  (counts at once; config/agents.yaml:" in shown
        assert "agents.two.url: (not there) -> " in shown
        assert "(adds two; " in shown
        assert "Nothing was changed (dry run)." in shown
        done = run("reload", root=root)
        assert (done.returncode, "two: done" in done.stdout) == (0, True)
        assert pids(root)["two"]
        up.signal(signal.SIGINT)
        assert up.wait() == 0
