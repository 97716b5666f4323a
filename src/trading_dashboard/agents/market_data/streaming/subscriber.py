"""One connection of the stream: its subscriptions. How what waits for it gets out is the kit's."""

from __future__ import annotations

import time

from trading_dashboard.agents.kit.subscribers import Send, StreamSubscriber
from trading_dashboard.agents.market_data.streaming.outbox import Outbox


class Subscriber(StreamSubscriber[Outbox]):
    """One connection's subscriptions and what it has still to be sent."""

    def __init__(self) -> None:
        super().__init__(Outbox())
        self.intervals: dict[str, set[str]] = {}
        """Intervals by symbol, listed or not; a symbol without intervals gets ticks only."""
        self.patterns: dict[str, set[str]] = {}
        """Intervals by pattern: what symbols that come later get."""
        self.closed_only = False
        """Whether neither ticks nor forming bars are wanted."""

    def _texts(self, limit: int) -> list[str]:
        texts = self.outbox.drain(limit, self._seq + 1)
        self._seq += len(texts)
        self._sent_at = time.monotonic()
        return texts

    async def _send(self, send: Send) -> None:
        """Write what can be, then send one message once the reader has read enough before it."""
        self._write()
        for text in self._texts(1):
            await send(text)
