"""What a desk remembers, with real processes: crashes, operators, and its own violent end."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ProjectFactory
from tests.integration.cli.terminal_session import Up, agent, desk, run
from tests.support import eventually_sync
from trading_dashboard.cli.history import point_in_time


@pytest.fixture
def root(project: ProjectFactory, free_port: int) -> Path:
    return project(desk({"one": agent(free_port)}))


def events(root: Path, *options: str) -> list[dict[str, Any]]:
    answer = run("events", "--json", "-n", "1000", *options, root=root)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)["events"]
    assert isinstance(found, list)
    return found


def incidents(root: Path, *options: str) -> list[dict[str, Any]]:
    answer = run("incidents", "--json", *options, root=root)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)["incidents"]
    assert isinstance(found, list)
    return found


def end(up: Up) -> None:
    up.signal(signal.SIGTERM)
    assert up.wait() == 0


def test_a_killed_agent_is_an_incident_and_an_operator_is_named(root: Path) -> None:
    with Up(root) as up:
        up.wait_for("1 of 1 are running.")
        assert incidents(root) == []
        os.kill(_pid(root), signal.SIGKILL)
        (found,) = eventually_sync(
            lambda: [i for i in incidents(root) if i["outcome"] == "recovered"], 30
        )
        assert (found["agent"], found["kind"], found["restarts"]) == ("one", "failed", 1)
        assert "signal 9 (SIGKILL)" in found["cause"]
        assert 0 < found["duration_seconds"] < 30

        assert run("restart", "one", root=root).returncode == 0
        (acted,) = events(root, "--kind", "operator_acted", "--agent", "one")
        assert (acted["data"]["action"], acted["data"]["origin"]) == ("restart", "cli")
        assert acted["data"]["from"] == "127.0.0.1"
        shown = run("events", "--since", "1h", root=root).stdout
        assert "restart (by cli" in shown
        assert "backoff -> starting" in shown
        assert "well again after" in run("incidents", root=root).stdout
        assert len(incidents(root)) == 1, "a restart on request is none"
        wrong = run("events", "--since", "yesterday", root=root)
        assert (wrong.returncode, "neither a time ago" in wrong.stderr) == (2, True)
        unknown = run("events", "--kind", "transitions", root=root)
        assert (unknown.returncode, "is none of" in unknown.stderr) == (2, True)
        end(up)
    with closing(sqlite3.connect(root / "var/data/supervisor/history.db")) as kept:
        kinds = [row[0] for row in kept.execute("SELECT kind FROM events ORDER BY id")]
        assert kinds[0] == "supervisor_started"
        assert "supervisor_stopping" in kinds
        assert "agent_changed" not in kinds
        assert kept.execute("SELECT ended IS NOT NULL FROM runs").fetchall() == [(1,)]
        last = kept.execute("SELECT status FROM events WHERE agent = 'one' ORDER BY id DESC")
        assert last.fetchone() == ("stopped",)


def test_the_history_survives_the_supervisor_s_death(root: Path) -> None:
    with Up(root) as up:
        up.wait_for("1 of 1 are running.")
        (before,) = {event["run_id"] for event in events(root)}
        up.process.kill()
        up.wait()
    # The morning after: nobody runs, and what happened can be read all the same.
    assert [e["status"] for e in events(root, "--agent", "one")] == ["starting", "running"]
    (death,) = incidents(root, "--agent", "supervisor")
    assert (death["run_id"], death["outcome"], death["ended_at"]) == (before, "ongoing", None)
    shown = run("incidents", root=root)
    assert "it was killed, or the machine went down" in shown.stdout
    assert "No supervisor runs; this is read from " in shown.stderr
    with Up(root) as up:
        up.wait_for("1 of 1 are running.")
        found = events(root, "--agent", "one")
        assert [event["status"] for event in found if event["run_id"] == before] == [
            "starting",
            "running",
        ]
        assert len({event["run_id"] for event in found}) == 2
        (killed,) = incidents(root, "--agent", "supervisor")
        assert (killed["run_id"], killed["outcome"]) == (before, "recovered")
        assert not list((root / "var/data/supervisor").glob("*.damaged-*"))
        assert run("events", root=root).stderr == "", "now a supervisor answers"
        end(up)
    (killed,) = incidents(root, "--agent", "supervisor")
    assert killed["outcome"] == "recovered", "the second run ended in order"


def test_a_damaged_history_stops_nobody(root: Path) -> None:
    folder = root / "var/data/supervisor"
    folder.mkdir(parents=True)
    (folder / "history.db").write_bytes(b"x" * 10_000)
    with Up(root) as up:
        up.wait_for("1 of 1 are running.")
        assert events(root)
        end(up)
    assert len(list(folder.glob("history.db.damaged-*"))) == 1
    assert "is damaged" in (root / "var/log/supervisor.log").read_text("utf-8")


def test_a_history_that_cannot_be_written_stops_nobody(root: Path) -> None:
    (root / "var").mkdir()
    (root / "var" / "data").mkdir()
    (root / "var" / "data" / "supervisor").write_text("a file in the way", "utf-8")
    with Up(root) as up:
        up.wait_for("1 of 1 are running.")
        answer = run("events", root=root)
        assert answer.returncode == 1
        assert "history" in answer.stderr
        assert run("restart", "one", root=root).returncode == 0
        end(up)
    assert "the history cannot be written" in (root / "var/log/supervisor.log").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "ago"),
    [("90s", 90), ("30m", 1800), ("2h", 7200), ("7d", 604_800), ("1w", 604_800)],
)
def test_times_ago(text: str, ago: int) -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert point_in_time(text, now) == now - timedelta(seconds=ago)


def test_other_times() -> None:
    assert point_in_time("2026-03-02T10:00+02:00") == datetime(2026, 3, 2, 8, tzinfo=UTC)
    local = datetime(2026, 3, 2, 10).astimezone()
    assert point_in_time("2026-03-02T10:00") == local
    for nonsense in ("", "2x", "h", "-2h", "999999999w", "2026-13-01", "0001-01-01T00:00+14:00"):
        with pytest.raises(ValueError, match="neither"):
            point_in_time(nonsense)


def _pid(root: Path) -> int:
    answer = json.loads(run("status", "--json", root=root).stdout)
    return int(answer["agents"]["one"]["pid"])
