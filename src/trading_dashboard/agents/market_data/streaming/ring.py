"""The last messages of each symbol, for readers who come back.

Owns how much is kept and for how long. Of a symbol nothing is kept before somebody read it and
when nobody has for a while: what is not made needs no room.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from trading_dashboard.agents.market_data.streaming.outbox import Missed

KEPT_SECONDS = 60.0
MAX_PER_SYMBOL = 512
MAX_MESSAGES = 50_000


@dataclass(frozen=True, slots=True)
class _Kept:
    event: int
    at: float
    interval: str | None
    """Of a bar; None for a tick."""
    text: str


@dataclass(slots=True)
class _Line:
    """One symbol's messages; all after event `floor` are there."""

    floor: int
    read_at: float
    intervals: set[str]
    kept: deque[_Kept] = field(default_factory=deque)


class Ring:
    """Keeps messages of the symbols that are read, bounded by age and number."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lines: dict[str, _Line] = {}

    def read(self, symbol: str, intervals: Collection[str], event: int) -> None:
        """Take note that somebody reads a symbol now; events after `event` are kept."""
        line = self._lines.get(symbol)
        if line is None:
            line = self._lines[symbol] = _Line(event, 0.0, set())
        if not line.intervals.issuperset(intervals):
            # Bars of the new intervals were not kept before: nobody can go on from before now.
            line.intervals.update(intervals)
            self._restart(line, event)
        line.read_at = self._monotonic()

    def sweep(self) -> None:
        """Let go of symbols that nobody has read for a while."""
        until = self._monotonic() - KEPT_SECONDS
        for symbol in [name for name, line in self._lines.items() if line.read_at < until]:
            del self._lines[symbol]

    def symbols(self) -> dict[str, set[str]]:
        """Return the intervals that are kept, by symbol."""
        return {symbol: line.intervals for symbol, line in self._lines.items()}

    def keeps(self, symbol: str, interval: str | None = None) -> bool:
        """Return whether messages of a symbol, or of its bars, are to be added."""
        line = self._lines.get(symbol)
        return line is not None and (interval is None or interval in line.intervals)

    def add(self, symbol: str, event: int, text: str, interval: str | None = None) -> None:
        """Keep a message; the oldest of too many go."""
        line = self._lines[symbol]
        now = self._monotonic()
        line.kept.append(_Kept(event, now, interval, text))
        limit = min(MAX_PER_SYMBOL, max(MAX_MESSAGES // len(self._lines), 1))
        while len(line.kept) > limit or line.kept[0].at < now - KEPT_SECONDS:
            line.floor = line.kept.popleft().event

    def restart(self, symbol: str, event: int) -> None:
        """Forget a symbol's messages: nobody can go on from before an event."""
        if (line := self._lines.get(symbol)) is not None:
            self._restart(line, event)

    def after(self, symbol: str, intervals: Collection[str], event: int) -> Sequence[Missed] | None:
        """Return the messages after an event, oldest first; None if not all are there."""
        line = self._lines.get(symbol)
        if line is None or event < line.floor or not line.intervals.issuperset(intervals):
            return None
        return [
            Missed(kept.event, kept.event, kept.text)
            for kept in line.kept
            if kept.event > event and (kept.interval is None or kept.interval in intervals)
        ]

    @staticmethod
    def _restart(line: _Line, event: int) -> None:
        line.floor = event
        line.kept.clear()
