"""Reading bars over HTTP: many small answers while rows come in, and one large one as Arrow.

The agent is the whole one, on an archive of its own; rows are ticks of a source, through gate, bars
and store. Requests are sent on a fixed schedule whatever becomes of those before (open loop); a
latency counts from the moment a request was due. What is the machine's and not the agent's stands
beside it, from the same seconds: `/health` of a bare Starlette server that does nothing else, asked
by the same client; how late the client itself was; how long the agent's main thread stood in line
for a core. The large answer is printed beside reading the same rows from DuckDB in one process.

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

import httpx
import numpy as np
import psutil
import pyarrow as pa

from bench.machine import line
from bench.market_data import BARE
from bench.reading_archive import LARGE, BareReader, fill, symbol_name

ROOT = Path(__file__).resolve().parent.parent
RATE = 100
HEALTH_RATE = 17
"""No divisor of `RATE`: in step with it, each would meet the same others all the time, or never."""
INGESTED = 1_000
CONNECTIONS = 32
ARROW = "application/vnd.apache.arrow.stream"


@contextlib.contextmanager
def served(folder: Path, rate: int, followed: int) -> Iterator[tuple[int, psutil.Process]]:
    """Run the agent of `reading_server`; yield its port and process."""
    command = [
        sys.executable, "-m", "bench.reading_server", "--folder", str(folder), "--port", "{port}",
        "--rate", str(rate), "--followed", str(followed),
    ]  # fmt: skip
    with started(command) as found:
        yield found


@contextlib.contextmanager
def started(command: list[str]) -> Iterator[tuple[int, psutil.Process]]:
    """Run a server until it answers `/health`; yield the port put for ``{port}``, and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    process = subprocess.Popen(
        [part.replace("{port}", str(port)) for part in command],
        env=env, cwd=ROOT, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while True:
            with contextlib.suppress(httpx.TransportError):
                url = f"http://127.0.0.1:{port}/health"
                if httpx.get(url, trust_env=False).status_code == 200:
                    break
            if process.poll() is not None:
                raise SystemExit(f"{command} did not start")
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


class Figures:
    """Milliseconds from the moment a request was due: until the client began, and until answered.

    The client's lateness is its own: waiting for a connection, which the agent frees, is not in it.
    """

    def __init__(self) -> None:
        self.begun: list[float] = []
        self.answered: list[float] = []


async def on_schedule(
    connections: Connections, path: Callable[[], str], rate: float, seconds: float
) -> Figures:
    """Ask so many times a second, whatever becomes of what was asked before."""
    figures = Figures()

    def note(kept: list[float], due: float) -> None:
        kept.append(1000 * (time.perf_counter() - due))

    async def one(due: float) -> None:
        note(figures.begun, due)
        await connections.get(path())
        note(figures.answered, due)

    # Out of step with other schedules: in step, each would wait for the same others every time.
    began = time.perf_counter() + 0.05 + random.random() / rate
    async with asyncio.TaskGroup() as group:
        for n in range(int(rate * seconds)):
            due = began + n / rate
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            group.create_task(one(due))
    return figures


async def load(
    port: int, bare_port: int, symbols: int, seconds: float
) -> tuple[Figures, Figures, Figures]:
    """Return the figures of `/historical`, of `/health` and of the bare server's, all at once."""
    chance = random.Random(2)
    bars, health, bare = Connections(port), Connections(port), Connections(bare_port)
    await bars.open(CONNECTIONS)
    await health.open(4)
    await bare.open(4)

    def path() -> str:
        return f"/historical/{symbol_name(chance.randrange(symbols))}?limit=500"

    for _ in range(50):
        await bars.get(path())
    await health.get("/bench/lateness")
    return await asyncio.gather(
        on_schedule(bars, path, RATE, seconds),
        on_schedule(health, lambda: "/health", HEALTH_RATE, seconds),
        on_schedule(bare, lambda: "/health", HEALTH_RATE, seconds),
    )


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


def measure_large(folder: Path, rows: int, runs: int) -> None:
    reader = BareReader(folder)
    bare = timed(runs, reader.read)
    reader.close()
    show(f"{rows} rows from DuckDB in process", bare)
    with served(folder, 0, 0) as (port, process):
        table = read_arrow(port, rows)
        if table.num_rows != rows:
            raise SystemExit(f"{table.num_rows} rows came")
        over = timed(runs, lambda: read_arrow(port, rows))
        show(f"{rows} rows as Arrow over HTTP", over)
        ratio = statistics.median(over) / statistics.median(bare)
        print(f"  ratio of the medians {ratio:.2f} (bar: 2)")
        print(f"  resident afterwards {process.memory_info().rss / 2**20:.0f} MiB")


def measure_small(folder: Path, symbols: int, seconds: float, followed: int) -> None:
    bare_command = [sys.executable, "-c", BARE, "{port}"]
    for ingested in (0, INGESTED):
        with (
            started(bare_command) as (bare_port, _),
            served(folder, ingested, followed) as (port, process),
        ):
            if ingested:
                settle(port, process)
            before, stood = sum(process.cpu_times()[:2]), line(process)
            began = time.perf_counter()
            history, health, bare = asyncio.run(load(port, bare_port, symbols, seconds))
            took = time.perf_counter() - began
            cpu = 100 * (sum(process.cpu_times()[:2]) - before) / took
            stands = line(process)
            lateness = httpx.get(f"http://127.0.0.1:{port}/bench/lateness", trust_env=False).json()
        print(f"{RATE} requests/s, {ingested} rows/s coming in, CPU {cpu:.0f} %")
        show("  last 500 bars of one of many symbols", history.answered)
        show("  /health meanwhile", health.answered)
        show("  /health of a bare Starlette meanwhile", bare.answered)
        show("  the client began so late", history.begun + health.begun + bare.begun)
        show("  the agent's loop woke so late", lateness)
        if stood and stands:
            ran, waited = (100 * (b - a) / took for a, b in zip(stood, stands, strict=True))
            print(f"  its main thread ran {ran:.0f} % and stood in line {waited:.0f} % of the time")


def settle(port: int, process: psutil.Process) -> None:
    """Wait until ticks are stored: every followed symbol was learnt."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        while client.get("/health").json()["data"].get("state") != "fresh":
            if process.status() == psutil.STATUS_ZOMBIE:
                raise SystemExit("the agent ended")
            time.sleep(0.2)
    time.sleep(2.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--symbols", type=int, default=5_000)
    parser.add_argument("--bars", type=int, default=2_500)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--followed", type=int, default=200, help="symbols that ticks come of")
    parser.add_argument("--small-only", action="store_true", help="leave the large answer out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        began = time.perf_counter()
        fill(place, options.symbols, options.bars, options.rows)
        print(f"filled in {time.perf_counter() - began:.0f} s")
        if not options.small_only:
            measure_large(place, options.rows, options.runs)
        measure_small(place, options.symbols, options.seconds, options.followed)


if __name__ == "__main__":
    main()
