"""One connection of the stream. How what waits for it gets out is the kit's."""

from __future__ import annotations

from trading_dashboard.agents.kit.subscribers import MAX_TOGETHER, Send, StreamSubscriber
from trading_dashboard.agents.risk_management.streaming.outbox import Outbox


class Subscriber(StreamSubscriber[Outbox]):
    """One connection, and what it has still to be sent."""

    def __init__(self) -> None:
        super().__init__(Outbox())

    @property
    def is_too_slow(self) -> bool:
        """Return whether more events wait than may; none of them is merged away."""
        return self.outbox.has_overflown

    def wake(self) -> None:
        """Let what waits go out, or end if too much waits."""
        super().wake()
        if self.is_too_slow:
            self.close()

    def _texts(self, limit: int) -> list[str]:
        return [self._numbered(body) for body in self.outbox.drain(limit)]

    async def _send(self, send: Send) -> None:
        for body in self.outbox.drain(MAX_TOGETHER):
            await send(self._numbered(body))
