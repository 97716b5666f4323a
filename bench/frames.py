"""A reader of a stream as cheap as Python can be: raw frames off a socket, and their JSON.

Owns what `bench.fanout` measures of each update. The same for both servers.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time

import orjson

SUBSCRIBE = b'{"op":"subscribe","symbols":["*"]}'


class Client(asyncio.Protocol):
    """Parses unmasked text frames and their JSON; keeps how late each update was."""

    def __init__(self) -> None:
        self.lateness: list[float] = []
        self.merged = 0
        self._transport: asyncio.Transport
        self._buffer = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands."""
        assert isinstance(transport, asyncio.Transport)
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take whole frames."""
        buffer = self._buffer + data
        at = 0
        if not self._is_open:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = buffer
                return
            assert buffer.startswith(b"HTTP/1.1 101"), buffer[:200]
            self._is_open, at = True, end + 4
            mask = bytes(4)
            self._transport.write(bytes((0x81, 0x80 | len(SUBSCRIBE))) + mask + SUBSCRIBE)
        while len(buffer) - at >= 4:
            size, begin = buffer[at + 1], at + 2
            if size == 126:
                size, begin = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            if begin + size > len(buffer):
                break
            if buffer[at] == 0x81:
                self._take(buffer[begin : begin + size])
            elif buffer[at] == 0x89:
                pong = bytes((0x8A, 0x80 | size)) + bytes(4)
                self._transport.write(pong + buffer[begin : begin + size])
            at = begin + size
        self._buffer = buffer[at:]

    def _take(self, text: bytes) -> None:
        message = orjson.loads(text)
        if message["type"] == "tick":
            self.merged += message.get("conflated", 0)
            self.lateness.append(time.perf_counter() - message["price"]["price"])
