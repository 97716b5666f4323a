"""Fan-out: the highest rate of updates 50 subscribers get within 50 ms, beside bare `websockets`.

Both servers run in a process of their own and send the same number of updates a second, each to all
clients: the stream of a live market (ticks in, one JSON text for each and reader out, numbered),
and `websockets.broadcast` of one text made beforehand. The clients are the same for both: raw
sockets in one process, which parse each frame and its JSON. A rate holds if nothing is left out or
merged and the 99th percentile from making an update to having parsed it is within the bound. It has
failed when it did so three times; a time in which others used this machine does not count.

    .venv/bin/python -m bench.fanout [--seconds 4] [--subscribers 50]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import psutil

from bench.frames import Client
from bench.machine import Others

BOUND_SECONDS = 0.050
SYMBOLS = 500
FIRST_RATE = 400
STEP = 1.2
FINER = 1.04
TRIES = 3
DISTURBED = 0.1
"""With more than this share of the machine used by others, a failure does not count."""
MAX_DISTURBED = 8
"""Of one rate; then it counts all the same."""
WARM_UP_SECONDS = 1.0


# The servers: each sends updates with the time they were made, at the rate named on its input.


async def paced(rate: int, seconds: float, emit: Callable[[list[float]], None]) -> None:
    """Emit so many updates a second, each with the time it fell due: being late counts."""
    began, done, total = time.perf_counter(), 0, int(rate * seconds)
    while done < total:
        passed = time.perf_counter() - began
        due = min(int(passed * rate), total)
        if due > done:
            emit([began + number / rate for number in range(done, due)])
            done = due
        await asyncio.sleep(0.001)


async def orders() -> AsyncIterator[tuple[int, float]]:
    """Yield rate and seconds from the lines of standard input."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        rate, seconds = line.split()
        yield int(rate), float(seconds)


def filled(made_at: float) -> bytes:
    """Return an update of the size ours have, ready to send."""
    return orjson.dumps(
        {
            "seq": 123456,
            "event": 12345678,
            "type": "tick",
            "symbol": "SYM001",
            "price": {
                "symbol": "SYM001",
                "price": made_at,
                "timestamp": "2026-01-05T14:30:00.123456Z",
                "volume": 1234567,
                "source": "bench",
                "age_seconds": 0.001,
                "seq": 123456,
                "replay": False,
                "intraday": "real",
            },
        }
    )


async def serve_bare(port: int) -> None:
    from websockets.asyncio.server import ServerConnection, broadcast, serve

    connections: set[ServerConnection] = set()

    async def handler(connection: ServerConnection) -> None:
        connections.add(connection)
        await connection.wait_closed()
        connections.discard(connection)

    def emit(due: list[float]) -> None:
        for at in due:
            broadcast(connections, filled(at).decode())

    async with serve(handler, "127.0.0.1", port, compression=None, ping_interval=None):
        print("ready", flush=True)
        async for rate, seconds in orders():
            await paced(rate, seconds, emit)


def clock() -> dict[str, Any]:
    return {
        "now": "2026-01-05T14:30:00Z", "replay": False, "speed": 1.0, "paused": False,
        "finished": False, "calendar": "24/7", "time_zone": "UTC", "market": "open",
        "session": "2026-01-05",
    }  # fmt: skip


class Pushed:
    """A live market of many symbols, each ticking in turn."""

    def __init__(self) -> None:
        from trading_dashboard.agents.market_data.streaming.hub import StreamHub
        from trading_dashboard.agents.market_data.streaming.live_feed import LiveFeed

        self.feed = LiveFeed(clock)
        self.hub = StreamHub(self.feed)
        self._symbols = tuple(f"SYM{number:03}" for number in range(SYMBOLS))
        self._next = 0

    def emit(self, due: list[float]) -> None:
        """Let as many ticks arrive, each priced with the time it fell due."""
        import numpy as np

        from trading_dashboard.agents.market_data.records import Ticks

        count = len(due)
        chosen = (np.arange(self._next, self._next + count) % SYMBOLS).astype(np.int32)
        self._next += count
        self.feed.publish(
            Ticks(
                source="bench",
                symbols=self._symbols,
                symbol=chosen,
                at=np.full(count, 1_767_623_400_123_456, dtype=np.int64),
                price=np.array(due),
                size=np.full(count, 1000.0),
                received=np.zeros(count, dtype=np.int64),
            )
        )

    async def follow(self) -> None:
        """Do what standard input orders."""
        self.emit([time.perf_counter()] * SYMBOLS)
        print("ready", flush=True)
        async for rate, seconds in orders():
            await paced(rate, seconds, self.emit)


def serve_ours(port: int) -> None:
    from starlette.websockets import WebSocket

    from trading_dashboard.agents.kit import AgentApp, AgentEnvironment, create_agent_app, run_agent
    from trading_dashboard.agents.market_data.streaming.connection import serve_stream

    pushed = Pushed()

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(pushed.hub.run()), asyncio.create_task(pushed.follow())]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def build(environment: AgentEnvironment) -> AgentApp:
        app = create_agent_app(environment, version="0", lifespan=lifespan)

        async def stream(websocket: WebSocket) -> None:
            await serve_stream(websocket, pushed.hub)

        app.router.add_websocket_route("/stream", stream, name="stream")
        return app

    raise SystemExit(run_agent("bench", build, default_port=port, arguments=["--port", str(port)]))


