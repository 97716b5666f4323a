"""One connection of the stream: what it wants, and how what waits for it gets out.

Owns that nothing goes out between a snapshot being asked for and being there. The rest of how what
waits gets out is the kit's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from trading_dashboard.agents.kit.subscribers import MAX_TOGETHER, Send, StreamSubscriber
from trading_dashboard.agents.pattern_recognition.live.found import Key
from trading_dashboard.agents.pattern_recognition.streaming.outbox import Outbox

ALL = "*"

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


class Subscriber(StreamSubscriber[Outbox]):
    """One connection's subscriptions and what it has still to be sent."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Make one.

        Args:
            snapshot: Makes a snapshot of all that it wants.
        """
        super().__init__(Outbox())
        self.wanted: dict[str, Interest] = {}
        """By symbol, or ``*``."""
        self._snapshot = snapshot

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

    def _texts(self, limit: int) -> list[str]:
        return [self._numbered(body) for body in self.outbox.drain(limit)]

    async def _send(self, send: Send) -> None:
        for body in self.outbox.drain_first():
            await send(self._numbered(body))
        if self.outbox.needs_snapshot:
            event, text = await self._snapshot(self)
            self.outbox.has_snapshot(event)
            await send(self._numbered(text))
        for body in self.outbox.drain(MAX_TOGETHER):
            await send(self._numbered(body))
