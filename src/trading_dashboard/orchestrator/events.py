"""Who is told what: the event hub of one supervisor.

Owns the sequence number, the bounded history and the subscribers. A subscriber gets a snapshot and
every later update, with nothing between them and nothing twice: registering and copying happen in
one step of the event loop. One that does not read is cut off (`Lagged`) instead of being buffered
without end; it takes a new snapshot and goes on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.events import Event, EventKind

HISTORY = 1000
"""Events kept for those who come later, without the noisy `AGENT_CHANGED`."""


class Lagged(Exception):
    """The subscriber read too slowly and missed updates; subscribe again for a new snapshot."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything as it was after event number `seq`."""

    seq: int
    agents: Mapping[str, AgentInfo]


@dataclass(frozen=True, slots=True)
class Update:
    """One event, with the agent as it is after it."""

    event: Event
    agent: AgentInfo | None


class Subscription:
    """One subscriber's view: `snapshot`, then updates by iteration."""

    def __init__(self, snapshot: Snapshot, capacity: int) -> None:
        self.snapshot = snapshot
        self._queue: deque[Update] = deque()
        self._capacity = capacity
        self._lagged = False
        self._closed = False
        self._wake = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[Update]:
        return self

    async def __anext__(self) -> Update:
        """Return the next update.

        Raises:
            Lagged: Updates were missed.
            StopAsyncIteration: The supervisor ended.
        """
        while not self._queue:
            if self._lagged:
                raise Lagged
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._queue.popleft()

    def offer(self, update: Update) -> None:
        """Queue an update, or mark the subscription as lagged. Never blocks."""
        if self._lagged:
            return
        if len(self._queue) >= self._capacity:
            self._lagged = True
            self._queue.clear()
        else:
            self._queue.append(update)
        self._wake.set()

    def close(self) -> None:
        """End the iteration after what is queued."""
        self._closed = True
        self._wake.set()


class EventHub:
    """Numbers events and hands them to subscribers. Used from one event loop."""

    def __init__(self, agents: Callable[[], Mapping[str, AgentInfo]]) -> None:
        """Create a hub; `agents` returns the current state of all agents."""
        self._agents = agents
        self._seq = 0
        self._subscriptions: set[Subscription] = set()
        self._taps: list[Callable[[Update], None]] = []
        self._history: deque[Event] = deque(maxlen=HISTORY)

    @property
    def seq(self) -> int:
        """Return the number of the last event."""
        return self._seq

    @property
    def has_subscribers(self) -> bool:
        """Return whether anyone listens now."""
        return bool(self._subscriptions)

    @contextmanager
    def subscribe(self, capacity: int = 1000) -> Iterator[Subscription]:
        """Give a snapshot and what follows it, until the block is left."""
        subscription = Subscription(Snapshot(self._seq, dict(self._agents())), capacity)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def tap(self, listener: Callable[[Update], None]) -> Callable[[], None]:
        """Call `listener` within each publication, so that it misses nothing.

        It must neither block nor raise. It does not count as a subscriber.

        Returns:
            What ends this.
        """
        self._taps.append(listener)
        return lambda: self._taps.remove(listener)

    def publish(
        self, kind: EventKind, agent: AgentInfo | None = None, data: dict[str, Any] | None = None
    ) -> Event:
        """Number an event, remember it and hand it to all subscribers."""
        self._seq += 1
        event = Event(
            seq=self._seq,
            time=datetime.now(UTC),
            kind=kind,
            agent=agent.name if agent else None,
            data=data or {},
        )
        if kind is not EventKind.AGENT_CHANGED:
            self._history.append(event)
        update = Update(event, agent)
        for listener in self._taps:
            listener(update)
        for subscription in self._subscriptions:
            subscription.offer(update)
        return event

    def recent(self, limit: int = 100) -> list[Event]:
        """Return the newest remembered events, oldest first."""
        return list(self._history)[-limit:] if limit > 0 else []

    def close(self) -> None:
        """End all subscriptions."""
        for subscription in self._subscriptions:
            subscription.close()
