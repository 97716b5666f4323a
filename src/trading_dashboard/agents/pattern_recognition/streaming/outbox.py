"""What one reader has still to be sent, bounded whatever happens.

Owns conflation: of each detection the newest state waits, with the number of states it stands for.
When too many wait, they give way to one snapshot. Knows no socket.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

MAX_WAITING = 2_000
"""Detections that wait; more become a snapshot."""
MAX_REPLIES = 32


@dataclass(slots=True)
class Slot:
    """The newest state of one detection that waits."""

    event: int
    body: str
    """The inside of a message, without `seq`, `is_new` and `was`."""
    is_new: bool
    was: str | None
    conflated: int = 0


class Outbox:
    """Pending messages of one reader."""

    def __init__(self) -> None:
        self.needs_snapshot = False
        """A snapshot has to be made before anything that waits here goes out."""
        self.conflated = 0
        """States merged because of this reader's slowness, since it connected."""
        self._reset: str | None = None
        self._replies: deque[str] = deque(maxlen=MAX_REPLIES)
        self._condition: str | None = None
        self._slots: dict[str, Slot] = {}

    def __bool__(self) -> bool:
        return self.needs_snapshot or self.has_messages

    @property
    def has_messages(self) -> bool:
        """Return whether anything but a snapshot waits."""
        return bool(self._slots or self._replies or self._condition or self._reset)

    def __len__(self) -> int:
        return len(self._slots) + len(self._replies)

    def reset(self, body: str) -> None:
        """Drop all that waits: the reader begins anew, with a snapshot."""
        self._slots.clear()
        self._reset = body
        self.needs_snapshot = True

    def reply(self, body: str) -> None:
        """Add an answer; the oldest of too many is dropped."""
        self._replies.append(body)

    def condition(self, body: str) -> None:
        """Put the newest condition."""
        self._condition = body

    def pattern(self, name: str, slot: Slot) -> None:
        """Put a detection's newest state."""
        before = self._slots.pop(name, None)
        if before is not None:
            slot.is_new = slot.is_new or before.is_new
            slot.was = None if slot.is_new else before.was
            slot.conflated = before.conflated + 1
            self.conflated += 1
        self._slots[name] = slot
        if len(self._slots) > MAX_WAITING:
            self.conflated += len(self._slots)
            self._slots.clear()
            self.needs_snapshot = True

    def has_snapshot(self, event: int) -> None:
        """Drop what a snapshot of this event tells already; it is the next to go out."""
        self.needs_snapshot = False
        self._slots = {name: slot for name, slot in self._slots.items() if slot.event > event}

    def drain_first(self) -> list[str]:
        """Take what goes before a snapshot."""
        bodies = [] if self._reset is None else [self._reset]
        bodies += self._replies
        self._reset = None
        self._replies.clear()
        return bodies

    def drain(self, limit: int) -> list[str]:
        """Take up to so many messages, oldest first; nothing while a snapshot is needed."""
        bodies = self.drain_first()
        if self.needs_snapshot:
            return bodies
        if self._condition is not None:
            bodies.append(self._condition)
            self._condition = None
        names = list(self._slots)[: max(limit - len(bodies), 0)]
        return bodies + [_written(self._slots.pop(name)) for name in names]


def _written(slot: Slot) -> str:
    was = "null" if slot.was is None else f'"{slot.was}"'
    is_new = "true" if slot.is_new else "false"
    more = f',"conflated":{slot.conflated}' if slot.conflated else ""
    return f'{slot.body},"is_new":{is_new},"was":{was}{more}'
