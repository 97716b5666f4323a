"""Ticks counted by symbol in arrays, until they are put into the scores' records.

Owns the counting of what comes a hundred thousand times a second.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trading_dashboard.agents.market_data.quality.known_symbols import UNKNOWN, KnownSymbols
from trading_dashboard.agents.market_data.records import Flags, Integers, Ticks

_KINDS = 3


class TickCounts:
    """Received, timed and late ticks by symbol; one thread at a time."""

    def __init__(self, max_symbols: int) -> None:
        self._symbols = KnownSymbols(max_symbols)
        self._counts: Integers = np.zeros((_KINDS, 0), dtype=np.int64)

    def add(self, kind: int, ticks: Ticks, part: Flags | None = None) -> None:
        """Count ticks, or some of them; `kind` is 0 for received, 1 for timed, 2 for late."""
        number = self._symbols.numbers(ticks.source, ticks.symbols, ticks.symbol)
        if part is not None:
            number = number[part]
        counted = np.bincount(number - UNKNOWN, minlength=len(self._symbols) + 1)[1:]
        if len(counted) > self._counts.shape[1]:
            longer = np.zeros((_KINDS, 2 * len(counted)), dtype=np.int64)
            longer[:, : self._counts.shape[1]] = self._counts
            self._counts = longer
        self._counts[kind, : len(counted)] += counted

    def drain(self) -> Iterator[tuple[str, str, int, int, int]]:
        """Yield source, symbol, received, timed and late of what was counted, and begin anew."""
        places = np.flatnonzero(self._counts.any(axis=0))
        for place, *counts in zip(places.tolist(), *self._counts[:, places].tolist(), strict=True):
            received, timed, late = counts
            yield (*self._symbols.names[place], received, timed, late)
        self._counts[:] = 0
