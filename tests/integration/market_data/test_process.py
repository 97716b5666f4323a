"""The agent as a process: start, refusals, signals, `kill -9`."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.market_data.conftest import AgentProcess, StartAgent, run_agent
from tests.support import eventually_sync
from trading_dashboard.agents.market_data.assembly import JOURNAL_FILE, STORE_FILE
from trading_dashboard.agents.market_data.demo import dataset
from trading_dashboard.agents.market_data.demo.loading import DATASET_LABEL
from trading_dashboard.agents.market_data.demo.store import MarketStore
from trading_dashboard.models.health import HealthReport


def now_of(agent: AgentProcess) -> datetime:
    return datetime.fromisoformat(agent.get("/clock").json()["now"])


def test_first_start_loads_everything(tmp_path: Path, start_agent: StartAgent) -> None:
    agent = start_agent(directory=tmp_path / "new")
    report = HealthReport.model_validate(agent.get("/health").json())
    assert report.status == "healthy"
    assert report.data is not None
    assert (report.data.source, report.data.state) == ("demo", "fresh")
    assert agent.end() == 0
    with MarketStore(tmp_path / "new" / STORE_FILE) as store:
        stored = store.source(dataset.SOURCE, DATASET_LABEL)
    assert stored is not None
    assert (len(stored[0]), len(stored[1])) == (12_154, 95)
    lines = [json.loads(line) for line in agent.log.read_text().splitlines()]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    assert agent.token not in agent.log.read_text()
    assert str(agent.data / "operator.token") in agent.log.read_text()


def test_what_it_writes_is_its_owners_alone(tmp_path: Path, start_agent: StartAgent) -> None:
    directory = tmp_path / "var" / "data" / "market_data"
    start_agent(directory=directory)
    written = [path for path in (tmp_path / "var").rglob("*") if path.parent != tmp_path]
    assert len(written) > 3
    assert not [path for path in written if path.stat().st_mode & 0o077]


@pytest.mark.parametrize("seed", range(3))
def test_killed_while_loading_the_next_start_repairs(
    tmp_path: Path, start_agent: StartAgent, seed: int
) -> None:
    directory = tmp_path / "new"
    victim = start_agent(directory=directory, wait=False)
    wait = random.Random(seed).uniform(0.2, 3.0)
    until = time.monotonic() + wait
    eventually_sync(lambda: time.monotonic() > until, what="a random moment")
    victim.end(signal.SIGKILL)
    agent = start_agent(directory=directory)
    answer = agent.get("/historical/IBM?limit=10000&start_date=2012-08-31").json()
    assert answer["data"][0]["timestamp"] == "2012-08-31T00:00:00Z"


def test_a_clean_stop_goes_on_at_the_same_moment(start_agent: StartAgent) -> None:
    first = start_agent(settings={"replay_speed": 1})
    before = now_of(first)
    assert first.end() == 0
    second = start_agent(settings={"replay_speed": 1})
    after = now_of(second)
    assert timedelta(0) <= after - before < timedelta(seconds=15)


@pytest.mark.parametrize("seed", range(4))
def test_killed_it_goes_on_where_it_was_and_never_before(
    start_agent: StartAgent, seed: int
) -> None:
    """The next process serves nothing older than the last answer, and skips about a second."""
    speed = 600
    agent = start_agent(settings={"replay_speed": speed})
    until = time.monotonic() + random.Random(seed).uniform(0.0, 1.5)
    last = now_of(agent)
    while time.monotonic() < until:
        last = now_of(agent)
    agent.end(signal.SIGKILL)
    again = start_agent(settings={"replay_speed": speed}, wait=False)
    eventually_sync(lambda: "The replay is at" in again.log.read_text(), 20)
    told = next(
        json.loads(line)["message"]
        for line in again.log.read_text().splitlines()
        if "The replay is at" in line
    )
    resumed = datetime.fromisoformat(told.split("at ")[1].split(",")[0])
    assert timedelta(0) <= resumed - last <= timedelta(seconds=2 * speed)


def test_an_acknowledged_clock_change_survives_a_kill(start_agent: StartAgent) -> None:
    agent = start_agent()
    answer = agent.set_clock(speed=5, paused=True, now="2008-10-10T15:00:00Z")
    agent.end(signal.SIGKILL)
    assert answer.status_code == 200
    clock = start_agent().get("/clock").json()
    assert clock["now"] == "2008-10-10T15:00:00Z" == answer.json()["now"]
    assert (clock["speed"], clock["paused"]) == (5, True)


def test_changed_settings_begin_a_new_replay(start_agent: StartAgent) -> None:
    assert start_agent(settings={"replay_start": "2008-09-15"}).end() == 0
    agent = start_agent(settings={"replay_start": "2005-03-01"})
    assert agent.get("/clock").json()["session"] == "2005-03-01"


def test_the_end_of_the_data_is_said_and_kept(start_agent: StartAgent) -> None:
    agent = start_agent()
    assert agent.set_clock(now="2013-03-01T20:59:30Z", speed=1000).status_code == 200
    eventually_sync(lambda: agent.get("/clock").json()["finished"], what="the end")
    health = agent.get("/health").json()
    assert (health["status"], health["data"]["state"]) == ("healthy", "idle")
    assert "end of its data" in health["message"]
    price = agent.get("/price/AAPL").json()
    assert price["price"] == 430.47
    newest = agent.get("/historical/AAPL?limit=1").json()["data"][0]
    assert (newest["timestamp"], newest["close"]) == ("2013-03-01T00:00:00Z", 430.47)
    agent.end(signal.SIGKILL)
    assert start_agent().get("/clock").json()["finished"] is True


def test_production_refuses_the_demo(data: Path) -> None:
    done = run_agent(data, "--port", "0", ENVIRONMENT="production")
    assert done.returncode == 2
    assert "agents.market_data.settings.source" in done.stderr
    assert "production" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ('{"sped": 3}', "sped"),
        ('{"replay_speed": 0.05}', "replay_speed"),
        ('{"replay_start": "1999-01-01", "seed": -1}', "seed"),
        ("[1]", "JSON object"),
        ("{", "JSON object"),
    ],
)
def test_bad_settings_are_named(data: Path, settings: str, named: str) -> None:
    done = run_agent(data, "--port", "0", AGENT_SETTINGS=settings)
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_second_agent_on_the_same_data_says_so(agent: AgentProcess) -> None:
    done = run_agent(agent.data, "--port", "0")
    assert done.returncode == 1
    assert "in use by another process" in done.stderr
    assert "--data-directory" in done.stderr


def test_a_port_in_use_is_said_at_once(agent: AgentProcess, tmp_path: Path) -> None:
    done = run_agent(tmp_path / "other", "--port", str(agent.port))
    assert done.returncode == 1
    assert f"127.0.0.1:{agent.port}" in done.stderr
    assert not (tmp_path / "other" / STORE_FILE).exists()


def overwrite(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 200)


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: overwrite(path, 0),
        lambda path: overwrite(path, 4096),
        lambda path: overwrite(path, path.stat().st_size // 3),
        lambda path: overwrite(path, path.stat().st_size * 2 // 3),
        lambda path: overwrite(path, path.stat().st_size - 40_000),
        lambda path: os.truncate(path, 0),
        lambda path: os.truncate(path, 5000),
        lambda path: os.truncate(path, path.stat().st_size // 2),
    ],
    ids=["magic", "header", "third", "two thirds", "end", "empty", "headers only", "half"],
)
def test_a_damaged_store_is_moved_aside_and_built_anew(
    data: Path, start_agent: StartAgent, harm: Callable[[Path], None]
) -> None:
    harm(data / STORE_FILE)
    agent = start_agent()
    answer = agent.get("/historical/IBM?limit=10000&end_date=2012-08-31").json()
    assert (answer["data_points"], answer["data"][-1]["close"]) == (3148, 194.85)
    assert len(list(data.glob("*.damaged-*"))) == 1
    assert "built anew" in agent.log.read_text()


@pytest.mark.parametrize("name", [STORE_FILE, JOURNAL_FILE, "."])
def test_files_that_cannot_be_made_are_told(data: Path, name: str) -> None:
    where = data / name
    shutil.rmtree(where) if where.is_dir() else where.unlink(missing_ok=True)
    if name == ".":
        where.write_text("a file where a folder is needed")
    else:
        where.mkdir()
    done = run_agent(data, "--port", "0")
    assert done.returncode == 1
    assert str(where) in done.stderr
    assert "permissions" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_rows_that_were_changed_are_loaded_anew(data: Path, start_agent: StartAgent) -> None:
    with MarketStore(data / STORE_FILE) as store:
        store._connection.execute("UPDATE daily_bars SET close = 1 WHERE symbol = 'IBM'")
    agent = start_agent()
    assert "loading them anew" in agent.log.read_text()
    day = agent.get("/historical/IBM?start_date=2012-08-31").json()["data"][0]
    assert day["close"] == 194.85


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_promptly_with_a_reader_that_is_stuck(
    agent: AgentProcess, number: signal.Signals
) -> None:
    stuck = open_stuck_stream(agent)
    began = time.monotonic()
    assert agent.end(number) == 0
    # Generous: the point is that it does not wait for the reader.
    assert time.monotonic() - began < 8
    stuck.close()


def open_stuck_stream(agent: AgentProcess) -> socket.socket:
    """Return a WebSocket that subscribed to everything and never reads again."""
    from tests.integration.market_data.raw_socket import open_stream

    return open_stream(agent.port, {"op": "subscribe", "symbols": ["*"], "intervals": ["1s"]})


def test_replay_start_on_a_holiday_is_the_next_session(start_agent: StartAgent) -> None:
    agent = start_agent(settings={"replay_start": "2012-09-01", "replay_speed": 1})
    clock = agent.get("/clock").json()
    assert clock["session"] == date(2012, 9, 4).isoformat()
    opened = datetime(2012, 9, 4, 13, 30, tzinfo=UTC)
    assert opened <= datetime.fromisoformat(clock["now"]) < opened + timedelta(minutes=1)
