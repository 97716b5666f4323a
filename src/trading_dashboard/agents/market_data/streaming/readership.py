"""Who reads which symbols and intervals.

Owns the index from symbols to readers, kept up to date in small steps, and what patterns mean: a
``*`` in a symbol stands for any characters, so ``*`` is everything and ``BTC/*`` all pairs of BTC.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Generic, TypeVar

ALL = "*"
MAX_PATTERNS = 32
"""Patterns of one reader; more are refused."""
MAX_PATTERN_LENGTH = 32

Reader = TypeVar("Reader")


class TooManyPatterns(ValueError):
    """A reader has as many patterns as it may have, or one is too long."""


def is_pattern(symbol: str) -> bool:
    """Return whether it stands for more than one symbol."""
    return ALL in symbol


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Runs of stars are one star: otherwise a pattern could take exponential time to fail.
    parts = re.split(r"\*+", pattern)
    return re.compile(".*".join(re.escape(part) for part in parts), re.DOTALL)


def matches(pattern: str, symbol: str) -> bool:
    """Return whether a symbol fits."""
    return pattern == ALL or _compiled(pattern).fullmatch(symbol) is not None


def fitting(pattern: str, symbols: Iterable[str]) -> list[str]:
    """Return the symbols that fit, in their order."""
    return [symbol for symbol in symbols if matches(pattern, symbol)]


class Readership(Generic[Reader]):
    """Readers by symbol, and how many want each interval."""

    def __init__(self) -> None:
        self._readers: dict[str, dict[Reader, set[str]]] = {}
        self._wanted: dict[str, dict[str, int]] = {}

    @property
    def wanted(self) -> Mapping[str, Collection[str]]:
        """Return the intervals somebody reads, by symbol."""
        return self._wanted

    def of(self, symbol: str) -> Mapping[Reader, Collection[str]]:
        """Return the readers of a symbol with their intervals."""
        return self._readers.get(symbol, {})

    def add(self, reader: Reader, symbol: str, intervals: Iterable[str]) -> None:
        """Let a reader have a symbol, and these intervals beside those it has."""
        own = self._readers.setdefault(symbol, {}).setdefault(reader, set())
        counts = self._wanted.setdefault(symbol, {})
        for interval in intervals:
            if interval not in own:
                own.add(interval)
                counts[interval] = counts.get(interval, 0) + 1

    def remove(self, reader: Reader, symbol: str, intervals: Collection[str] = ()) -> None:
        """Take a symbol from a reader, or only these intervals of it."""
        readers = self._readers.get(symbol, {})
        own = readers.get(reader)
        if own is None:
            return
        counts = self._wanted[symbol]
        for interval in own.intersection(intervals) if intervals else own:
            counts[interval] -= 1
            if not counts[interval]:
                del counts[interval]
        if intervals:
            own.difference_update(intervals)
            return
        del readers[reader]
        if not readers:
            del self._readers[symbol], self._wanted[symbol]
