"""A read survives a connection that the server closed meanwhile; a change is never sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from trading_dashboard.clients.steady import SteadyTransport

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Hasty:
    """A server that closes a connection at its second request instead of answering it."""

    def __init__(self, answers: int = 1) -> None:
        self.answers = answers
        self.heard: list[str] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            for turn in range(self.answers + 1):
                head = await reader.readuntil(b"\r\n\r\n")
                self.heard.append(head.split(b" ", 1)[0].decode())
                if turn == self.answers:
                    break
                writer.write(OK)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(hasty: Hasty) -> AsyncIterator[str]:
    server = await asyncio.start_server(hasty.serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_a_read_on_a_connection_that_was_closed_is_asked_again() -> None:
    hasty = Hasty()
    async with (
        serving(hasty) as url,
        httpx.AsyncClient(transport=SteadyTransport(), trust_env=False) as client,
    ):
        answers = [(await client.get(url)).status_code for _ in range(3)]

    assert answers == [200, 200, 200]
    assert hasty.heard.count("GET") > 3


async def test_without_it_the_read_fails() -> None:
    async with serving(Hasty()) as url, httpx.AsyncClient(trust_env=False) as client:
        await client.get(url)
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.get(url)


async def test_a_change_has_a_connection_of_its_own_and_is_sent_once() -> None:
    hasty = Hasty()
    async with (
        serving(hasty) as url,
        httpx.AsyncClient(transport=SteadyTransport(), trust_env=False) as client,
    ):
        await client.get(url)
        answers = [(await client.post(url, json={})).status_code for _ in range(3)]

    assert answers == [200, 200, 200]
    assert hasty.heard == ["GET", "POST", "POST", "POST"]
    assert hasty.connections == 4


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("POST", 1)])
async def test_who_never_answers_is_told_of(method: str, times: int) -> None:
    hasty = Hasty(answers=0)
    async with (
        serving(hasty) as url,
        httpx.AsyncClient(transport=SteadyTransport(), trust_env=False) as client,
    ):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.request(method, url)

    assert hasty.heard == [method] * times
