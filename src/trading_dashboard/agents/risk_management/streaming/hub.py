"""`/stream`: who listens, and handing on what has happened.

What happened is written as JSON once, whoever reads it. A snapshot and what
comes after it are of one piece: both are made on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from trading_dashboard.agents.kit.subscribers import Subscribers
from trading_dashboard.agents.risk_management.streaming.subscriber import Subscriber

Body = Mapping[str, Any]


class RiskHub(Subscribers[Subscriber]):
    """All subscribers of this agent."""

    def __init__(self, snapshot: Callable[[], Body]) -> None:
        super().__init__()
        self._snapshot = snapshot

    # What happens

    def happened(self, kind: str, body: Body) -> None:
        """Tell everybody what may not be merged away: the gate or an order changed."""
        if not self._subscribers:
            return
        text = _inside({"type": kind, **body})
        for subscriber in list(self._subscribers):
            subscriber.outbox.event(text)
            subscriber.wake()

    def stands(self, kind: str, body: Callable[[], Body]) -> None:
        """Tell everybody a newest state, made only if anybody listens."""
        if not self._subscribers:
            return
        text = _inside({"type": kind, **body()})
        for subscriber in list(self._subscribers):
            subscriber.outbox.state(kind, text)
            subscriber.wake()

    # Subscribers

    def join(self) -> Subscriber:
        """Add a subscriber; a snapshot is the first it is sent."""
        subscriber = Subscriber()
        subscriber.outbox.event(_inside({"type": "snapshot", **self._snapshot()}))
        self._enter(subscriber)
        return subscriber


def _inside(body: Body) -> str:
    """Return a message's JSON without its braces and `seq`, which each connection counts."""
    return orjson.dumps(body).decode()[1:-1]
