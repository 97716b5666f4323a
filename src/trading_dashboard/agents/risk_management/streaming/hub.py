"""`/stream`: who listens, and handing on what has happened.

Owns the subscribers. What happened is written as JSON once, whoever reads it. A snapshot and what
comes after it are of one piece: both are made on the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from trading_dashboard.agents.risk_management.streaming.subscriber import Subscriber

MAX_SUBSCRIBERS = 64

Body = Mapping[str, Any]


class RiskHub:
    """All subscribers of this agent."""

    def __init__(self, snapshot: Callable[[], Body]) -> None:
        self.empty = asyncio.Event()
        """Set while there is no subscriber."""
        self.empty.set()
        self._snapshot = snapshot
        self._subscribers: set[Subscriber] = set()
        self._gone_sent = 0
        self._gone_conflated = 0

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

    @property
    def is_full(self) -> bool:
        """Return whether no more subscribers are taken."""
        return len(self._subscribers) >= MAX_SUBSCRIBERS

    def join(self) -> Subscriber:
        """Add a subscriber; a snapshot is the first it is sent."""
        subscriber = Subscriber()
        subscriber.outbox.event(_inside({"type": "snapshot", **self._snapshot()}))
        self._subscribers.add(subscriber)
        self.empty.clear()
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Remove a subscriber."""
        self._subscribers.discard(subscriber)
        self._gone_sent += subscriber.sent
        self._gone_conflated += subscriber.outbox.conflated
        if not self._subscribers:
            self.empty.set()

    def close(self) -> None:
        """End every subscriber's pump."""
        for subscriber in self._subscribers:
            subscriber.close()

    # Figures

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
        """Return states merged for slow readers since the start."""
        return self._gone_conflated + sum(item.outbox.conflated for item in self._subscribers)


def _inside(body: Body) -> str:
    """Return a message's JSON without its braces and `seq`, which each connection counts."""
    return orjson.dumps(body).decode()[1:-1]
