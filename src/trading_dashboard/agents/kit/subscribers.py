"""Who reads an agent's stream: how what waits for one reader gets out, and all of them together.

Owns `seq`, the heartbeat and the figures. Where the server offers it, what waits goes out in one
write at once, without waking a task; a task of its own waits only while the reader is slow. What
waits, and what of it may be merged, is the outbox's, of which each agent has its own.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from trading_dashboard.agents.kit.sockets import DirectWriter

SILENCE_SECONDS = 1.0
MAX_TOGETHER = 128
"""Messages taken from the outbox at a time; what is taken can no longer be replaced."""
MAX_SUBSCRIBERS = 64

Send = Callable[[str], Awaitable[None]]


class Waiting(Protocol):
    """What one reader has still to be sent; true while it is anything."""

    conflated: int
    """Updates merged because of this reader's slowness, since it connected."""

    def __bool__(self) -> bool: ...

    def reply(self, body: str) -> None:
        """Add a message that goes before all else, without braces and number."""


Outbox = TypeVar("Outbox", bound=Waiting)


class StreamSubscriber(ABC, Generic[Outbox]):
    """One connection of a stream."""

    def __init__(self, outbox: Outbox) -> None:
        """Take what will wait for this reader."""
        self.outbox = outbox
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

    @property
    def conflated(self) -> int:
        """Return how many updates were merged because it was slow."""
        return self.outbox.conflated

    @property
    def is_too_slow(self) -> bool:
        """Return whether more waits than may: the reader has to come back and begin anew."""
        return False

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
                await self._send_some(send)
                continue
            self._wake.clear()
            silent_for = time.monotonic() - self._sent_at
            try:
                async with asyncio.timeout(max(SILENCE_SECONDS - silent_for, 0.01)):
                    await self._wake.wait()
            except TimeoutError:
                if time.monotonic() - self._sent_at >= SILENCE_SECONDS:
                    self.outbox.reply('"type":"heartbeat"')

    # For the agent's own kind

    @abstractmethod
    def _texts(self, limit: int) -> list[str]:
        """Take up to so many messages out of the outbox, numbered."""

    @abstractmethod
    async def _send(self, send: Send) -> None:
        """Send some of what waits; nothing is written past it meanwhile."""

    def _numbered(self, body: str) -> str:
        """Return a message's body with its number; it is about to be sent."""
        self._seq += 1
        self._sent_at = time.monotonic()
        return f'{{"seq":{self._seq},{body}}}'

    def _write(self) -> None:
        """Write all that the reader takes without waiting."""
        direct = self.direct
        while direct is not None and self.outbox and direct.is_ready:
            texts = self._texts(MAX_TOGETHER)
            if not texts:
                return
            direct.write(texts)

    # Private

    async def _send_some(self, send: Send) -> None:
        self._is_sending = True
        try:
            await self._send(send)
        finally:
            self._is_sending = False


Reader = TypeVar("Reader", bound=StreamSubscriber)  # type: ignore[type-arg]


class Subscribers(Generic[Reader]):
    """All who read one agent's stream. A hub is one, and tells them what happens."""

    def __init__(self) -> None:
        self.empty = asyncio.Event()
        """Set while there is no subscriber."""
        self.empty.set()
        self._subscribers: set[Reader] = set()
        self._gone_sent = 0
        self._gone_conflated = 0

    @property
    def is_full(self) -> bool:
        """Return whether no more subscribers are taken."""
        return len(self._subscribers) >= MAX_SUBSCRIBERS

    def leave(self, subscriber: Reader) -> None:
        """Remove a subscriber."""
        self._subscribers.discard(subscriber)
        self._gone_sent += subscriber.sent
        self._gone_conflated += subscriber.conflated
        if not self._subscribers:
            self.empty.set()

    def close(self) -> None:
        """End every subscriber's pump."""
        for subscriber in self._subscribers:
            subscriber.close()

    @property
    def subscribers(self) -> int:
        """Return how many connections there are."""
        return len(self._subscribers)

    @property
    def sent(self) -> int:
        """Return messages sent since the start."""
        return self._gone_sent + sum(item.sent for item in self._subscribers)

    @property
    def conflated(self) -> int:
        """Return updates merged for slow readers since the start."""
        return self._gone_conflated + sum(item.conflated for item in self._subscribers)

    def _enter(self, subscriber: Reader) -> None:
        self._subscribers.add(subscriber)
        self.empty.clear()
