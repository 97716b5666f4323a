"""What one subscriber has still to be sent, bounded whatever happens.

Owns conflation: a reader that is too slow gets the newest state of each symbol and interval, with
the number of updates that were merged into it, never a growing queue. Messages are taken one at a
time, so that whatever still waits can be replaced by something newer. Knows no socket.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

MAX_CLOSED_BARS = 64
"""Closed bars of one symbol and interval that wait; the oldest of more merge into the next."""
MAX_REPLIES = 32

TICK = "tick"
FORMING = "forming"
CLOSED = "closed"
CLOCK = "clock"

Key = tuple[str, str, str]
"""Kind, symbol and interval; the latter two empty where they don't apply."""


@dataclass(slots=True)
class Slot:
    """What waits under one key: the newest bodies, and how many older ones they stand for."""

    bodies: deque[str] = field(default_factory=deque)
    conflated: int = 0


class Outbox:
    """Pending messages. A body is the inside of a JSON object, without braces and `seq`."""

    def __init__(self) -> None:
        self._reset: str | None = None
        self._urgent: deque[str] = deque(maxlen=MAX_REPLIES)
        self._earlier: dict[Key, Slot] = {}
        """Closed bars of before a snapshot that still waits."""
        self._snapshots: dict[str, str] = {}
        self._updates: dict[Key, Slot] = {}
        self.conflated = 0
        """Updates merged because of this reader's slowness, since it connected."""

    def __bool__(self) -> bool:
        waits = self._updates or self._earlier or self._snapshots or self._urgent
        return bool(waits) or self._reset is not None

    def __len__(self) -> int:
        slots = [*self._updates.values(), *self._earlier.values()]
        waiting = sum(len(slot.bodies) for slot in slots)
        return len(self._urgent) + len(self._snapshots) + waiting + (self._reset is not None)

    def reset(self, body: str) -> None:
        """Drop all data that waits; the reader is told to begin anew."""
        self._earlier.clear()
        self._snapshots.clear()
        self._updates.clear()
        self._reset = body

    def reply(self, body: str) -> None:
        """Add an answer to the client; the oldest of too many is dropped."""
        self._urgent.append(body)

    def snapshot(self, symbol: str, body: str) -> None:
        """Put a symbol's whole state; of what waits, only closed bars are kept, to go before it."""
        for key in [key for key in self._updates if key[1] == symbol]:
            slot = self._updates.pop(key)
            if key[0] == CLOSED:
                earlier = self._earlier.setdefault(key, Slot())
                earlier.conflated += slot.conflated
                for bar in slot.bodies:
                    self._append(earlier, bar, MAX_CLOSED_BARS)
        self._snapshots.pop(symbol, None)
        self._snapshots[symbol] = body

    def forget(self, symbol: str, intervals: Collection[str] = ()) -> None:
        """Drop what waits of a symbol, or of these intervals of it only."""
        for slots in (self._updates, self._earlier):
            for key in [key for key in slots if key[1] == symbol]:
                if not intervals or key[2] in intervals:
                    del slots[key]
        if not intervals:
            self._snapshots.pop(symbol, None)

    def tick(self, symbol: str, body: str, merged: int) -> None:
        """Put the newest tick, which stands for `merged` older ones too."""
        self._put((TICK, symbol, ""), body, merged)

    def forming(self, symbol: str, interval: str, body: str) -> None:
        """Put the newest state of a forming bar."""
        self._put((FORMING, symbol, interval), body)

    def closed(self, symbol: str, interval: str, body: str) -> None:
        """Add a closed bar; what was known of it while it formed is dropped."""
        self._updates.pop((FORMING, symbol, interval), None)
        self._put((CLOSED, symbol, interval), body, limit=MAX_CLOSED_BARS)

    def clock(self, body: str) -> None:
        """Put the newest state of the clock."""
        self._put((CLOCK, "", ""), body)

    def take(self) -> tuple[str, int]:
        """Take the next message: its body and how many updates were merged into it.

        Raises:
            IndexError: Nothing waits.
        """
        if self._reset is not None:
            body, self._reset = self._reset, None
            return body, 0
        if self._urgent:
            return self._urgent.popleft(), 0
        if self._earlier:
            return self._take_from(self._earlier)
        if self._snapshots:
            return self._snapshots.pop(next(iter(self._snapshots))), 0
        if self._updates:
            return self._take_from(self._updates)
        raise IndexError("nothing waits")

    @staticmethod
    def _take_from(slots: dict[Key, Slot]) -> tuple[str, int]:
        key = next(iter(slots))
        slot = slots[key]
        body = slot.bodies.popleft()
        conflated, slot.conflated = slot.conflated, 0
        if not slot.bodies:
            del slots[key]
        return body, conflated

    def _put(self, key: Key, body: str, merged: int = 0, limit: int = 1) -> None:
        slot = self._updates.setdefault(key, Slot())
        slot.conflated += merged
        self._append(slot, body, limit)

    def _append(self, slot: Slot, body: str, limit: int) -> None:
        slot.bodies.append(body)
        if len(slot.bodies) > limit:
            slot.bodies.popleft()
            slot.conflated += 1
            self.conflated += 1
