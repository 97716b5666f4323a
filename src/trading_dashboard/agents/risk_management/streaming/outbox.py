"""What one reader has still to be sent, bounded whatever happens.

Owns conflation: of the account and of limits the newest state waits, with the number of states it
stands for. What the gate and orders did is never merged: when too much of it waits, the reader has
to begin anew. Knows no socket.
"""

from __future__ import annotations

from collections import deque

MAX_EVENTS = 1_000
"""Messages of gate and orders that wait; a reader with more is disconnected and may come back."""


class Outbox:
    """Pending messages of one reader: the insides of JSON objects, without `seq`."""

    def __init__(self) -> None:
        self.conflated = 0
        """States merged because of this reader's slowness, since it connected."""
        self.has_overflown = False
        self._events: deque[str] = deque()
        self._states: dict[str, tuple[str, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._events or self._states)

    def event(self, body: str) -> None:
        """Add what may not be merged."""
        if len(self._events) >= MAX_EVENTS:
            self.has_overflown = True
            return
        self._events.append(body)

    def reply(self, body: str) -> None:
        """Add an answer or a heartbeat, behind what happened before it."""
        self.event(body)

    def state(self, name: str, body: str) -> None:
        """Put the newest state of its kind."""
        before = self._states.pop(name, None)
        merged = 0 if before is None else before[1] + 1
        self.conflated += before is not None
        self._states[name] = (body, merged)

    def drain(self, limit: int) -> list[str]:
        """Take up to so many messages: what happened first, then states, oldest first."""
        bodies = [self._events.popleft() for _ in range(min(limit, len(self._events)))]
        for name in list(self._states)[: limit - len(bodies)]:
            body, merged = self._states.pop(name)
            bodies.append(f'{body},"conflated":{merged}' if merged else body)
        return bodies
