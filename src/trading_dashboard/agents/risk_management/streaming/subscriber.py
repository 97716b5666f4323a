"""One connection of the stream: how what waits for it gets out.

Owns `seq` and the heartbeat. Where the server offers it, what waits goes out at once without
waking a task.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from trading_dashboard.agents.kit.sockets import DirectWriter
from trading_dashboard.agents.risk_management.streaming.outbox import Outbox

SILENCE_SECONDS = 1.0
MAX_TOGETHER = 128

Send = Callable[[str], Awaitable[None]]


class Subscriber:
    """One connection, and what it has still to be sent."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.direct: DirectWriter | None = None
        self._wake = asyncio.Event()
        self._is_closing = False
        self._is_busy = False
        self._seq = 0
        self._sent_at = time.monotonic()

    @property
    def sent(self) -> int:
        """Return how many messages were sent."""
        return self._seq

    def wake(self) -> None:
        """Let what waits go out: at once if that can be."""
        if not self._is_busy and not self._is_closing:
            self._write()
        if self.outbox or self.outbox.has_overflown:
            self._wake.set()

    def close(self) -> None:
        """End `pump`; what still waits is not sent."""
        self._is_closing = True
        self._wake.set()

    async def pump(self, send: Send) -> None:
        """Send what waits until `close`, or until more waits than may; heartbeats fill silence."""
        while not (self._is_closing or self.outbox.has_overflown):
            if self.outbox:
                await self._send_some(send)
                continue
            self._wake.clear()
            silent_for = time.monotonic() - self._sent_at
            try:
                async with asyncio.timeout(max(SILENCE_SECONDS - silent_for, 0.01)):
                    await self._wake.wait()
            except TimeoutError:
                if time.monotonic() - self._sent_at >= SILENCE_SECONDS:
                    self.outbox.event('"type":"heartbeat"')

    # Private

    async def _send_some(self, send: Send) -> None:
        self._is_busy = True
        try:
            for body in self.outbox.drain(MAX_TOGETHER):
                await send(self._numbered(body))
        finally:
            self._is_busy = False

    def _write(self) -> None:
        """Write what the reader takes without waiting."""
        direct = self.direct
        while direct is not None and direct.is_ready and self.outbox:
            direct.write([self._numbered(body) for body in self.outbox.drain(MAX_TOGETHER)])

    def _numbered(self, body: str) -> str:
        self._seq += 1
        self._sent_at = time.monotonic()
        return f'{{"seq":{self._seq},{body}}}'
