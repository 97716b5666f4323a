"""WebSockets of an agent: many messages in one write.

Owns an extension of uvicorn's WebSocket protocol. ASGI sends one message at a time, each through
several coroutines and with a system call of its own; who hands the same updates to many readers
pays that for each. A `DirectWriter` puts all that is due on the wire at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

EXTENSION = "trading_dashboard.direct_write"

_TEXT = 0x81
"""First byte of a text frame that is a whole message."""


class DirectWriter(Protocol):
    """Writes to one connection without waiting."""

    @property
    def is_ready(self) -> bool:
        """Return whether the reader keeps up: little is waiting to be sent."""

    def write(self, texts: Sequence[str]) -> None:
        """Put messages on the wire together; the connection keeps what the network won't take."""


def direct_writer(scope: Mapping[str, Any]) -> DirectWriter | None:
    """Return the writer of a WebSocket's connection, None if the server has none."""
    writer: DirectWriter | None = scope.get("extensions", {}).get(EXTENSION)
    return writer


class AgentSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which offers itself to the application as a `DirectWriter`."""

    @property
    def is_ready(self) -> bool:
        """Return whether messages may be written now."""
        return (
            self.handshake_complete
            and not self.close_sent
            and not self.disconnected
            and self.writable.is_set()
            and self.conn.state is State.OPEN
        )

    def write(self, texts: Sequence[str]) -> None:
        """Write messages in one go."""
        if self.conn.extensions:  # compression has a state that only `conn` keeps
            for text in texts:
                self.conn.send_text(text.encode())
            self.transport.write(b"".join(self.conn.data_to_send()))
            return
        self.transport.write(b"".join([frame(text.encode()) for text in texts]))

    async def run_asgi(self) -> None:
        """Run the application, which finds the writer in its scope."""
        extensions: dict[str, Any] = dict(self.scope.get("extensions") or {})
        self.scope["extensions"] = {**extensions, EXTENSION: self}  # type: ignore[dict-item]
        await super().run_asgi()


def frame(payload: bytes) -> bytes:
    """Return the unmasked frame of one whole text message (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((_TEXT, size)) + payload
    if size < 65_536:
        return b"%c\x7e%b%b" % (_TEXT, size.to_bytes(2, "big"), payload)
    return b"%c\x7f%b%b" % (_TEXT, size.to_bytes(8, "big"), payload)
