"""A WebSocket client of a few lines, for tests that must misbehave."""

from __future__ import annotations

import base64
import json
import os
import socket
from typing import Any


def open_stream(
    port: int, *messages: dict[str, Any] | bytes, receive_buffer_bytes: int = 4096
) -> socket.socket:
    """Open ``/stream``, send messages, and leave reading to the caller."""
    connection = socket.socket()
    # A small buffer, so that the server soon notices that nobody reads.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    connection.sendall(request.encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    assert b" 101 " in head.splitlines()[0], head
    for message in messages:
        content = message if isinstance(message, bytes) else json.dumps(message).encode()
        connection.sendall(frame(content))
    return connection


def frame(content: bytes) -> bytes:
    """Return one masked text frame."""
    mask = b"\1\2\3\4"
    length = len(content)
    header = b"\x81" + bytes([0x80 | length]) if length < 126 else b"\x81\xfe" + length.to_bytes(2)
    return header + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(content))
