"""A small HTTP server that has bad days: what every fake provider here is made of.

Plain sockets, so that it can break HTTP itself. Each test runs its own on a port of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, urlsplit


class Day(StrEnum):
    """How the server behaves below its answers' content."""

    GOOD = "good"
    LIMITED = "limited"
    LIMITED_UNTIL_A_DATE = "limited_until_a_date"
    FAILING = "failing"
    UNAVAILABLE = "unavailable"
    FORBIDDING = "forbidding"
    SILENT = "silent"
    DRIPPING = "dripping"
    SILENT_AFTER_HEAD = "silent_after_head"
    TRUNCATED = "truncated"
    TRUNCATED_CHUNKS = "truncated_chunks"
    RESETTING = "resetting"
    HANGING_UP = "hanging_up"
    NO_HTTP = "no_http"
    NO_JSON = "no_json"
    HTML = "html"
    EMPTY = "empty"
    NO_OBJECT = "no_object"
    DEEP = "deep"
    ENDLESS = "endless"
    BAD_GZIP = "bad_gzip"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    target: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered on a good day."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Return the body's bytes; texts go as they are."""
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


class FakeProvider(ABC):
    """Answers as `reply` says, on good days."""

    def __init__(self) -> None:
        self.day = Day.GOOD
        self.asked: list[Asked] = []
        self.url = ""
        self.elsewhere = ""
        self.under_way = 0

    @abstractmethod
    def reply(self, asked: Asked) -> Reply:
        """Return the answer to a request."""

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """Serve on a free port of loopback; end all connections afterwards."""
        connections: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            try:
                await self._converse(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                connections.discard(task)
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            server.close()
            for task in list(connections):
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)
            await server.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *rest = head.split("\r\n")
            target = line.split(" ")[1]
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (entry.partition(":") for entry in rest if entry)
            }
            parts = urlsplit(target)
            asked = Asked(parts.path, dict(parse_qsl(parts.query)), headers, target)
            self.asked.append(asked)
            self.under_way += 1
            try:
                await self._answer(asked, writer)
            finally:
                self.under_way -= 1

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        plain = self._plain(asked)
        if plain is not None:
            await _send(writer, plain)
            return
        breakage = getattr(self, f"_{self.day.value}")
        await breakage(self.reply(asked).encoded(), writer)
        raise ConnectionError("the bad day is over")

    def _plain(self, asked: Asked) -> Reply | None:
        """Return what is whole HTTP, however bad its content; None for the rest."""
        if self.day is Day.GOOD:
            return self.reply(asked)
        if self.day is Day.NO_JSON:
            return Reply(self.reply(asked).encoded()[:-20].decode())
        key = asked.query.get("apikey", "")
        whole = {
            Day.LIMITED: Reply(
                {"message": f"Too many requests for key {key}"}, 429, {"Retry-After": "7"}
            ),
            Day.LIMITED_UNTIL_A_DATE: Reply(
                "", 429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}
            ),
            Day.FAILING: Reply(f"<h1>500</h1> {asked.target}", 500),
            Day.UNAVAILABLE: Reply({"message": "Maintenance"}, 503, {"Retry-After": "30"}),
            Day.FORBIDDING: Reply({"message": f"Key {key} is not welcome"}, 403),
            Day.HTML: Reply(f"<!doctype html><p>Sign in to the hotel: {asked.target}"),
            Day.EMPTY: Reply(""),
            Day.NO_OBJECT: Reply("[1, 2, 3]"),
            Day.DEEP: Reply("[" * 200_000),
            Day.ELSEWHERE: Reply("", 302, {"Location": f"{self.elsewhere}{asked.target}"}),
        }
        return whole.get(self.day)

    async def _silent(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def _silent_after_head(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(len(body)))
        await writer.drain()
        await asyncio.Event().wait()

    async def _dripping(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(len(body)))
        for byte in body:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.02)

    async def _truncated(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(len(body)) + body[: len(body) // 2])
        await writer.drain()

    async def _truncated_chunks(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + f"{len(body):x}\r\n".encode()
            + body[:10]
        )
        await writer.drain()

    async def _resetting(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(len(body)) + body[:10])
        await writer.drain()
        writer.transport.abort()

    async def _hanging_up(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async def _no_http(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await writer.drain()

    async def _bad_gzip(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(len(body), "Content-Encoding: gzip\r\n") + body)
        await writer.drain()

    async def _endless(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b" " * 65536)
            await writer.drain()


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> None:
    body = reply.encoded()
    lines = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
    writer.write(_head(len(body), lines, reply.status) + body)
    await writer.drain()


def _head(length: int, lines: str = "", status: int = 200) -> bytes:
    return f"HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\n{lines}\r\n".encode()
