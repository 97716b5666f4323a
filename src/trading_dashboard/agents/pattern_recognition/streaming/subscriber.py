"""One connection of the stream: what it wants, and how what waits for it gets out.

Owns `seq`, the heartbeat, and that nothing goes out between a snapshot being asked for and being
there. Where the server offers it, what waits goes out at once without waking a task.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from trading_dashboard.agents.kit.sockets import DirectWriter
from trading_dashboard.agents.pattern_recognition.live.found import Key
from trading_dashboard.agents.pattern_recognition.streaming.outbox import Outbox

ALL = "*"
SILENCE_SECONDS = 1.0
MAX_TOGETHER = 128

Send = Callable[[str], Awaitable[None]]
Snapshot = Callable[["Subscriber"], Awaitable[tuple[int, str]]]
"""Makes a snapshot: the event it is of, and the inside of its message."""


@dataclass(frozen=True, slots=True)
class Interest:
    """Timeframes and kinds of one symbol, or of all; no timeframes are all of them."""

    timeframes: frozenset[str]
    kinds: frozenset[str]

    def fits(self, timeframe: str, kind: str) -> bool:
        """Return whether a detection is among them."""
        return kind in self.kinds and (not self.timeframes or timeframe in self.timeframes)


class Subscriber:
    """One connection's subscriptions and what it has still to be sent."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.wanted: dict[str, Interest] = {}
        """By symbol, or ``*``."""
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

    def wants(self, key: Key, kind: str) -> bool:
        """Return whether a detection is to be told."""
        own, every = self.wanted.get(key[0]), self.wanted.get(ALL)
        return (own is not None and own.fits(key[1], kind)) or (
            every is not None and every.fits(key[1], kind)
        )

    def wants_any(self, keys: Collection[Key]) -> bool:
        """Return whether anything of these series is wanted."""
        kinds = {kind for wanted in self.wanted.values() for kind in wanted.kinds}
        return any(self.wants(key, kind) for key in keys for kind in kinds)

    def wake(self) -> None:
        """Let what waits go out: at once if that can be."""
        if not self._is_busy and not self._is_closing:
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

    async def pump(self, send: Send, snapshot: Snapshot) -> None:
        """Send what waits until `close`; heartbeats fill silence."""
        while not self._is_closing:
            if self.outbox:
                await self._send_some(send, snapshot)
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

    async def _send_some(self, send: Send, snapshot: Snapshot) -> None:
        self._is_busy = True
        try:
            for body in self.outbox.drain_first():
                await send(self._numbered(body))
            if self.outbox.needs_snapshot:
                event, text = await snapshot(self)
                self.outbox.has_snapshot(event)
                await send(self._numbered(text))
            for body in self.outbox.drain(MAX_TOGETHER):
                await send(self._numbered(body))
        finally:
            self._is_busy = False

    def _write(self) -> None:
        """Write what the reader takes without waiting."""
        direct = self.direct
        while direct is not None and direct.is_ready and self.outbox.has_messages:
            texts = [self._numbered(body) for body in self.outbox.drain(MAX_TOGETHER)]
            if not texts:
                return
            direct.write(texts)

    def _numbered(self, body: str) -> str:
        self._seq += 1
        self._sent_at = time.monotonic()
        return f'{{"seq":{self._seq},{body}}}'
