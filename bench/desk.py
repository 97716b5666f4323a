"""The desk as a whole: start, crash, Ctrl-C, `kill -9`, and what it costs when nothing happens.

Runs `python run_dashboard.py --no-browser` of this checkout on free ports. Each figure is printed
beside a floor measured in the same run: the bare library or the bare system call that the figure
cannot beat. Stop a desk that runs in this checkout first.

    .venv/bin/python -m bench.desk [--runs 5] [--idle-seconds 60]
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
LEASE = ROOT / "var" / "run" / "lease.json"
RUN_MARKER = "TRADING_DASHBOARD_RUN_ID"


@dataclass(frozen=True)
class Desk:
    """A running desk and where its parts answer."""

    process: subprocess.Popen[bytes]
    agent_port: int
    patterns_port: int
    risk_port: int
    dashboard_port: int

    @property
    def agent_health(self) -> dict[str, Any] | None:
        """Return the agent's own health report, or None while it does not answer 200."""
        return get_json(self.agent_port, "/health")

    @property
    def has_patterns(self) -> bool:
        """Return whether the pattern recognition agent answers."""
        return get_json(self.patterns_port, "/health") is not None

    @property
    def may_trade(self) -> bool:
        """Return whether the risk agent's gate is open."""
        return (get_json(self.risk_port, "/gate") or {}).get("trading_allowed") is True

    @property
    def has_history(self) -> bool:
        """Return whether the pattern recognition agent has read the history of all series."""
        health = get_json(self.patterns_port, "/health") or {}
        said = str(health.get("checks", {}).get("history", {}).get("message", ""))
        counts = said.partition(" series")[0].split(" of ")
        return len(counts) == 2 and counts[0] == counts[1] != "0"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get_json(port: int, path: str) -> dict[str, Any] | None:
    """Return the JSON object of a 200, or None."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            return None
        content = json.loads(body) if body.startswith(b"{") else {}
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return content if isinstance(content, dict) else {}


def wait_until(done: Callable[[], object], seconds: float = 60) -> float:
    """Return how long it took until `done` was truthy."""
    started = time.perf_counter()
    while not done():
        if time.perf_counter() - started > seconds:
            raise SystemExit(f"not within {seconds} s; see var/log")
        time.sleep(0.001)
    return time.perf_counter() - started


def launch(speed: float = 60) -> Desk:
    agent_port, patterns_port, risk_port, dashboard_port = (free_port() for _ in range(4))
    settings = "TRADING_DASHBOARD__AGENTS__MARKET_DATA__"
    environment = {
        **os.environ,
        f"{settings}URL": f"http://127.0.0.1:{agent_port}",
        "TRADING_DASHBOARD__AGENTS__PATTERN_RECOGNITION__URL": f"http://127.0.0.1:{patterns_port}",
        "TRADING_DASHBOARD__AGENTS__RISK_MANAGEMENT__URL": f"http://127.0.0.1:{risk_port}",
        f"{settings}SETTINGS__REPLAY_SPEED": str(speed),
    }
    process = subprocess.Popen(
        [sys.executable, "run_dashboard.py", "--no-browser", "--port", str(dashboard_port)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return Desk(process, agent_port, patterns_port, risk_port, dashboard_port)


@contextlib.contextmanager
def running_desk(speed: float = 60) -> Iterator[Desk]:
    desk = launch(speed)
    try:
        wait_until(lambda: desk.agent_health and is_served(desk))
        yield desk
    finally:
        if desk.process.poll() is None:
            desk.process.send_signal(signal.SIGINT)
        desk.process.wait(30)


def is_served(desk: Desk) -> bool:
    return get_json(desk.dashboard_port, "/health") is not None


def run_id() -> str:
    return str(json.loads(LEASE.read_text())["run_id"])


def members(run: str) -> list[psutil.Process]:
    """Return every live process that carries the run's marker."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            is_alive = process.status() != psutil.STATUS_ZOMBIE
            if is_alive and process.environ().get(RUN_MARKER) == run:
                found.append(process)
    return found


def everything(desk: Desk) -> list[psutil.Process]:
    """Return all processes of the desk, the guardian included, the supervisor not."""
    found = {process.pid: process for process in psutil.Process(desk.process.pid).children(True)}
    return list((found | {process.pid: process for process in members(run_id())}).values())


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return those that still run; a number given to another process does not count."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def bare_streamlit() -> float:
    """Return seconds from the command to the first 200 of an empty Streamlit page."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "page.py"
        script.write_text("import streamlit as st\nst.write('x')\n")
        port = free_port()
        command = [sys.executable, "-m", "streamlit", "run", str(script)]
        command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
        command += ["--server.headless", "true", "--browser.gatherUsageStats", "false"]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
        )
        try:
            return wait_until(lambda: get_json(port, "/_stcore/health") is not None)
        finally:
            process.kill()
            process.wait()


def bare_respawn() -> float:
    """Return seconds from SIGKILL to a new process, with nothing but wait and Popen."""
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    first = subprocess.Popen(command)
    started = time.perf_counter()
    first.kill()
    first.wait()
    second = subprocess.Popen(command)
    seconds = time.perf_counter() - started
    second.kill()
    second.wait()
    return seconds


@dataclass(frozen=True)
class Start:
    """Seconds from the command until prices and the page, then patterns, are there."""

    served: float
    patterns: float
    gate: float
    history: float


def measure_start() -> Start:
    """Return how long it took until each was there; patterns come after the page by design."""
    started = time.perf_counter()
    with running_desk() as desk:
        served = time.perf_counter() - started
        wait_until(lambda: desk.has_patterns)
        patterns = time.perf_counter() - started
        wait_until(lambda: desk.may_trade)
        gate = time.perf_counter() - started
        wait_until(lambda: desk.has_history)
        return Start(served, patterns, gate, time.perf_counter() - started)


def agent_process() -> psutil.Process | None:
    """Return market data's leader: the process whose environment names it and its run."""
    for process in members(run_id()):
        with contextlib.suppress(psutil.Error):
            environment = process.environ()
            if environment.get("TRADING_DASHBOARD_AGENT") == "market_data":
                return process
    return None


