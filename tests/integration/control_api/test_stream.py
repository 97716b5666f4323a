"""The WebSocket: snapshot first, nothing missed, nothing buffered without end, closed at once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.integration.control_api.fakes import TOKEN, Desk, serve
from tests.support import eventually
from trading_dashboard.clients.control import ControlClient
from trading_dashboard.models.control import (
    HeartbeatMessage,
    LogMessage,
    SnapshotMessage,
    UpdateMessage,
)
from trading_dashboard.models.errors import NotSupervised, Unauthorized
from trading_dashboard.models.states import AgentStatus


def open_socket(desk: Desk, **headers: str) -> connect:
    given = {"Authorization": f"Bearer {TOKEN}", **headers}
    url = desk.url.replace("http", "ws") + "/v1/ws"
    return connect(url, additional_headers=given, proxy=None)


async def receive(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(10):
        message = json.loads(await socket.recv())
    assert isinstance(message, dict)
    return message


async def test_a_snapshot_then_each_event_in_order() -> None:
    async with serve() as desk, open_socket(desk) as socket:
        snapshot = await receive(socket)
        assert snapshot["type"] == "snapshot"
        assert snapshot["supervisor"]["run_id"] == "r1"
        assert snapshot["agents"]["first"]["status"] == "stopped"
        for status in (AgentStatus.STARTING, AgentStatus.RUNNING):
            desk.manager.set("first", status)
        updates = [await receive(socket) for _ in range(2)]
        assert [u["seq"] for u in updates] == [snapshot["seq"] + 1, snapshot["seq"] + 2]
        assert [u["agent"]["status"] for u in updates] == ["starting", "running"]
        assert updates[0]["event"]["kind"] == "transition"


async def test_a_slow_reader_gets_a_fresh_snapshot() -> None:
    async with serve(stream_capacity=3) as desk, open_socket(desk) as socket:
        first = await receive(socket)
        for _ in range(10):  # in one step of the loop: nothing can be sent between
            desk.manager.set("first", AgentStatus.RUNNING)
        again = await receive(socket)
        assert (again["type"], again["seq"]) == ("snapshot", first["seq"] + 10)
        desk.manager.set("first", AgentStatus.STOPPED)
        assert (await receive(socket))["seq"] == first["seq"] + 11


async def test_silence_is_filled_with_heartbeats() -> None:
    async with serve(heartbeat_seconds=0.02) as desk, open_socket(desk) as socket:
        await receive(socket)
        assert await receive(socket) == {"type": "heartbeat"}


async def test_log_lines_have_neither_gap_nor_repetition() -> None:
    async with serve() as desk, open_socket(desk) as socket:
        await receive(socket)
        for _ in range(5):
            desk.manager.write("first")
        await socket.send('{"op": "subscribe_logs", "agents": ["first"], "lines": 3}')
        await eventually(lambda: desk.manager.followers == 1)
        for _ in range(3):
            desk.manager.write("first")
        lines = [(await receive(socket))["line"]["seq"] for _ in range(6)]
        assert lines == [2, 3, 4, 5, 6, 7]
        await socket.send('{"op": "unsubscribe_logs"}')
        await socket.send('{"op": "nonsense"}')
        assert (await receive(socket))["type"] == "error"
        desk.manager.write("first")
        desk.manager.set("first", AgentStatus.RUNNING)
        assert (await receive(socket))["type"] == "update"


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "[]",
        b"\x00",
        '{"op": "subscribe_logs", "agents": []}',
        '{"op": "subscribe_logs", "agents": ["nobody"]}',
    ],
)
async def test_a_wrong_message_is_answered_and_the_stream_goes_on(message: str | bytes) -> None:
    async with serve() as desk, open_socket(desk) as socket:
        await receive(socket)
        await socket.send(message)
        answer = await receive(socket)
        assert answer["type"] == "error"
        assert answer["error"]["message"]
        desk.manager.set("first", AgentStatus.RUNNING)
        assert (await receive(socket))["type"] == "update"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_strangers_are_refused_before_the_handshake(
    headers: dict[str, str], status: int
) -> None:
    async with serve() as desk:
        with pytest.raises(InvalidStatus) as refused:
            async with open_socket(desk, **headers):
                pass
        assert refused.value.response.status_code == status
        assert json.loads(refused.value.response.body or b"")["error"]["code"]


async def test_a_loopback_origin_is_served() -> None:
    async with serve() as desk, open_socket(desk, Origin="http://localhost:8501") as socket:
        assert (await receive(socket))["type"] == "snapshot"


async def test_the_end_of_the_server_closes_sockets_at_once() -> None:
    async with serve() as desk, open_socket(desk) as reading, open_socket(desk):
        await receive(reading)
        async with asyncio.timeout(5):
            await desk.server.aclose()
            with pytest.raises(ConnectionClosed):
                await reading.recv()


async def test_the_end_of_the_supervisor_ends_the_stream() -> None:
    async with (
        serve() as desk,
        ControlClient(desk.url, TOKEN) as client,
        client.stream() as stream,
    ):
        messages = aiter(stream)
        assert isinstance(await anext(messages), SnapshotMessage)
        desk.manager.events.close()
        assert [message async for message in messages] == []


async def test_a_client_that_vanishes_leaves_nothing_behind() -> None:
    async with serve() as desk:
        async with open_socket(desk) as socket:
            await receive(socket)
            assert desk.manager.events.has_subscribers
            socket.transport.abort()
        await eventually(lambda: not desk.manager.events.has_subscribers)


async def test_the_client_types_messages_and_errors() -> None:
    async with serve(heartbeat_seconds=0.05) as desk:
        async with ControlClient(desk.url, TOKEN) as client, client.stream() as stream:
            messages = aiter(stream)
            assert isinstance(await anext(messages), SnapshotMessage)
            desk.manager.write("first")
            await stream.subscribe_logs(["first"])
            assert isinstance(await anext(messages), LogMessage)
            await stream.unsubscribe_logs()
            desk.manager.set("first", AgentStatus.RUNNING)
            assert isinstance(await anext(messages), UpdateMessage)
            assert isinstance(await anext(messages), HeartbeatMessage)
        async with ControlClient(desk.url, "wrong") as client:
            with pytest.raises(Unauthorized):
                async with client.stream():
                    pass
        await desk.server.aclose()
        async with ControlClient(desk.url, TOKEN) as client:
            with pytest.raises(NotSupervised):
                async with client.stream():
                    pass
