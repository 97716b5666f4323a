"""`/stream` over real sockets, and the client that comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from typing import Any

import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.integration.market_data.conftest import AgentProcess, StartAgent
from tests.integration.market_data.raw_socket import frame, open_stream
from tests.support import eventually, eventually_sync
from trading_dashboard.clients.market_data import MarketDataClient
from trading_dashboard.models.errors import Unauthorized, UnknownSymbol
from trading_dashboard.models.market_api import (
    MARKET_MESSAGE,
    BarUpdate,
    MarketMessage,
    MarketReset,
    PriceTick,
    SymbolSnapshot,
)

SUBSCRIBE = {"op": "subscribe", "symbols": ["*"], "intervals": ["1m", "1d"]}


async def messages_of(connection: ClientConnection) -> AsyncIterator[MarketMessage]:
    """Yield messages, each checked against its model and its sequence number."""
    expected = 1
    async for text in connection:
        message = MARKET_MESSAGE.validate_json(text)
        assert message.seq == expected
        expected += 1
        yield message


async def collect(agent: AgentProcess, count: int, *operations: Any) -> list[MarketMessage]:
    """Return the first messages of a new connection."""
    found: list[MarketMessage] = []
    async with asyncio.timeout(20), connect(agent.stream_url, proxy=None) as connection:
        for operation in operations:
            text = operation if isinstance(operation, str | bytes) else json.dumps(operation)
            await connection.send(text)
        async for message in messages_of(connection):
            found.append(message)
            if len(found) >= count:
                return found
    return found


async def test_snapshots_first_then_ticks_and_bars(agent: AgentProcess) -> None:
    found = await collect(agent, 200, SUBSCRIBE)
    assert found[0].type == "clock"
    snapshots = [message for message in found if isinstance(message, SymbolSnapshot)]
    assert {message.symbol for message in snapshots} == {"AAPL", "FB", "GOOG", "IBM", "MSFT"}
    assert all(set(message.bars) == {"1m", "1d"} for message in snapshots)
    for symbol in ("AAPL", "FB"):
        own = [m for m in found if getattr(m, "symbol", None) == symbol]
        assert isinstance(own[0], SymbolSnapshot)
        seqs = [m.price.seq for m in own if isinstance(m, SymbolSnapshot | PriceTick)]
        assert seqs == sorted(set(seqs))
        # Nothing is lost between snapshot and ticks: what was merged is counted.
        merged = [m.conflated for m in own if isinstance(m, PriceTick)]
        gaps = [b - a - 1 for a, b in pairwise(seqs)]
        assert gaps == merged


async def test_closed_bars_come_once_and_equal_history(start_agent: StartAgent) -> None:
    agent = start_agent(settings={"replay_speed": 300})
    found = await collect(agent, 120, {"op": "subscribe", "symbols": ["ibm"], "intervals": ["1m"]})
    closed = [m.bar for m in found if isinstance(m, BarUpdate) and m.bar.closed]
    times = [bar.timestamp for bar in closed]
    assert len(times) > 3
    assert times == sorted(set(times))
    async with MarketDataClient(agent.url) as client:
        bars = client.bars("IBM", interval="1m", start=times[0].date())
        history = {bar.timestamp: bar async for bar in bars}
    for bar in closed:
        assert history[bar.timestamp].model_copy(update={"adjusted_close": bar.close}) == bar


async def test_bad_messages_are_answered_not_fatal(agent: AgentProcess) -> None:
    bad: list[Any] = [
        "garbage", b"\xff\xfe", "[]", '{"op":"dance"}', '{"op":"subscribe","symbols":[]}',
        {"op": "subscribe", "symbols": ["IBM"], "intervals": ["7m"]},
        {"op": "subscribe", "symbols": ["IBM", "NOPE"]},
    ]  # fmt: skip
    async with asyncio.timeout(20), connect(agent.stream_url, proxy=None) as connection:
        for operation in bad:
            await connection.send(
                json.dumps(operation) if isinstance(operation, dict) else operation
            )
        codes = []
        async for message in messages_of(connection):
            if message.type == "error":
                codes.append(message.error["code"])
            if message.type == "tick" and len(codes) == len(bad):
                break
    assert codes == ["invalid_operation"] * 6 + ["unknown_symbol"]
    assert agent.get("/health").status_code == 200


async def test_unsubscribing_ends_updates(agent: AgentProcess) -> None:
    async with asyncio.timeout(20), connect(agent.stream_url, proxy=None) as connection:
        await connection.send(json.dumps({"op": "subscribe", "symbols": ["IBM", "FB"]}))
        incoming = messages_of(connection)
        async for message in incoming:
            if message.type == "tick":
                break
        await connection.send(json.dumps({"op": "unsubscribe", "symbols": ["ibm"]}))
        await connection.send('{"op":"mark"}')
        async for message in incoming:
            if message.type == "error":
                break
        later = [await anext(incoming) for _ in range(20)]
    assert {m.symbol for m in later if isinstance(m, PriceTick)} == {"FB"}


async def test_a_jump_resets_and_a_pause_brings_heartbeats(agent: AgentProcess) -> None:
    async with asyncio.timeout(20), connect(agent.stream_url, proxy=None) as connection:
        await connection.send(json.dumps(SUBSCRIBE))
        incoming = messages_of(connection)
        async for message in incoming:
            if message.type == "tick":
                break
        change = {"now": "2004-08-18T19:59:59Z", "paused": True}
        answer = await asyncio.to_thread(agent.set_clock, **change)
        assert answer.status_code == 200
        async for message in incoming:
            if message.type == "reset":
                break
        assert isinstance(message, MarketReset)
        assert message.reason == "clock_jump"
        snapshots = []
        async for message in incoming:
            if message.type == "heartbeat":
                break
            if message.type == "snapshot":
                snapshots.append(message.symbol)
        # Neither Google nor Facebook is listed on that day.
        assert snapshots == ["AAPL", "IBM", "MSFT"]
        await asyncio.to_thread(agent.set_clock, paused=False)
        symbols = set()
        async for message in incoming:
            symbols.add(getattr(message, "symbol", ""))
            if message.type == "snapshot":
                break
    # The next morning Google is listed, and whoever wanted everything gets it.
    assert isinstance(message, SymbolSnapshot)
    assert message.symbol == "GOOG"
    assert "FB" not in symbols


def drain(stuck: socket.socket) -> Iterator[dict[str, Any]]:
    """Yield the messages in a raw WebSocket's stream of unmasked text frames."""
    buffer = b""
    stuck.settimeout(5)
    while True:
        while len(buffer) < 4 or len(buffer) < (need := frame_length(buffer)):
            buffer += stuck.recv(65_536)
        header = 2 if buffer[1] < 126 else 4
        if buffer[0] == 0x81:
            yield json.loads(buffer[header:need])
        buffer = buffer[need:]