def measure_crash(desk: Desk) -> tuple[float, float]:
    """Return seconds from `kill -9` of the agent to a new process, and to serving again."""
    old = agent_process()
    assert old is not None
    started = time.perf_counter()
    old.kill()

    def is_replaced() -> bool:
        new = agent_process()
        return new is not None and new.pid != old.pid

    wait_until(is_replaced)
    replaced = time.perf_counter() - started
    wait_until(lambda: desk.agent_health)
    return replaced, time.perf_counter() - started


def measure_interrupt() -> tuple[float, int]:
    """Return seconds from Ctrl-C to the prompt, and how many processes were left."""
    with running_desk() as desk:
        wait_until(lambda: desk.has_patterns)
        run, parts = run_id(), everything(desk)
        started = time.perf_counter()
        desk.process.send_signal(signal.SIGINT)
        desk.process.wait(60)
        return time.perf_counter() - started, len(alive(parts)) + len(members(run))


def measure_kill() -> tuple[float, int]:
    """Return seconds from `kill -9` of the supervisor until nothing is left, and how many were."""
    with running_desk() as desk:
        wait_until(lambda: desk.has_patterns)
        run, parts = run_id(), everything(desk)
        started = time.perf_counter()
        desk.process.kill()
        desk.process.wait()
        wait_until(lambda: not alive(parts) and not members(run))
        return time.perf_counter() - started, len(parts)


def measure_idle(seconds: float, speed: float, bar: str) -> None:
    """Print CPU (of one core) and memory of every process with nobody looking."""
    with running_desk(speed) as desk:
        wait_until(lambda: desk.has_history)
        time.sleep(15)  # start-up work settles
        watched = {process.pid: process for process in everything(desk)}
        watched[desk.process.pid] = psutil.Process(desk.process.pid)
        before = {pid: sum(process.cpu_times()[:2]) for pid, process in watched.items()}
        time.sleep(seconds)
        total_cpu = total_rss = total_pss = 0.0
        print(f"\nidle at {speed:g}x for {seconds:g} s, no browser:")
        for pid, process in watched.items():
            cpu = (sum(process.cpu_times()[:2]) - before[pid]) / seconds * 100
            memory = process.memory_full_info()
            name = process.environ().get("TRADING_DASHBOARD_AGENT") or " ".join(
                Path(part).name for part in process.cmdline()[1:4]
            )
            print(
                f"  {name[:44]:44} {cpu:6.2f} %  rss {memory.rss / 2**20:6.1f} MiB"
                f"  pss {memory.pss / 2**20:6.1f} MiB"
            )
            total_cpu, total_rss = total_cpu + cpu, total_rss + memory.rss
            total_pss += memory.pss
        print(
            f"  {f'all together{bar}':44} {total_cpu:6.2f} %"
            f"  rss {total_rss / 2**20:6.1f} MiB  pss {total_pss / 2**20:6.1f} MiB"
        )


def show(what: str, values: list[float], bar: str, floor: list[float], floor_name: str) -> None:
    """Print one figure beside its bar and its floor."""
    line = f"{what:46} median {1000 * statistics.median(values):6.0f} ms"
    line += f"  max {1000 * max(values):6.0f} ms  bar {bar:9}"
    print(f"{line} {floor_name}: {1000 * statistics.median(floor):.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--idle-seconds", type=float, default=60)
    options = parser.parse_args()
    if LEASE.exists() and psutil.pid_exists(int(json.loads(LEASE.read_text()).get("pid", 0))):
        raise SystemExit("a desk runs in this checkout: stop it first")
    rounds = range(options.runs)
    measure_start()  # the first one loads the history
    begun, streamlit = [], []
    for _ in rounds:
        streamlit.append(bare_streamlit())
        begun.append(measure_start())
    starts = [start.served for start in begun]
    show("command -> agent healthy and page served", starts, "5 s", streamlit, "bare streamlit")
    for what, values in (
        ("command -> pattern recognition answers", [start.patterns for start in begun]),
        ("command -> trading gate open", [start.gate for start in begun]),
        ("command -> history of all patterns read", [start.history for start in begun]),
    ):
        show(what, values, "none", starts, "page served")
    crashes, respawns = [], []
    for _ in rounds:
        # A fresh desk each time: restarts in a row would be delayed, as they should be.
        respawns.append(bare_respawn())
        with running_desk() as desk:
            crashes.append(measure_crash(desk))
    replaced, serving = [c[0] for c in crashes], [c[1] for c in crashes]
    show("kill -9 of the agent -> new process", replaced, "0.1 s", respawns, "bare Popen")
    show("kill -9 of the agent -> serving again", serving, "its start", starts, "whole desk start")
    stops = [measure_interrupt() for _ in rounds]
    show("Ctrl-C -> prompt", [s[0] for s in stops], "3 s", respawns, "bare Popen")
    print(f"  left behind: {sum(s[1] for s in stops)}")
    kills = [measure_kill() for _ in rounds]
    lefts = [k[0] for k in kills]
    show("kill -9 of the supervisor -> nothing left", lefts, "5 s", respawns, "bare Popen")
    print(f"  processes at the kill: {[k[1] for k in kills]}")
    measure_idle(options.idle_seconds, 1, " (bar: 3 %, 450 MiB)")
    measure_idle(options.idle_seconds, 60, "")


if __name__ == "__main__":
    main()