# The clients.


async def run_clients(port: int, subscribers: int) -> None:
    """Connect; then answer each line with what was received since the last one."""
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(subscribers):
        _, client = await loop.create_connection(Client, "127.0.0.1", port)
        clients.append(client)
    print("ready", flush=True)
    async for _ in orders():
        late = sorted(item for client in clients for item in client.lateness)
        merged = sum(client.merged for client in clients)
        for client in clients:
            client.lateness.clear()
            client.merged = 0
        p99 = late[int(len(late) * 0.99)] if late else float("inf")
        print(len(late), p99, merged, flush=True)


# The run.


@contextlib.contextmanager
def started(role: str, port: int, subscribers: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.fanout", "--role", role, "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--subscribers", str(subscribers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        while (line := process.stdout.readline()).strip() != "ready":
            assert line, f"{role} did not get ready"
        yield process
    finally:
        process.terminate()
        process.communicate()


def ask(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


class Setup:
    """One server with its clients."""

    def __init__(
        self, server: subprocess.Popen[str], clients: subprocess.Popen[str], count: int
    ) -> None:
        self._server = server
        self._clients = clients
        self._count = count
        self._others = Others([os.getpid(), server.pid, clients.pid])

    def holds(self, rate: int, seconds: float) -> tuple[bool, float, float, float]:
        """Return whether all updates of a rate arrive in time, the 99th percentile and the cost.

        The last is the share of the machine that others used meanwhile. The cost is the server's
        CPU time for one update to one reader, in microseconds: it says what the rate would be
        without others on the machine.
        """
        self._report()
        before = self._cpu_seconds()
        self._others.share()
        ask(self._server, f"{rate} {seconds}")
        time.sleep(seconds + 1.0)
        cost, others = self._cpu_seconds() - before, self._others.share()
        received, p99, merged = self._report()
        expected = rate * seconds * self._count
        is_held = received >= 0.999 * expected and not merged and p99 <= BOUND_SECONDS
        return is_held, p99, cost / expected * 1e6, others

    def _cpu_seconds(self) -> float:
        return sum(psutil.Process(self._server.pid).cpu_times()[:2])

    def _report(self) -> tuple[int, float, int]:
        ask(self._clients, "0 0")
        assert self._clients.stdout is not None
        received, p99, merged = self._clients.stdout.readline().split()
        return int(received), float(p99), int(merged)


def highest(setup: Setup, name: str, seconds: float) -> tuple[int, float]:
    """Return the highest rate that holds, found by steps that become finer, and its cost."""
    best, rate, step, failures, disturbed, cost = 0, FIRST_RATE, STEP, 0, 0, 0.0
    time.sleep(WARM_UP_SECONDS)  # until every reader has its snapshots
    setup.holds(FIRST_RATE, WARM_UP_SECONDS)
    while True:
        is_held, p99, spent, others = setup.holds(rate, seconds)
        verdict = "holds" if is_held else "fails"
        print(
            f"  {name:6} {rate:6}/s  p99 {p99 * 1e3:7.1f} ms  {spent:6.2f} µs CPU  "
            f"others {100 * others:3.0f} %  {verdict}"
        )
        if is_held:
            best, cost, failures, disturbed = rate, spent, 0, 0
            rate = int(rate * step) + 1
            continue
        if others > DISTURBED and disturbed < MAX_DISTURBED:
            disturbed += 1
            continue
        failures += 1
        if failures >= TRIES:
            if step == FINER or not best:
                return best, cost
            step, failures, disturbed = FINER, 0, 0
            rate = int(best * FINER) + 1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def compare(seconds: float, subscribers: int, rounds: int) -> None:
    found: dict[str, list[tuple[int, float]]] = {"bare": [], "ours": []}
    for _ in range(rounds):
        for name, results in found.items():
            port = free_port()
            with (
                started(name, port, subscribers) as server,
                started("clients", port, subscribers) as clients,
            ):
                results.append(highest(Setup(server, clients, subscribers), name, seconds))
    figures = {name: statistics.median(rate for rate, _ in found[name]) for name in found}
    costs = {name: statistics.median(cost for _, cost in found[name]) for name in found}
    for name, title in (("bare", "bare websockets.broadcast"), ("ours", "the stream")):
        print(
            f"{title:28}{figures[name]:8.0f} updates/s to {subscribers}, "
            f"{costs[name]:.2f} µs CPU for one update to one reader"
        )
    if figures["bare"]:
        print(f"{'ratio of rates':28}{figures['ours'] / figures['bare']:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--subscribers", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--role", choices=("bare", "ours", "clients"))
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    if options.role == "bare":
        asyncio.run(serve_bare(options.port))
    elif options.role == "ours":
        serve_ours(options.port)
    elif options.role == "clients":
        asyncio.run(run_clients(options.port, options.subscribers))
    else:
        compare(options.seconds, options.subscribers, options.rounds)


if __name__ == "__main__":
    main()
