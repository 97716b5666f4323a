"""What one subscriber has still to be sent, bounded whatever happens.

Owns conflation: a reader that is too slow gets the newest state of each symbol and interval, with
the number of updates that were merged into it, never a growing queue. What still waits can be
replaced by something newer. Knows no socket.

It also knows how far a reader has been told everything, so that who comes back can go on there. An
update carries its event number, and the number of the first event it stands for (`first`). What
waits is in the order of `first`, so all before the first one that waits has been told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

MAX_CLOSED_BARS = 64
"""Closed bars of one symbol and interval that wait; the oldest of more merge into the next."""
MAX_REPLIES = 32

TICK = "tick"
FORMING = "forming"
CLOSED = "closed"
CLOCK = "clock"
RESUMED = "resumed"

Key = tuple[str, str, str]
"""Kind, symbol and interval; the latter two empty where they don't apply."""


@dataclass(frozen=True, slots=True)
class Missed:
    """One message that a reader who came back has missed."""

    event: int
    first: int
    text: str


@dataclass(slots=True)
class Slot:
    """What waits under one key: the newest body, and how many older ones it stands for."""

    first: int
    body: str
    event: int
    conflated: int = 0
    is_clock: bool = False
    """Not something that happened in the market."""
    older: deque[tuple[str, int]] | None = None
    """Closed bars that wait before `body`, with their events."""

    def __len__(self) -> int:
        return 1 + len(self.older or ())


@dataclass(slots=True)
class Snapshot:
    """A symbol's state that waits, and the messages that go right before it."""

    first: int
    body: str
    event: int
    before: list[str]


