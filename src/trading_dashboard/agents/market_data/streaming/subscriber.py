"""One connection of the stream: its subscriptions, and how what waits for it gets out.

Owns `seq` and the heartbeat. Where the server offers it, all that waits goes out in one write at
once, without waking a task; a task of its own waits only while the reader is slow.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from trading_dashboard.agents.kit.sockets import DirectWriter
from trading_dashboard.agents.market_data.streaming.outbox import Outbox

SILENCE_SECONDS = 1.0
MAX_TOGETHER = 128
"""Messages taken from the outbox at a time; what is taken can no longer be replaced."""

Send = Callable[[str], Awaitable[None]]


class Subscriber:
    """One connection's subscriptions and what it has still to be sent."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.intervals: dict[str, set[str]] = {}
        """Intervals by symbol, listed or not; a symbol without intervals gets ticks only."""
        self.patterns: dict[str, set[str]] = {}
        """Intervals by pattern: what symbols that come later get."""
        self.closed_only = False
        """Whether neither ticks nor forming bars are wanted."""
        self.direct: DirectWriter | None = None
        self._wake = asyncio.Event()
        self._is_closing = False
        self._is_sending = False
        self._seq = 0
        self._sent_at = time.monotonic()

    @property
    def sent(self) -> int:
        """Return how many messages were sent."""
        return self._seq

    def wake(self) -> None:
        """Let what waits go out: at once if that can be, else as soon as the reader reads."""
        if not self._is_sending and not self._is_closing:
            self._write()
        if self.outbox:
            self._wake.set()

    def reply(self, text: str) -> None:
        """Send a message before all else."""
        self.outbox.reply(text)
        self.wake()

    def close(self) -> None:
        """End `pump`; what still waits is not sent."""
        self._is_closing = True
        self._wake.set()

    async def pump(self, send: Send) -> None:
        """Send what waits until `close`; heartbeats fill silence."""
        while not self._is_closing:
            if self.outbox:
                self._write()
                await self._send_one(send)
                continue
            self._wake.clear()
            silent_for = time.monotonic() - self._sent_at
            try:
                async with asyncio.timeout(max(SILENCE_SECONDS - silent_for, 0.01)):
                    await self._wake.wait()
            except TimeoutError:
                if time.monotonic() - self._sent_at >= SILENCE_SECONDS:
                    self.outbox.reply('"type":"heartbeat"')

    # Private

    async def _send_one(self, send: Send) -> None:
        """Send one message, once the reader has read enough of those before."""
        self._is_sending = True
        try:
            for text in self._texts(1):
                await send(text)
        finally:
            self._is_sending = False

    def _write(self) -> None:
        """Write all that the reader takes without waiting."""
        direct = self.direct
        while direct is not None and self.outbox and direct.is_ready:
            direct.write(self._texts(MAX_TOGETHER))

    def _texts(self, limit: int) -> list[str]:
        texts = self.outbox.drain(limit, self._seq + 1)
        self._seq += len(texts)
        self._sent_at = time.monotonic()
        return texts
