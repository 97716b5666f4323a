"""Ticks in the order bars are made of them, and how late each one came.

Owns sorting. A symbol's *watermark* is the time until which its bars are closed: the latest of its
ticks seen, or of the clock. A tick is late for a bar that ends by the watermark it met.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading_dashboard.agents.market_data.aggregation.rows import RowParts
from trading_dashboard.agents.market_data.records import MICROSECONDS, Flags, Floats, Integers

_ROOM = 1 << 62


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Ticks by symbol, then as they arrived; each array is [n].

    Attributes:
        row: Where each was in the batch.
        met: The watermark each one met.
    """

    row: Integers
    symbol: Integers
    at: Integers
    session: Integers
    price: Floats
    size: Floats
    met: Integers

    def take(self, part: Flags | Integers) -> Arrivals:
        """Return some of the ticks."""
        return Arrivals(*(getattr(self, name)[part] for name in Arrivals.__slots__))

    def by_time(self) -> Arrivals:
        """Return them by symbol and time; those of one time as they arrived."""
        if not (np.diff(self.at) < 0)[np.diff(self.symbol) == 0].any():
            return self
        return self.take(np.lexsort((self.at, self.symbol)))

    def parts(self) -> tuple[RowParts, Integers]:
        """Return seconds of symbols, and the one each tick is in; for ticks by time."""
        second = self.at // MICROSECONDS
        is_first = np.ones(len(second), dtype=np.bool_)
        np.not_equal(second[1:], second[:-1], out=is_first[1:])
        is_first[1:] |= self.symbol[1:] != self.symbol[:-1]
        firsts = np.flatnonzero(is_first)
        ends = np.append(firsts[1:], len(second))
        parts = RowParts(
            symbol=self.symbol[firsts],
            at=self.at[firsts],
            session=self.session[firsts],
            first_at=self.at[firsts],
            last_at=self.at[ends - 1],
            open=self.price[firsts],
            high=np.maximum.reduceat(self.price, firsts),
            low=np.minimum.reduceat(self.price, firsts),
            close=self.price[ends - 1],
            volume=np.add.reduceat(self.size, firsts),
            count=ends - firsts,
        )
        return parts, np.cumsum(is_first) - 1


def by_symbol(symbol: Integers) -> Integers:
    """Return the order that sorts by symbol and otherwise leaves the order of arrival."""
    # Of 16 bits numpy sorts by radix, in a third of the time.
    keys = symbol.astype(np.uint16) if symbol.max(initial=0) < 1 << 16 else symbol
    return np.argsort(keys, kind="stable")


def met(symbol: Integers, at: Integers, watermark: Integers) -> Integers:
    """Return int64[n]: the watermark each tick met, of ticks by symbol and then arrival.

    `watermark` is that of each tick's symbol before the batch.
    """
    if not len(at):
        return at
    is_first = np.ones(len(at), dtype=np.bool_)
    np.not_equal(symbol[1:], symbol[:-1], out=is_first[1:])
    before = np.empty_like(at)
    before[1:] = _running_latest(np.cumsum(is_first) - 1, at)[:-1]
    before[is_first] = watermark[is_first]
    return np.maximum(before, watermark)


def _running_latest(group: Integers, at: Integers) -> Integers:
    base = int(at.min())
    span = int(at.max()) - base + 1
    if span * (int(group[-1]) + 1) < _ROOM:
        lift = group * span - base
        running: Integers = np.maximum.accumulate(at + lift) - lift
        return running
    edges = np.flatnonzero(np.diff(group)) + 1  # times years apart
    return np.concatenate([np.maximum.accumulate(part) for part in np.split(at, edges)])
