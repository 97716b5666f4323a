"""A record whose file cannot be written for a while, and books that trust it too early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trading_dashboard.agents.pattern_recognition.live.book import Event, PatternBook, _changed
from trading_dashboard.agents.pattern_recognition.live.found import Finding, Key
from trading_dashboard.agents.pattern_recognition.live.record import Kept, Record


class FullDisk(Record):
    """SQLite itself refuses the writes with these numbers, as it does on a full disk."""

    refused: range = range(0)
    writes: int = 0

    def write(self, **parts: Any) -> None:
        self.writes += 1
        is_refused = self.writes in self.refused
        self._connection.execute(f"PRAGMA query_only = {int(is_refused)}")
        super().write(**parts)


def count_before_writing(
    self: PatternBook, found: Sequence[Finding], series: Mapping[Key, Kept]
) -> list[Event]:
    """Stand in for `PatternBook._written_down`: believe that the write will succeed."""
    events = [Event(self._event + place, it) for place, it in enumerate(found, 1)]
    self._event += len(events)
    self._kept.update(series)
    self._record.write(event=self._event, series=series, found=_changed(events))
    return events
