"""Stretches in which a source did not answer and another did in its place.

Owns one open episode for each source, so that a thousand symbols failing over make one event when
it begins and one when it ends. Knows nothing of why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from trading_dashboard.agents.market_data.choosing.answers import (
    OtherInstrument,
    PassedOver,
    Resting,
)
from trading_dashboard.agents.market_data.choosing.events import (
    MAX_SYMBOLS,
    EventKind,
    EventLog,
    SourceEvent,
)
from trading_dashboard.agents.market_data.sources.contract import NotOffered, UnknownToSource

NO_FAULT = frozenset({UnknownToSource.code, NotOffered.code, OtherInstrument.code, Resting.code})
"""The source is well and just does not have this."""


@dataclass(slots=True)
class _Episode:
    start: int
    other: str
    cause: str
    symbols: dict[str, None] = field(default_factory=dict)

    def add(self, symbols: Sequence[str]) -> None:
        for symbol in symbols:
            if len(self.symbols) >= MAX_SYMBOLS:
                return
            self.symbols[symbol] = None


class Episodes:
    """Who stands in for whom."""

    def __init__(self, log: EventLog, now: Callable[[], int]) -> None:
        self._log = log
        self._now = now
        self._open: dict[str, _Episode] = {}

    def answered(self, source: str, failed: Sequence[PassedOver], symbols: Sequence[str]) -> None:
        """Note who answered these symbols, and who should have."""
        if source in self._open:
            self._end(source)
        for passed in failed:
            if passed.code not in NO_FAULT:
                self._stand_in(passed, source, symbols)

    def _stand_in(self, passed: PassedOver, other: str, symbols: Sequence[str]) -> None:
        episode = self._open.get(passed.source)
        if episode is not None:
            episode.add(symbols)
            return
        episode = self._open[passed.source] = _Episode(self._now(), other, passed.code)
        episode.add(symbols)
        self._log.add(
            SourceEvent(
                kind=EventKind.FAILED_OVER,
                source=passed.source,
                at=episode.start,
                other=other,
                symbols=tuple(episode.symbols),
                symbol_count=len(symbols),
                start=episode.start,
                cause=passed.code,
                detail=passed.reason,
            )
        )

    def _end(self, source: str) -> None:
        episode = self._open.pop(source)
        now = self._now()
        self._log.add(
            SourceEvent(
                kind=EventKind.RECOVERED,
                source=source,
                at=now,
                other=episode.other,
                symbols=tuple(episode.symbols),
                symbol_count=len(episode.symbols),
                start=episode.start,
                end=now,
                cause=episode.cause,
            )
        )
