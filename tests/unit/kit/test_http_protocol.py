"""The head of a request is bounded, however it comes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from uvicorn.server import ServerState

from trading_dashboard.agents.kit import AgentEnvironment, create_agent_app, http_protocol
from trading_dashboard.agents.kit.http_protocol import MAX_HEAD_BYTES, BoundedHttp

GOOD = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
PIECES = 40
STATUS = re.compile(rb"HTTP/1\.1 (\d+)")


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    app = create_agent_app(AgentEnvironment(name="t", data_directory=tmp_path), version="1")
    config = uvicorn.Config(app, http=BoundedHttp, log_config=None, lifespan="off")
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: BoundedHttp(config, state, {}), "127.0.0.1", 0
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


async def statuses(port: int, *parts: bytes) -> list[bytes]:
    """Send the parts; return the status of each answer until a refusal or the connection's end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    async with asyncio.timeout(10):
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            while b"HTTP/1.1 400" not in received and received.count(b"HTTP/1.1") < len(parts):
                piece = await reader.read(65536)
                if not piece:
                    break
                received += piece
        except ConnectionError:
            return [b"cut"]
        finally:
            writer.close()
    return STATUS.findall(received)


def long_heads() -> dict[str, list[bytes]]:
    piece = b"x" * (MAX_HEAD_BYTES // 2)
    return {
        "address": [b"GET /", *[piece] * PIECES, b" HTTP/1.1\r\n\r\n"],
        "one header": [b"GET / HTTP/1.1\r\nX: ", *[piece] * PIECES, b"\r\n\r\n"],
        "many headers": [b"GET / HTTP/1.1\r\n", *[b"X: " + piece + b"\r\n"] * PIECES, b"\r\n"],
        "after a good request": [GOOD, b"GET / HTTP/1.1\r\nX: ", *[piece] * PIECES, b"\r\n\r\n"],
    }


@pytest.mark.parametrize("kind", list(long_heads()))
async def test_a_head_without_end_is_refused(kind: str, port: int) -> None:
    found = await statuses(port, *long_heads()[kind])
    assert found[-1] in (b"400", b"cut"), found


@pytest.mark.parametrize("kind", ["one header", "many headers"])
async def test_without_the_bound_it_would_be_read(
    kind: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "MAX_HEAD_BYTES", 1 << 30)
    *head, end = long_heads()[kind]
    request = [b"GET /health HTTP/1.1\r\nHost: localhost\r\n", *head[1:], end]
    if kind == "one header":
        request[0] += b"X: "
    assert (await statuses(port, b"".join(request)))[-1] == b"200"


async def test_requests_one_after_the_other_are_each_counted_anew(port: int) -> None:
    header = b"X: " + b"x" * (MAX_HEAD_BYTES // 2) + b"\r\n\r\n"
    request = GOOD[:-2] + header
    assert await statuses(port, request, request, request, request) == [b"200"] * 4


async def test_nonsense_is_refused(port: int) -> None:
    assert await statuses(port, b"NONSENSE\r\n\r\n") == [b"400"]