def frame_length(buffer: bytes) -> int:
    if buffer[1] < 126:
        return 2 + buffer[1]
    return 4 + int.from_bytes(buffer[2:4])


def test_a_slow_reader_is_conflated_and_then_gets_the_newest(start_agent: StartAgent) -> None:
    agent = start_agent(settings={"replay_speed": 1000})
    intervals = ["1s", "5s", "1m", "1h", "1d"]
    operation = {"op": "subscribe", "symbols": ["*"], "intervals": intervals}
    stuck = open_stream(agent.port, operation)
    process = psutil.Process(agent.process.pid)

    def conflated() -> float:
        text = agent.get("/metrics").text
        line = next(x for x in text.splitlines() if x.startswith("market_data_stream_conflated_t"))
        return float(line.split()[1])

    eventually_sync(lambda: conflated() > 500, 20)
    before = process.memory_info().rss
    eventually_sync(lambda: conflated() > 3000, 30)
    assert process.memory_info().rss - before < 20 * 1024 * 1024
    wanted = agent.get("/price/IBM").json()["seq"]
    seq, merged = 0, 0
    for message in drain(stuck):
        assert message["seq"] == seq + 1
        seq = message["seq"]
        merged += message.get("conflated", 0)
        if message["type"] == "tick" and message["price"]["seq"] >= wanted:
            break
    assert merged > 0
    stuck.close()


