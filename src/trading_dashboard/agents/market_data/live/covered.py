"""Which stretch of each series was asked for and is kept, as the archive's notes say.

Owns the notes' keys and what is remembered of them. They are read once, all together: who asks for
one of thousands of series waits for no question of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from trading_dashboard.agents.market_data.live.ports import InThread
from trading_dashboard.agents.market_data.live.ranges import TimeRange

MAX_HELD = 50_000
"""With more series noted, what is asked for is read one by one and remembered for a while."""
_PREFIX = "covered "


class KeptNotes(Protocol):
    """Where the notes are."""

    def note(self, key: str) -> str | None:
        """Return what was noted under a key."""

    def noted(self, begins_with: str, *, limit: int) -> Mapping[str, str]:
        """Return up to so many notes whose key begins with a text."""


@dataclass(frozen=True, slots=True)
class Covered:
    """The stretch [start, end) of a series that was asked for and is kept."""

    start: int
    end: int

    def lacks(self, wanted: TimeRange) -> list[TimeRange]:
        """Return what is to be asked for so that all of `wanted` is covered, without a hole."""
        missing = []
        if wanted.start < self.start:
            missing.append(TimeRange(wanted.start, self.start))
        if wanted.end > self.end:
            missing.append(TimeRange(self.end, wanted.end))
        return missing


class CoveredStretches:
    """What is noted, by series: nobody else writes these notes while this one is used."""

    def __init__(self, notes: KeptNotes, in_thread: InThread) -> None:
        self._notes = notes
        self._in_thread = in_thread
        self._known: dict[str, Covered | None] = {}
        self._is_read = False
        self._has_all = False
        """What is not among the known ones is not noted, unless it is doubtful."""
        self._doubtful: set[str] = set()
        self._reading = asyncio.Lock()

    async def of(self, source: str, symbol: str, interval: str) -> Covered | None:
        """Return what is covered of a series; None if nothing is."""
        key = covered_key(source, symbol, interval)
        if not self._is_read:
            await self._read_all()
        if key in self._known:
            return self._known[key]
        if self._has_all and key not in self._doubtful:
            return None
        text = await self._in_thread(lambda: self._notes.note(key))
        covered = None if text is None else Covered(*json.loads(text))
        self.put(key, covered)
        return covered

    def put(self, key: str, covered: Covered | None) -> None:
        """Remember what is on disk."""
        if len(self._known) > MAX_HELD:
            self._known.clear()
            self._has_all = False
        self._known[key] = covered
        self._doubtful.discard(key)

    def forget(self, key: str) -> None:
        """Ask the archive the next time."""
        self._known.pop(key, None)
        self._doubtful.add(key)

    async def _read_all(self) -> None:
        async with self._reading:
            if self._is_read:
                return
            found = await self._in_thread(lambda: self._notes.noted(_PREFIX, limit=MAX_HELD))
            for key, text in found.items():
                if key not in self._doubtful:
                    self._known.setdefault(key, Covered(*json.loads(text)))
            self._has_all = len(found) < MAX_HELD
            self._is_read = True


def covered_key(source: str, symbol: str, interval: str) -> str:
    """Return the key a series' stretch is noted under."""
    return f"{_PREFIX}{source} {symbol} {interval}"
