"""From a closed bar to the event that tells what it brought: 500 symbols at once, and spread out.

A market data agent of the bench's own sends a closed bar of each of 500 symbols over a real
WebSocket to a real pattern agent in a process of its own; a reader of its stream notes when the
first event of each bar is there. Beside it, the same messages through a bare relay built on
`websockets`, in a process of its own too: what no agent can beat. *Burst* sends all bars as fast as
they can be sent, so the last one waits for all before it; *spread* sends them over a second, as
symbols that trade do.

    .venv/bin/python -m bench.pattern_events [--symbols 500] [--rounds 10]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import orjson
import pyarrow as pa
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect

from bench.desk import free_port

START = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
HISTORY = 600
PAUSE_SECONDS = 5.0
"""Between rounds: the outcomes of one are counted before the next, as in a minute's time."""
LOAD_SECONDS = 120.0
"""The agent has read all history by then, or the bench says what it saw and ends."""
ANSWER_SECONDS = 30.0
"""A snapshot has come by then, and every process has ended when it was asked to."""
LABEL = {"source": "bench", "replay": False, "intraday": "real"}
PREFIX = "TRADING_DASHBOARD_"

RELAY = """
import asyncio, sys
from websockets.asyncio.client import connect
from websockets.asyncio.server import broadcast, serve
readers = set()
async def handler(connection):
    readers.add(connection)
    await connection.wait_closed()
    readers.discard(connection)
async def main():
    async with serve(handler, "127.0.0.1", int(sys.argv[2]), compression=None):
        async with connect(sys.argv[1], compression=None) as source:
            await source.send('{"op":"subscribe","symbols":["*"],"intervals":["1m"]}')
            async for message in source:
                broadcast(readers, message)
asyncio.run(main())
"""


class Market:
    """Random walks of many symbols, and who reads their bars."""

    def __init__(self, symbols: int) -> None:
        self.names = [f"S{number:03d}" for number in range(symbols)]
        self.rng = np.random.default_rng(1)
        self.closes = np.full(symbols, 100.0)
        self.minute = HISTORY
        self.sockets: dict[WebSocket, int] = {}

    def clock(self) -> dict[str, Any]:
        """Return the market clock."""
        now = START + timedelta(minutes=self.minute)
        return {
            "now": now.isoformat(), "replay": False, "speed": 1.0, "paused": False,
            "finished": False, "calendar": "24/7", "time_zone": "UTC", "market": "open",
            "session": now.date().isoformat(),
        }  # fmt: skip

    def history(self, name: str) -> pa.Table:
        """Return a symbol's bars up to the start."""
        rng = np.random.default_rng(self.names.index(name))
        close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.002, HISTORY))), 2)
        opened = np.concatenate(([100.0], close[:-1]))
        spread = np.abs(rng.normal(0, 0.1, (2, HISTORY)))
        self.closes[self.names.index(name)] = close[-1]
        start = int(START.timestamp()) * 1_000_000
        time_ = pa.array(start + 60_000_000 * np.arange(HISTORY), pa.timestamp("us", "UTC"))
        prices = {
            "open": opened,
            "high": np.maximum(opened, close) + spread[0],
            "low": np.minimum(opened, close) - spread[1],
            "close": close,
            "volume": np.full(HISTORY, 1000.0),
        }
        table = pa.table({"timestamp": time_, **{k: pa.array(v) for k, v in prices.items()}})
        return table.replace_schema_metadata({b"trading_dashboard": orjson.dumps(LABEL)})

    def next_bars(self) -> list[bytes]:
        """Return the next minute's closed bars as the insides of messages."""
        at = (START + timedelta(minutes=self.minute)).isoformat().replace("+00:00", "Z")
        self.minute += 1
        bodies = []
        for place, name in enumerate(self.names):
            opened = float(self.closes[place])
            close = round(opened * (1 + float(self.rng.normal(0, 0.002))), 2)
            self.closes[place] = close
            high, low = max(opened, close) + 0.05, min(opened, close) - 0.05
            bar = {
                "timestamp": at, "open": opened, "high": high, "low": low, "close": close,
                "volume": 1000.0, "source": "bench", "closed": True,
            }  # fmt: skip
            body = {"type": "bar", "symbol": name, "interval": "1m", "bar": bar}
            bodies.append(orjson.dumps({"event": self.minute, **body})[1:-1])
        return bodies

    async def send(self, body: bytes) -> None:
        """Send a message to whoever reads."""
        for socket in list(self.sockets):
            self.sockets[socket] += 1
            await socket.send_text(f'{{"seq":{self.sockets[socket]},{body.decode()}}}')

    async def heartbeats(self) -> None:
        """Fill silence."""
        while True:
            await asyncio.sleep(0.5)
            await self.send(b'"type":"heartbeat"')

    async def stream(self, socket: WebSocket) -> None:
        """Serve one reader."""
        await socket.accept()
        await socket.receive_text()
        clock = {"seq": 1, "type": "clock", "clock": self.clock(), "epoch": "bench"}
        await socket.send_text(json.dumps(clock))
        self.sockets[socket] = 1
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            self.sockets.pop(socket, None)

    def app(self) -> Starlette:
        """Return the routes a pattern agent asks."""

        async def clock(_: Request) -> Response:
            return JSONResponse(self.clock() | {"source": "bench", "intraday": "real"})

        async def symbols(_: Request) -> Response:
            same = {
                "name": "", "exchange": "X", "calendar": "24/7", "time_zone": "UTC",
                "source": "bench",
            }  # fmt: skip
            rows = [{"symbol": name, **same} for name in self.names]
            return JSONResponse({"symbols": rows, "total": len(rows), "next_offset": None, **LABEL})

        async def actions(request: Request) -> Response:
            return JSONResponse({"symbol": request.path_params["symbol"], "actions": [], **LABEL})

        async def historical(request: Request) -> Response:
            sink = pa.BufferOutputStream()
            table = self.history(request.path_params["symbol"])
            with pa.ipc.new_stream(sink, table.schema) as writer:
                writer.write_table(table)
            return Response(
                sink.getvalue().to_pybytes(), media_type="application/vnd.apache.arrow.stream"
            )

        return Starlette(
            routes=[
                Route("/clock", clock),
                Route("/symbols", symbols),
                Route("/actions/{symbol}", actions),
                Route("/historical/{symbol}", historical),
                WebSocketRoute("/stream", self.stream),
            ]
        )


