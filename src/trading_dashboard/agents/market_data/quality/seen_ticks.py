"""Which ticks came before: a memory of fixed size, for finding duplicates.

Owns the memory. A tick newer than all of its symbol cannot be a duplicate and is not looked up.
Others are compared by a 64-bit number made of symbol, time, price and size: that two different
ticks have the same one happens about once in 10^14 late ticks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.market_data.quality.known_symbols import grown
from trading_dashboard.agents.market_data.records import Flags, Floats, Indices, Integers

Hashes = NDArray[np.uint64]

_ROW_BITS = 15
_PLACES = 8
_HUGE = 1 << 62
_FACTORS = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93],
    dtype=np.uint64,
)


class SeenTicks:
    """Remembers about the last quarter of a million ticks of all symbols (2 MiB)."""

    def __init__(self) -> None:
        self.newest: Integers = np.zeros(0, dtype=np.int64)
        """int64[symbols]: the newest time of each symbol, 0 if it has none."""
        self._table: Hashes = np.zeros((1 << _ROW_BITS, _PLACES), dtype=np.uint64)
        self._next: Indices = np.zeros(1 << _ROW_BITS, dtype=np.int32)

    def make_room(self, symbols: int) -> None:
        """Have a place for so many symbols."""
        self.newest = grown(self.newest, symbols, 0)

    def newest_before(self, number: Indices, at: Integers, tolerance: int) -> Integers:
        """Return int64[n]: the newest time of each tick's symbol when it arrived.

        Within a batch that spans no more than `tolerance` the ticks before it are left out.
        """
        newest: Integers = self.newest[number]
        if not len(at) or int(at.max()) - int(at.min()) <= tolerance:
            return newest
        order = np.argsort(number, kind="stable")
        rank = np.cumsum(np.diff(number[order], prepend=number[order[0]]) != 0)
        lowest, width = int(at.min()), int(at.max()) - int(at.min()) + 1
        if width > _HUGE // len(at):
            return newest
        # Each symbol's times above those of the symbols before, so that one maximum runs over all.
        raised = at[order] - lowest + rank * width
        running = np.maximum.accumulate(raised) - rank * width + lowest
        found = np.empty_like(at)
        found[order] = running
        return np.maximum(newest, found)

    def find_and_add(self, number: Indices, at: Integers, price: Floats, size: Floats) -> Flags:
        """Return bool[n]: which ticks came before, also within the batch; remember the others."""
        hashes = _hashes(number, at, price, size)
        order = np.argsort(hashes)
        ordered = hashes[order]
        is_same = np.zeros(len(at), dtype=np.bool_)
        twins = ordered[1:] == ordered[:-1]
        if twins.any():
            order = np.argsort(hashes, kind="stable")  # the first one is the one to keep
            is_same[order[1:]] = twins
        is_old = at <= self.newest[number]
        if is_old.any():
            old = np.flatnonzero(is_old)
            rows = (hashes[old] >> np.uint64(64 - _ROW_BITS)).astype(np.int64)
            is_same[old] |= (self._table[rows] == hashes[old, None]).any(axis=1)
        self._add(ordered)
        np.maximum.at(self.newest, number, at)
        return is_same

    def _add(self, ordered: Hashes) -> None:
        """Put numbers in ascending order into their rows, over the oldest there."""
        rows = (ordered >> np.uint64(64 - _ROW_BITS)).astype(np.int64)
        is_first = np.ones(len(rows), dtype=np.bool_)
        is_first[1:] = rows[1:] != rows[:-1]
        firsts = np.flatnonzero(is_first)
        lengths = np.diff(firsts, append=len(rows))
        rank = np.arange(len(rows)) - np.repeat(firsts, lengths)
        self._table[rows, (self._next[rows] + rank) % _PLACES] = ordered
        self._next[rows[firsts]] = (self._next[rows[firsts]] + lengths) % _PLACES


def _hashes(number: Indices, at: Integers, price: Floats, size: Floats) -> Hashes:
    mixed: Hashes = at.view(np.uint64) * _FACTORS[0]
    mixed ^= (mixed >> np.uint64(29)) + number.astype(np.uint64) * _FACTORS[3]
    mixed *= _FACTORS[1]
    mixed ^= (mixed >> np.uint64(32)) + price.view(np.uint64) * _FACTORS[2]
    mixed *= _FACTORS[0]
    mixed ^= (mixed >> np.uint64(30)) + size.view(np.uint64) * _FACTORS[3]
    mixed *= _FACTORS[1]
    mixed ^= mixed >> np.uint64(31)
    mixed |= np.uint64(1)  # 0 is an empty place
    return mixed