async def test_one_who_asks_too_much_is_disconnected(agent: AgentProcess) -> None:
    async with asyncio.timeout(20):
        async with connect(agent.stream_url, proxy=None) as connection:
            with contextlib.suppress(ConnectionClosed):
                for _ in range(2000):
                    await connection.send(json.dumps(SUBSCRIBE))
                while True:
                    await connection.recv()
    assert connection.close_code == 1008
    with contextlib.suppress(ConnectionError):
        huge = open_stream(agent.port, frame(b"x" * 60_000))
        huge.close()
    assert agent.get("/health").status_code == 200


async def test_only_so_many_streams(agent: AgentProcess) -> None:
    async with asyncio.timeout(30), contextlib.AsyncExitStack() as stack:
        for _ in range(64):
            await stack.enter_async_context(connect(agent.stream_url, proxy=None))
        async with connect(agent.stream_url, proxy=None) as late:
            with pytest.raises(ConnectionClosed):
                await late.recv()
        assert late.close_code == 1013
    async with asyncio.timeout(20):
        await eventually(lambda: asyncio.to_thread(connections, agent, 0))
    assert (await collect(agent, 1))[0].type == "clock"


def connections(agent: AgentProcess, count: int) -> bool:
    return f"market_data_stream_connections {count}.0" in agent.get("/metrics").text


async def test_foreign_origins_and_hosts_get_no_stream(agent: AgentProcess) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}):
        with pytest.raises(InvalidStatus) as caught:
            async with connect(agent.stream_url, proxy=None, additional_headers=headers):
                pass
        assert caught.value.response.status_code == 403
    rebound = f"ws://evil.example:{agent.port}/stream"
    with pytest.raises(InvalidStatus):
        async with connect(rebound, host="127.0.0.1", port=agent.port, proxy=None):
            pass
    allowed = {"Origin": f"http://localhost:{agent.port}"}
    async with connect(agent.stream_url, proxy=None, additional_headers=allowed) as connection:
        assert json.loads(await connection.recv())["type"] == "clock"


async def test_the_client_comes_back_after_a_kill(
    start_agent: StartAgent, agent: AgentProcess
) -> None:
    client = MarketDataClient(agent.url)
    async with asyncio.timeout(40), client:
        incoming = client.stream(["IBM"], ["1m"])
        async for message in incoming:
            if message.type == "tick":
                last = message.price.seq
                break
        await asyncio.to_thread(agent.end, signal.SIGKILL)
        again = await asyncio.to_thread(start_agent, "--port", str(agent.port), wait=False)
        async for message in incoming:
            if message.type == "reset":
                assert message.reason == "reconnected"
                break
            if message.type == "tick":
                last = message.price.seq
        async for message in incoming:
            if message.type == "snapshot":
                break
    assert again.process.poll() is None
    assert isinstance(message, SymbolSnapshot)
    assert message.price.seq >= last


async def test_the_client_asks_and_understands(agent: AgentProcess) -> None:
    async with MarketDataClient(agent.url, agent.token) as client:
        clock = await client.set_clock(paused=True, speed=7)
        assert (clock.paused, clock.speed) == (True, 7)
        assert (await client.clock()).paused
        assert {row.symbol for row in await client.symbols()} >= {"AAPL", "FB"}
        assert (await client.price("ibm")).symbol == "IBM"
        assert len(await client.actions("AAPL")) == 3
        days = [bar async for bar in client.bars("IBM", page_limit=1000)]
        assert len(days) == 3148
        with pytest.raises(UnknownSymbol) as caught:
            await client.price("APPL")
        assert caught.value.details == ({"symbol": "AAPL"},)
    async with MarketDataClient(agent.url) as client:
        with pytest.raises(Unauthorized):
            await client.set_clock(paused=False)
