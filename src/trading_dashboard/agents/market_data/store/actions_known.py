"""Corporate events kept in memory once they were read, so that reading bars need not ask for them.

Owns that what is remembered is what the file says: written events are forgotten when they are on
disk, and what was read before that moment is not remembered after it. Of all symbols it is known
whether they have events: most have none, and need not be asked about one by one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from trading_dashboard.agents.market_data.records import CorporateEvent

MAX_SYMBOLS = 20_000

Key = tuple[str, str]
Read = Callable[[], Sequence[CorporateEvent]]
ReadSymbols = Callable[[], set[Key]]


class KnownActions:
    """Events by source and symbol. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Key, Sequence[CorporateEvent]] = {}
        self._with_events: frozenset[Key] | None = None
        """Who has, or may have, events; None while that is not known."""
        self._changes = 0

    def get(self, key: Key, read: Read, read_symbols: ReadSymbols) -> Sequence[CorporateEvent]:
        """Return the events of a source's symbol; what is not remembered is read."""
        found = self._known.get(key)
        if found is not None:
            return found
        if key not in self._symbols(read_symbols):
            return ()
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
        keys = {(event.source, event.symbol) for event in events}
        if not keys:
            return
        with self._lock:
            self._changes += 1
            for key in keys:
                self._known.pop(key, None)
            if self._with_events is not None:
                self._with_events |= keys

    def _symbols(self, read: ReadSymbols) -> frozenset[Key]:
        known = self._with_events
        if known is None:
            changes = self._changes
            known = frozenset(read())
            with self._lock:
                if changes == self._changes:
                    self._with_events = known
        return known
