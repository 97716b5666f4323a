"""The market data agent: start, answers, stream, and what it costs when nothing happens.

Runs agents of this checkout on free ports with data of their own. Answers are printed beside a bare
Starlette route served by the same uvicorn: what no answer over HTTP can beat here.

    .venv/bin/python -m bench.market_data [--seconds 5]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from websockets.asyncio.client import connect

ROOT = Path(__file__).resolve().parent.parent
SUBSCRIBE = json.dumps({"op": "subscribe", "symbols": ["*"], "intervals": ["1m"]})
BARE = """
import socket, sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
async def bare(request): return Response(b'{"ok":true}', media_type="application/json")
app = Starlette(routes=[Route("/health", bare)])
uvicorn.run(app, port=int(sys.argv[1]), http="h11", loop="asyncio", log_level="error")
"""


@dataclass(frozen=True)
class Server:
    """A running server and how long it took until it answered."""

    url: str
    process: psutil.Process
    seconds_to_health: float

    @property
    def mebibytes(self) -> float:
        """Return resident memory."""
        return self.process.memory_info().rss / 2**20


@contextlib.contextmanager
def served(command: list[str], settings: dict[str, object] | None = None) -> Iterator[Server]:
    """Run a server that answers `/health` on the port put for ``{port}``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    if settings:
        env["TRADING_DASHBOARD_AGENT_SETTINGS"] = json.dumps(settings)
    began = time.perf_counter()
    process = subprocess.Popen(
        [part.replace("{port}", str(port)) for part in command], env=env, stdout=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}/health", trust_env=False).status_code == 200:
                    break
            if process.poll() is not None or time.perf_counter() - began > 60:
                raise SystemExit(f"{command} did not get healthy")
            time.sleep(0.005)
        yield Server(url, psutil.Process(process.pid), time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait()


def agent_command(data: Path) -> list[str]:
    module = "trading_dashboard.agents.market_data"
    return [sys.executable, "-m", module, "--port", "{port}", "--data-directory", str(data)]


def measure_start(data: Path, runs: int) -> None:
    cold = []
    for _ in range(runs):
        shutil.rmtree(data, ignore_errors=True)
        with served(agent_command(data)) as server:
            cold.append(server.seconds_to_health)
    warm = []
    for _ in range(runs):
        with served(agent_command(data)) as server:
            warm.append(server.seconds_to_health)
    python = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import fastapi, uvicorn, duckdb, numpy"], check=True)
        python.append(time.perf_counter() - began)
    print(f"start to healthy, empty data   {statistics.median(cold):6.2f} s")
    print(f"start to healthy, data there   {statistics.median(warm):6.2f} s")
    print(f"  floor: importing libraries   {statistics.median(python):6.2f} s")


async def measure_path(url: str, path: str, seconds: float, clients: int) -> tuple[float, ...]:
    """Return median and 99th percentile in milliseconds, and answers per second."""
    times: list[float] = []

    async def ask(client: httpx.AsyncClient) -> None:
        until = time.perf_counter() + seconds
        while (began := time.perf_counter()) < until:
            answer = await client.get(path)
            answer.raise_for_status()
            times.append(time.perf_counter() - began)

    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        await client.get(path)
        await asyncio.gather(*(ask(client) for _ in range(clients)))
    times.sort()
    return (
        1000 * statistics.median(times),
        1000 * times[int(len(times) * 0.99)],
        len(times) / seconds,
    )


def measure_answers(data: Path, seconds: float) -> None:
    paths = [
        "/health",
        "/price/AAPL",
        "/historical/AAPL?limit=500",
        "/historical/AAPL?interval=1m&limit=500",
        "/historical/AAPL?interval=1h&limit=10000",
    ]
    print(f"{'one client / ten clients':42}  p50 ms  p99 ms   per s |  p50 ms  p99 ms   per s")

    def show(name: str, url: str, path: str) -> None:
        one = asyncio.run(measure_path(url, path, seconds, 1))
        ten = asyncio.run(measure_path(url, path, seconds, 10))
        figures = "{:7.2f} {:7.2f} {:7.0f}"
        print(f"{name:42} {figures.format(*one)} | {figures.format(*ten)}")

    with served([sys.executable, "-c", BARE, "{port}"]) as bare:
        show("bare Starlette route", bare.url, "/health")
    with served(agent_command(data)) as agent:
        for path in paths:
            show(path, agent.url, path)
        print(f"resident afterwards {agent.mebibytes:.0f} MiB")


async def listen(url: str, seconds: float, clients: int) -> int:
    """Return how many messages all clients together received."""
    received = 0

    async def one() -> None:
        nonlocal received
        async with connect(url.replace("http", "ws") + "/stream", proxy=None) as connection:
            await connection.send(SUBSCRIBE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    async for _ in connection:
                        received += 1

    await asyncio.gather(*(one() for _ in range(clients)))
    return received


def measure_stream(data: Path, seconds: float) -> None:
    print(f"{'speed':>6} {'clients':>8} {'messages/s':>11} {'CPU %':>7} {'MiB':>6}")
    for speed, clients in ((1, 0), (1, 1), (60, 0), (60, 1), (60, 10), (1000, 50)):
        with served(agent_command(data), {"replay_speed": speed}) as agent:
            before, began = sum(agent.process.cpu_times()[:2]), time.monotonic()
            received = 0
            if clients:
                received = asyncio.run(listen(agent.url, seconds, clients))
            else:
                time.sleep(seconds)
            wall = time.monotonic() - began
            cpu = 100 * (sum(agent.process.cpu_times()[:2]) - before) / wall
            rate = received / wall
            print(f"{speed:6} {clients:8} {rate:11.0f} {cpu:7.2f} {agent.mebibytes:6.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        measure_start(data, options.runs)
        measure_answers(data, options.seconds)
        measure_stream(data, 2 * options.seconds)


if __name__ == "__main__":
    main()
