"""Corporate events kept in memory once they were read, so that reading bars need not ask for them.

Owns that what is remembered is what the file says: written events are forgotten when they are on
disk, and what was read before that moment is not remembered after it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from trading_dashboard.agents.market_data.records import CorporateEvent

MAX_SYMBOLS = 20_000

Read = Callable[[], Sequence[CorporateEvent]]


class KnownActions:
    """Events by source and symbol. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Sequence[CorporateEvent]] = {}
        self._changes = 0

    def get(self, key: tuple[str, str], read: Read) -> Sequence[CorporateEvent]:
        """Return the events of a source's symbol; what is not remembered is read."""
        found = self._known.get(key)
        if found is not None:
            return found
        changes = self._changes
        found = read()
        with self._lock:
            # Written while this was read: whether before or after, nobody knows.
            if changes == self._changes:
                if len(self._known) >= MAX_SYMBOLS:
                    self._known.clear()
                self._known[key] = found
        return found

    def forget(self, events: Iterable[CorporateEvent]) -> None:
        """Forget the symbols of events that were, or may have been, written."""
        with self._lock:
            for event in events:
                self._changes += 1
                self._known.pop((event.source, event.symbol), None)
