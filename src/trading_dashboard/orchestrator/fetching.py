"""One GET on a fresh connection, as cheap as it can be: a hundred agents are asked every second.

Owns the way the bytes go. A plain `http` address with a number for a host, or `localhost`, is asked
over a bare socket, read by httptools; anything else by httpcore. Both fail with httpcore's
exceptions.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

import h11
import httpcore
import httptools

READ_BYTES = 64 * 1024
MAX_HEAD_BYTES = 100 * 1024
MAX_OVERHEAD = 8
"""Bytes that may be read for one of the body: chunks of one byte take six."""


class _Address(NamedTuple):
    """Where a plain request goes, and what is sent there."""

    hosts: tuple[str, ...]
    port: int
    request: bytes


class _Answer:
    """One answer as it comes in; the parser calls the `on_` methods."""

    def __init__(self, max_body_bytes: int) -> None:
        self.status = 0
        self.body = bytearray()
        self.is_over = False
        self._is_headed = False
        self._is_delimited = False
        self._room = MAX_HEAD_BYTES
        self._max_body_bytes = max_body_bytes
        self._parser = httptools.HttpResponseParser(self)

    def take(self, data: bytes) -> None:
        """Read on; no data is the end of the connection.

        Raises:
            httpcore.RemoteProtocolError: It is not HTTP, or only a part of it.
        """
        if not data:
            if not self._is_headed or self._is_delimited:
                raise httpcore.RemoteProtocolError("closed in the middle of an answer")
            self.is_over = True
            return
        self._room -= len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # What follows a whole answer is none of its business.
            if not self.is_over:
                raise httpcore.RemoteProtocolError(str(error)) from error
        if len(self.body) > self._max_body_bytes:
            self.is_over = True
        elif self._room < 0 and not self.is_over:
            raise httpcore.RemoteProtocolError("the answer does not come to its point")

    def on_header(self, name: bytes, _: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._is_delimited = True

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self.is_over or status < 200:  # "continue" and its like come before the answer
            self._is_delimited = False
            return
        self.status, self._is_headed = status, True
        self._room += MAX_OVERHEAD * self._max_body_bytes

    def on_body(self, data: bytes) -> None:
        if not self.is_over:
            self.body += data

    def on_message_complete(self) -> None:
        self.is_over = self._is_headed


async def fetch(url: str, max_body_bytes: int) -> tuple[int, bytes]:
    """Return status and body of a GET; no more of the body than that.

    Raises:
        httpcore.NetworkError: Nobody is there, or the connection broke off.
        httpcore.ProtocolError: What came was not HTTP.
        httpcore.UnsupportedProtocol, ValueError: The address cannot be asked.
    """
    address = _plain_address(url)
    if address is None:
        return await _fetch_by_library(url, max_body_bytes)
    with await _connect(address) as connection:
        try:
            return await _exchange(connection, address, max_body_bytes)
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error


async def reach(url: str) -> None:
    """Connect to where `url` is served and hang up.

    Raises:
        httpcore.NetworkError, OSError: Nobody takes the connection.
    """
    address = _plain_address(url.replace("https:", "http:", 1))
    if address is None:
        parts = urlsplit(url)
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.close()
        return
    with await _connect(address) as connection:
        # Where nobody listens, the system may connect a socket to itself.
        if connection.getsockname() == connection.getpeername():
            raise httpcore.ConnectError("nobody listens")


@lru_cache(maxsize=1024)
def _plain_address(url: str) -> _Address | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or parts.username is not None:
        return None
    # Both families are tried by hand: asking the resolver for "localhost" costs a thread each time.
    hosts = ("127.0.0.1", "::1") if host == "localhost" else (host,)
    try:
        for number in hosts:
            if getattr(ipaddress.ip_address(number), "scope_id", None):
                return None
    except ValueError:
        return None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = [("Host", parts.netloc), ("Connection", "close"), ("Accept", "application/json")]
    try:
        request = h11.Connection(h11.CLIENT).send(
            h11.Request(method="GET", target=target, headers=headers)
        )
    except h11.LocalProtocolError as error:
        raise ValueError(str(error)) from error
    return _Address(hosts, parts.port or 80, request or b"")


async def _connect(address: _Address) -> socket.socket:
    """Return a connection to the first host that takes one."""
    failure: OSError | None = None
    for host in address.hosts:
        try:
            connection = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        except OSError as error:
            failure = error
            continue
        try:
            await _reach(connection, host, address.port)
        except OSError as error:
            connection.close()
            failure = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise httpcore.ConnectError(str(failure)) from failure


async def _reach(connection: socket.socket, host: str, port: int) -> None:
    connection.setblocking(False)
    if connection.connect_ex((host, port)) == 0:
        return
    try:
        connection.getpeername()  # on one machine there is nothing to wait for
    except OSError:
        await asyncio.get_running_loop().sock_connect(connection, (host, port))


async def _exchange(
    connection: socket.socket, address: _Address, max_body_bytes: int
) -> tuple[int, bytes]:
    """Ask, and read until the end of the answer or enough of it."""
    loop = asyncio.get_running_loop()
    answer = _Answer(max_body_bytes)
    sent = connection.send(address.request)  # a new connection has room for it
    if sent < len(address.request):
        await loop.sock_sendall(connection, address.request[sent:])
    while not answer.is_over:
        answer.take(await loop.sock_recv(connection, READ_BYTES))
    return answer.status, bytes(answer.body[:max_body_bytes])


async def _fetch_by_library(url: str, max_body_bytes: int) -> tuple[int, bytes]:
    headers = [("Host", urlsplit(url).netloc), ("Connection", "close")]
    headers.append(("Accept", "application/json"))
    async with (
        httpcore.AsyncConnectionPool(max_keepalive_connections=0) as pool,
        pool.stream("GET", url, headers=headers) as response,
    ):
        body = bytearray()
        async for chunk in response.aiter_stream():
            body += chunk
            if len(body) > max_body_bytes:
                break
        return response.status, bytes(body[:max_body_bytes])
