"""Base rates: how often prices moved up or down over a horizon, whatever was seen.

Owns the moves of each series, one byte for each bar and horizon, and their sums over all symbols by
moment. A move counts from the moment its last bar has closed. What is asked "by a moment" counts
what ended before the bar that opens then: a bar that closes at the same time, also one of another
symbol, is not known yet.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.worth.growing import Growing

NONE, UP, DOWN, FLAT = range(4)
Counts = NDArray[np.int64]
"""Moves, upward ones and downward ones, shape ``(…, 3)``."""


def kinds_of(changes: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return what each change of price is; NaN is none."""
    kinds = np.full(changes.shape, FLAT, np.uint8)
    kinds[changes > 0] = UP
    kinds[changes < 0] = DOWN
    kinds[np.isnan(changes)] = NONE
    return kinds


def each_of(kinds: NDArray[np.uint8]) -> Counts:
    """Return each move as counts, shape ``(…, k, 3)``."""
    return np.stack([kinds != NONE, kinds == UP, kinds == DOWN], axis=-1).astype(np.int64)


def counted(kinds: NDArray[np.uint8]) -> Counts:
    """Return running counts along the last axis, shape ``(…, k, 3)``."""
    return np.cumsum(each_of(kinds), axis=-2)


class SeriesBase:
    """Moves of one series, by horizon and the bar they ended with."""

    def __init__(self, horizons: int) -> None:
        self.time = Growing(1, np.int64)
        self.kinds = Growing(horizons, np.uint8)
        self.known: Counts = np.zeros((horizons, 3), np.int64)
        self._plain: list[list[int]] | None = None

    @property
    def last(self) -> int | None:
        """Return the opening time of the newest bar; None before the first."""
        return int(self.time.data[0, -1]) if len(self.time) else None

    def extend(self, time: NDArray[np.int64], kinds: NDArray[np.uint8]) -> Counts:
        """Add bars; return what was known before each, shape ``(horizons, k, 3)``."""
        running = counted(kinds) + self.known[:, np.newaxis]
        before = np.concatenate([self.known[:, np.newaxis], running[:, :-1]], axis=1)
        self.time.extend(time[np.newaxis])
        self.kinds.extend(kinds)
        self.known = running[:, -1].copy()
        self._plain = None
        return before

    def known_by(self, moment: int) -> list[list[int]]:
        """Return what was known by one moment, for each horizon, as plain numbers."""
        last = self.last
        if last is None or last < moment:
            if self._plain is None:
                self._plain = self.known.tolist()
            return self._plain
        counts: list[list[int]] = self.by(np.array([moment]))[:, 0].tolist()
        return counts

    def by(self, moments: NDArray[np.int64]) -> Counts:
        """Return what was known by each moment, shape ``(horizons, k, 3)``."""
        place = self.time.data[0].searchsorted(moments)
        first = int(place.min(initial=len(self.time)))
        tail = self.kinds.data[:, first:]
        running = np.zeros((len(tail), tail.shape[1] + 1, 3), np.int64)
        running[:, 1:] = counted(tail)
        before = self.known - running[:, -1]
        return np.asarray(before[:, np.newaxis] + running[:, place - first])


class PooledBase:
    """Sums over all symbols, by horizon and moment."""

    def __init__(self, horizons: int) -> None:
        self._horizons = horizons
        # The moment, then running counts: three for each horizon.
        self.rows = Growing(1 + 3 * horizons, np.int64)

    def add(self, time: NDArray[np.int64], each: Counts) -> None:
        """Add moves that ended at these times, growing; shape ``(horizons, k, 3)``."""
        if not len(time):
            return
        times = self.rows.data[0]
        place = int(times.searchsorted(time[0])) if len(times) else 0
        running = np.cumsum(each, axis=1).transpose(0, 2, 1).reshape(-1, len(time))
        before = self.rows.data[1:, place - 1] if place else np.zeros(len(running), np.int64)
        tail = self.rows.data[:, place:].copy()
        moments = np.union1d(tail[0], time)
        table = np.empty((1 + len(running), len(moments)), np.int64)
        table[0] = moments
        old = _at(tail[0], tail[1:] - before[:, np.newaxis], moments)
        table[1:] = before[:, np.newaxis] + old + _at(time, running, moments)
        self.rows.cut(place)
        self.rows.extend(table)

    def by(self, moments: NDArray[np.int64]) -> Counts:
        """Return what was known by each moment, shape ``(horizons, k, 3)``."""
        found = np.zeros((3 * self._horizons, len(moments)), np.int64)
        place = self.rows.data[0].searchsorted(moments)
        found[:, place > 0] = self.rows.data[1:, place[place > 0] - 1]
        return found.reshape(self._horizons, 3, -1).transpose(0, 2, 1)

    def rates(
        self, moments: NDArray[np.int64], number: int, horizon: int, strength: float
    ) -> NDArray[np.float64]:
        """Return the common base rates up and down by each moment, shape ``(k, 2)``.

        They are drawn towards one half, as by `strength` separate moves. However many symbols there
        are, there are only as many separate moves as stretches of `horizon` bars: symbols rise and
        fall together.
        """
        counts = self.by(moments)[number].astype(np.float64)
        separate = self.rows.data[0].searchsorted(moments) / horizon
        rates = counts[:, 1:] / np.maximum(counts[:, :1], 1)
        weight = (separate / np.maximum(separate + strength, 1e-9))[:, np.newaxis]
        return np.asarray(weight * rates + (1 - weight) * 0.5)


def _at(
    time: NDArray[np.int64], running: NDArray[np.int64], moments: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return running counts as they were at each moment."""
    place = time.searchsorted(moments, "right")
    padded = np.concatenate([np.zeros((len(running), 1), np.int64), running], axis=1)
    return np.asarray(padded[:, place])