class Outbox:
    """Pending messages. A body is the inside of a JSON object, without braces and `seq`."""

    def __init__(self) -> None:
        self._reset: str | None = None
        self._urgent: deque[str] = deque(maxlen=MAX_REPLIES)
        self._missed: deque[Missed] = deque()
        self._earlier: dict[Key, Slot] = {}
        """Closed bars of before a snapshot that still waits."""
        self._snapshots: dict[str, Snapshot] = {}
        self._updates: dict[Key, Slot] = {}
        self._told = 0
        self.conflated = 0
        """Updates merged because of this reader's slowness, since it connected."""

    def __bool__(self) -> bool:
        return bool(
            self._updates
            or self._snapshots
            or self._urgent
            or self._earlier
            or self._missed
            or self._reset is not None
        )

    def __len__(self) -> int:
        waiting = sum(len(slot) for slot in [*self._updates.values(), *self._earlier.values()])
        waiting += sum(1 + len(state.before) for state in self._snapshots.values())
        return len(self._urgent) + len(self._missed) + waiting + (self._reset is not None)

    def reset(self, body: str) -> None:
        """Drop all data that waits; the reader is told to begin anew."""
        self._missed.clear()
        self._earlier.clear()
        self._snapshots.clear()
        self._updates.clear()
        self._told = 0
        self._reset = body

    def reply(self, body: str) -> None:
        """Add an answer to the client; the oldest of too many is dropped."""
        self._urgent.append(body)

    def missed(self, messages: Sequence[Missed]) -> None:
        """Add what a reader missed while it was away; the caller bounds how much."""
        self._missed.extend(messages)

    def snapshot(self, symbol: str, body: str, event: int = 0, before: str | None = None) -> None:
        """Put a symbol's whole state; of what waits, only closed bars are kept, to go before it.

        Args:
            symbol: Whose state.
            body: The state.
            event: After which event it is so.
            before: A message that is to come right before it.
        """
        for key in [key for key in self._updates if key[1] == symbol]:
            slot = self._updates.pop(key)
            if key[0] == CLOSED:
                self._keep(key, slot)
        self._snapshots.pop(symbol, None)
        ahead = [] if before is None else [before]
        self._snapshots[symbol] = Snapshot(self._told + 1, body, event, ahead)

    def forget(self, symbol: str, intervals: Collection[str] = ()) -> None:
        """Drop what waits of a symbol, or of these intervals of it only."""
        for slots in (self._updates, self._earlier):
            for key in [key for key in slots if key[1] == symbol]:
                if not intervals or key[2] in intervals:
                    del slots[key]
        if not intervals:
            self._snapshots.pop(symbol, None)

    def tick(self, symbol: str, body: str, merged: int, event: int = 0, first: int = 0) -> None:
        """Put the newest tick, which stands for `merged` older ones too."""
        self._put((TICK, symbol, ""), body, event, first, merged)

    def forming(
        self, symbol: str, interval: str, body: str, event: int = 0, first: int = 0
    ) -> None:
        """Put the newest state of a forming bar."""
        self._put((FORMING, symbol, interval), body, event, first)

    def closed(self, symbol: str, interval: str, body: str, event: int = 0, first: int = 0) -> None:
        """Add a closed bar; what was known of it while it formed is dropped."""
        self._updates.pop((FORMING, symbol, interval), None)
        self.amended(symbol, interval, body, event, first)

    def amended(
        self, symbol: str, interval: str, body: str, event: int = 0, first: int = 0
    ) -> None:
        """Add a closed bar that changed afterwards; the one that forms now stays."""
        slot = self._updates.get((CLOSED, symbol, interval))
        if slot is None:
            self._updates[CLOSED, symbol, interval] = Slot(first, body, event)
        else:
            self._add(slot, [(body, event)])

    def clock(self, body: str, event: int = 0) -> None:
        """Put the newest state of the clock, told after event number `event`."""
        self._put((CLOCK, "", ""), body, event, event + 1, is_clock=True)

    def resumed(self, body: str, event: int) -> None:
        """Tell a reader that came back that it has all now, up to an event."""
        self._put((RESUMED, "", ""), body, event, event + 1, is_clock=True)

    def take(self) -> tuple[str, int]:
        """Take the next message: its body and how many updates were merged into it.

        Raises:
            IndexError: Nothing waits.
        """
        body, conflated, _ = self._take()
        return body, conflated

    def drain(self, limit: int, seq: int) -> list[str]:
        """Take up to so many messages, whole, numbered from `seq` on.

        `complete` is added where not all events before the message's own have been told yet: a
        reader that comes back goes on from there.
        """
        if len(self._updates) <= limit and not self._has_more_than_updates():
            return self._drain_updates(seq)
        texts: list[str] = []
        while self and len(texts) < limit:
            body, conflated, event = self._take()
            told = None if event is None else self._told_before(event)
            texts.append(self._whole(seq + len(texts), body, conflated, event, told))
        return texts

    # Private

    def _has_more_than_updates(self) -> bool:
        return bool(
            self._snapshots
            or self._urgent
            or self._missed
            or self._earlier
            or self._reset is not None
        )

    def _drain_updates(self, seq: int) -> list[str]:
        """Take all updates at once: what `drain` does, for the case that is nearly always so."""
        texts: list[str] = []
        slots = list(self._updates.values())
        self._updates.clear()
        for index, slot in enumerate(slots, 1):
            behind = slots[index].first - 1 if index < len(slots) else slot.event
            if slot.older:
                # Of several closed bars only the last can be the end of anything.
                for body, event in slot.older:
                    told = min(event, slot.first - 1)
                    text = self._whole(seq + len(texts), body, slot.conflated, event, told)
                    texts.append(text)
                    slot.conflated = 0
            event, told = slot.event, min(slot.event, behind)
            number = None if slot.is_clock else event
            texts.append(self._whole(seq + len(texts), slot.body, slot.conflated, number, told))
        return texts

    def _whole(
        self, seq: int, body: str, conflated: int, event: int | None, told: int | None
    ) -> str:
        """Return a message as it is sent."""
        if conflated:
            body = f'{body},"conflated":{conflated}'
        if event is not None and told is not None:
            if told < event:
                body = f'{body},"complete":{told}'
            self._told = max(self._told, told)
        return f'{{"seq":{seq},{body}}}'

    def _told_before(self, event: int) -> int:
        """Return up to which event all has been told, once a message of `event` has been taken."""
        for slot in self._updates.values():
            event = min(event, slot.first - 1)
            break
        if self._missed:
            event = min(event, self._missed[0].first - 1)
        for state in self._snapshots.values():
            event = min(event, state.first - 1)
            break
        for slot in self._earlier.values():
            event = min(event, slot.first - 1)
        return event

    def _take(self) -> tuple[str, int, int | None]:
        """Return body, number of merged updates and the event number, None of what has none."""
        if self._reset is not None:
            body, self._reset = self._reset, None
            return body, 0, None
        if self._urgent:
            return self._urgent.popleft(), 0, None
        if self._missed:
            missed = self._missed.popleft()
            return missed.text, 0, missed.event
        if self._earlier:
            return self._take_from(self._earlier)
        if self._snapshots:
            symbol, state = next(iter(self._snapshots.items()))
            if state.before:
                return state.before.pop(0), 0, None
            del self._snapshots[symbol]
            return state.body, 0, state.event
        if self._updates:
            return self._take_from(self._updates)
        raise IndexError("nothing waits")

    @staticmethod
    def _take_from(slots: dict[Key, Slot]) -> tuple[str, int, int | None]:
        key = next(iter(slots))
        slot = slots[key]
        conflated, slot.conflated = slot.conflated, 0
        if slot.older:
            body, event = slot.older.popleft()
        else:
            body, event = slot.body, slot.event
            del slots[key]
        return body, conflated, None if slot.is_clock else event

    def _put(
        self,
        key: Key,
        body: str,
        event: int,
        first: int,
        merged: int = 0,
        *,
        is_clock: bool = False,
    ) -> None:
        slot = self._updates.get(key)
        if slot is None:
            self._updates[key] = Slot(first, body, event, merged, is_clock)
            return
        slot.body, slot.event = body, event
        slot.conflated += merged + 1
        self.conflated += 1

    def _keep(self, key: Key, slot: Slot) -> None:
        """Put closed bars away that go before the snapshot of their symbol."""
        earlier = self._earlier.get(key)
        if earlier is None:
            self._earlier[key] = slot
            return
        earlier.conflated += slot.conflated
        self._add(earlier, [*(slot.older or ()), (slot.body, slot.event)])

    def _add(self, slot: Slot, bodies: Collection[tuple[str, int]]) -> None:
        """Add closed bars behind those that wait; the oldest of too many are counted and left."""
        older = slot.older = slot.older or deque()
        for body, event in bodies:
            older.append((slot.body, slot.event))
            slot.body, slot.event = body, event
            if len(older) >= MAX_CLOSED_BARS:
                older.popleft()
                slot.conflated += 1
                self.conflated += 1