@asynccontextmanager
async def serving(market: Market) -> AsyncIterator[int]:
    port = free_port()
    config = uvicorn.Config(
        market.app(), port=port, log_level="error", ws_per_message_deflate=False
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    beating = asyncio.create_task(market.heartbeats())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield port
    finally:
        beating.cancel()
        server.should_exit = True
        server.force_exit = True
        await running


@asynccontextmanager
async def process(arguments: list[str], **environment: str) -> AsyncIterator[None]:
    env = {**os.environ, **{PREFIX + key: value for key, value in environment.items()}}
    with subprocess.Popen(  # noqa: ASYNC220 - two of them, before anything is measured
        [sys.executable, *arguments], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        try:
            yield
        finally:
            child.terminate()
            try:
                child.wait(ANSWER_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()


class Reader:
    """Notes when the first message about each symbol's bar arrives."""

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}
        self.count = 0

    def note(self, text: str | bytes) -> None:
        """Note a message's arrival."""
        now = time.perf_counter()
        message = orjson.loads(text)
        about = message.get("detection") or message
        if message["type"] in ("pattern", "bar"):
            self.count += 1
            self.arrived.setdefault(about["symbol"], now)

    async def snapshot(self, connection: ClientConnection) -> None:
        """Wait until a snapshot has come; a relay has none.

        Raises:
            SystemExit: None came in time, or the stream ended.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                async for text in connection:
                    if orjson.loads(text)["type"] == "snapshot":
                        return
        raise SystemExit(
            f"The agent's stream brought no snapshot within {ANSWER_SECONDS:g} s of subscribing. "
            "Start the agent by itself and look at its /health."
        )

    async def read(self, connection: ClientConnection) -> None:
        """Note all that comes."""
        async for text in connection:
            self.note(text)


Play = Callable[[Market, list[bytes]], Awaitable[dict[str, float]]]


async def burst(market: Market, bodies: list[bytes]) -> dict[str, float]:
    sent = {}
    for name, body in zip(market.names, bodies, strict=True):
        sent[name] = time.perf_counter()
        await market.send(body)
    return sent


async def spread(market: Market, bodies: list[bytes]) -> dict[str, float]:
    sent = {}
    began = time.perf_counter()
    for place, (name, body) in enumerate(zip(market.names, bodies, strict=True)):
        await asyncio.sleep(max(began + place / len(bodies) - time.perf_counter(), 0))
        sent[name] = time.perf_counter()
        await market.send(body)
    return sent


async def measured(
    market: Market, url: str, play: Play, rounds: int, *, has_snapshot: bool = False
) -> tuple[list[float], int]:
    """Return the delays of all bars that brought something, in milliseconds, and the messages."""
    reader, delays = Reader(), []
    async with connect(url, compression=None, max_size=2**26) as connection:
        await connection.send('{"op":"subscribe","symbols":["*"]}')
        if has_snapshot:
            await reader.snapshot(connection)
        reading = asyncio.create_task(reader.read(connection))
        await asyncio.sleep(1.0)
        for _ in range(rounds):
            bodies = market.next_bars()
            reader.arrived.clear()
            sent = await play(market, bodies)
            await asyncio.sleep(PAUSE_SECONDS)
            delays += [1000 * (reader.arrived[name] - sent[name]) for name in reader.arrived]
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    return delays, reader.count


async def wait_loaded(port: int, wanted: int, *, within: float = LOAD_SECONDS) -> float:
    """Return after how many seconds the agent follows all series.

    Raises:
        SystemExit: It does not in time; says how many it follows and what its health tells.
    """
    began = time.perf_counter()
    seen = "it never answered"
    async with httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{port}") as client:
        while time.perf_counter() - began < within:
            await asyncio.sleep(0.1)
            try:
                metrics = (await client.get("/metrics")).text
                if f"pattern_series {float(wanted)}" in metrics.splitlines():
                    return time.perf_counter() - began
                health = (await client.get("/health")).text
            except httpx.HTTPError as error:
                seen = repr(error)
                continue
            followed = [it for it in metrics.splitlines() if it.startswith("pattern_series ")]
            seen = f"{followed or 'no pattern_series in /metrics'}, health {health[:500]}"
    raise SystemExit(
        f"The agent does not follow all {wanted} series after {within:g} s. Observed: {seen}. "
        "Start it by itself and look at its log."
    )


def line(name: str, delays: list[float], messages: int) -> str:
    if not delays:
        return f"{name:28} nothing came"
    p50, p99, most = (float(np.percentile(delays, part)) for part in (50, 99, 100))
    return f"{name:28} {p50:8.1f} {p99:8.1f} {most:8.1f} {len(delays):8} {messages:9}"


async def main(symbols: int, rounds: int, worth_seconds: float) -> None:
    market = Market(symbols)
    async with serving(market) as port:
        print(f"{'ms from sent to told':28} {'p50':>8} {'p99':>8} {'most':>8} {'bars':>8} messages")
        relay = free_port()
        source = f"ws://127.0.0.1:{port}/stream"
        async with process(["-c", RELAY, source, str(relay)]):
            await asyncio.sleep(1.5)
            for play in (burst, spread):
                found = await measured(market, f"ws://127.0.0.1:{relay}", play, rounds)
                print(line(f"bare relay, {play.__name__}", *found), flush=True)
        market.sockets.clear()
        market.minute = HISTORY
        agent = free_port()
        with tempfile.TemporaryDirectory() as folder:
            arguments = ["-m", "trading_dashboard.agents.pattern_recognition", "--port", str(agent)]
            async with process(
                [*arguments, "--data-directory", folder],
                AGENT_URLS=json.dumps({"market_data": f"http://127.0.0.1:{port}"}),
                AGENT_SETTINGS=json.dumps({"timeframes": ["1m"], "history_bars": HISTORY}),
            ):
                seconds = await wait_loaded(agent, symbols)
                await asyncio.sleep(worth_seconds)  # the worth of all this history
                for play in (burst, spread):
                    url = f"ws://127.0.0.1:{agent}/stream"
                    found = await measured(market, url, play, rounds, has_snapshot=True)
                    print(line(f"pattern agent, {play.__name__}", *found), flush=True)
                print(f"{symbols} series of {HISTORY} bars read in {seconds:.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--worth-seconds", type=float, default=30)
    asked = parser.parse_args()
    asyncio.run(main(asked.symbols, asked.rounds, asked.worth_seconds))
