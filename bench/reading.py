"""Reading bars over HTTP: many small answers while rows come in, and one large one as Arrow.

Requests are sent on a fixed schedule whatever becomes of those before (open loop); a latency counts
from the moment a request was due. The large answer is printed beside reading the same rows from
DuckDB in one process, in the same run.

    .venv/bin/python -m bench.reading [--seconds 20] [--symbols 5000]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
import numpy as np
import psutil
import pyarrow as pa

from bench.reading_archive import LARGE, fill, read_bare, symbol_name

ROOT = Path(__file__).resolve().parent.parent
RATE = 100
HEALTH_RATE = 20
INGESTED = 1_000
CONNECTIONS = 32
ARROW = "application/vnd.apache.arrow.stream"


@contextlib.contextmanager
def served(file: Path, symbols: int, ingested: int) -> Iterator[tuple[int, psutil.Process]]:
    """Run the agent of `reading_server`; yield its port and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "bench.reading_server", "--file", str(file), "--port", str(port),
        "--rate", str(ingested), "--symbols", str(symbols),
    ]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    process = subprocess.Popen(command, env=env, cwd=ROOT)
    try:
        while True:
            with contextlib.suppress(httpx.TransportError):
                url = f"http://127.0.0.1:{port}/health"
                if httpx.get(url, trust_env=False).status_code == 200:
                    break
            if process.poll() is not None:
                raise SystemExit("the agent did not start")
            time.sleep(0.05)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


class Connections:
    """Kept-alive connections, each with one request at a time; reads lengths and nothing else."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        self._free = asyncio.Queue()

    async def open(self, count: int) -> None:
        """Open so many."""
        for _ in range(count):
            self._free.put_nowait(await asyncio.open_connection("127.0.0.1", self._port))

    async def get(self, path: str) -> int:
        """Return the length of the body of an answer that must be 200."""
        reader, writer = await self._free.get()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise SystemExit(head.decode())
        length = _length(head)
        await reader.readexactly(length)
        self._free.put_nowait((reader, writer))
        return length


def _length(head: bytes) -> int:
    at = head.lower().index(b"content-length: ") + 16
    return int(head[at:].split(b"\r", 1)[0])


async def on_schedule(
    connections: Connections, path: Callable[[], str], rate: float, seconds: float
) -> list[float]:
    """Return the latencies in milliseconds, each from the moment its request was due."""
    latencies: list[float] = []

    async def one(due: float) -> None:
        await connections.get(path())
        latencies.append(1000 * (time.perf_counter() - due))

    # Out of step with other schedules: in step, each would wait for the same others every time.
    began = time.perf_counter() + 0.05 + random.random() / rate
    async with asyncio.TaskGroup() as group:
        for n in range(int(rate * seconds)):
            due = began + n / rate
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            group.create_task(one(due))
    return latencies


async def load(port: int, symbols: int, seconds: float) -> tuple[list[float], list[float]]:
    """Return the latencies of `/historical` and of `/health`, both asked at once."""
    chance = random.Random(2)
    bars, health = Connections(port), Connections(port)
    await bars.open(CONNECTIONS)
    await health.open(4)

    def path() -> str:
        return f"/historical/{symbol_name(chance.randrange(symbols))}?limit=500"

    for _ in range(50):
        await bars.get(path())
    history, healths = await asyncio.gather(
        on_schedule(bars, path, RATE, seconds),
        on_schedule(health, lambda: "/health", HEALTH_RATE, seconds),
    )
    return history, healths


def read_arrow(port: int, rows: int) -> pa.Table:
    """Read the large series by HTTP as a careful client does: into one buffer, without a copy."""
    request = (
        f"GET /historical/{LARGE}?interval=1m&page=first&limit={rows} HTTP/1.1\r\n"
        f"Host: localhost\r\nAccept: {ARROW}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(1024)
        head, _, begun = head.partition(b"\r\n\r\n")
        length = _length(head)
        body = np.empty(length, dtype=np.uint8)
        body[: len(begun)] = np.frombuffer(begun, dtype=np.uint8)
        view, taken = body.data, len(begun)
        while taken < length:
            taken += connection.recv_into(view[taken:])
    return pa.ipc.open_stream(pa.py_buffer(body)).read_all()


def timed(runs: int, work: Callable[[], Any]) -> list[float]:
    """Return how long each run took, in milliseconds; the first is not counted."""
    work()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - began))
    return times


def show(name: str, values: list[float]) -> None:
    ordered = sorted(values)
    p99 = ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]
    print(
        f"{name:44} p50 {statistics.median(ordered):7.2f}  p99 {p99:7.2f}  "
        f"max {ordered[-1]:7.2f} ms  n {len(ordered)}"
    )


def measure_large(file: Path, rows: int, runs: int) -> None:
    with duckdb.connect(str(file), config={"threads": "2"}) as connection:
        bare = timed(runs, lambda: read_bare(connection, LARGE, "1m"))
    show(f"{rows} rows from DuckDB in process", bare)
    with served(file, 1, 0) as (port, process):
        table = read_arrow(port, rows)
        if table.num_rows != rows:
            raise SystemExit(f"{table.num_rows} rows came")
        over = timed(runs, lambda: read_arrow(port, rows))
        show(f"{rows} rows as Arrow over HTTP", over)
        ratio = statistics.median(over) / statistics.median(bare)
        print(f"  ratio of the medians {ratio:.2f} (bar: 2)")
        print(f"  resident afterwards {process.memory_info().rss / 2**20:.0f} MiB")


def measure_small(file: Path, symbols: int, seconds: float) -> None:
    for ingested in (0, INGESTED):
        with served(file, symbols, ingested) as (port, process):
            before = sum(process.cpu_times()[:2])
            history, health = asyncio.run(load(port, symbols, seconds))
            cpu = 100 * (sum(process.cpu_times()[:2]) - before) / seconds
        print(f"{RATE} requests/s, {ingested} rows/s coming in, CPU {cpu:.0f} %")
        show("  last 500 bars of one of many symbols", history)
        show("  /health meanwhile", health)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--symbols", type=int, default=5_000)
    parser.add_argument("--bars", type=int, default=2_500)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.duckdb"
        began = time.perf_counter()
        fill(file, options.symbols, options.bars, options.rows)
        print(
            f"filled in {time.perf_counter() - began:.0f} s, {file.stat().st_size / 2**20:.0f} MiB"
        )
        measure_large(file, options.rows, options.runs)
        measure_small(file, options.symbols, options.seconds)


if __name__ == "__main__":
    main()
