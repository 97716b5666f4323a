"""One series in the ledger: its base rates, and the patterns whose outcome is not over.

Owns what turns new bars and new occurrences into outcomes. It does not know other symbols.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.worth.base import Counts, SeriesBase, kinds_of
from trading_dashboard.agents.pattern_recognition.worth.outcomes import (
    Occurrences,
    average_true_range,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """Occurrences on their way, shape ``(k,)`` or ``(horizons, k)``.

    Attributes:
        time: Opening time of the confirming bar.
        pattern, direction: As in `Occurrences`.
        rate: The symbol's base rate known at the confirmation; NaN where too little was.
        raw, told: Confidence before and after calibration; NaN where none was told.
    """

    time: NDArray[np.int64]
    pattern: NDArray[np.int64]
    direction: NDArray[np.int64]
    rate: Floats
    raw: Floats
    told: Floats

    def __len__(self) -> int:
        return len(self.time)

    def take(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> Waiting:
        """Return some of them."""
        return Waiting(
            self.time[which], self.pattern[which], self.direction[which],
            self.rate[:, which], self.raw[:, which], self.told[:, which],
        )  # fmt: skip

    @classmethod
    def joined(cls, parts: list[Waiting]) -> Waiting:
        """Return several as one."""
        names = ("time", "pattern", "direction", "rate", "raw", "told")
        columns = [np.concatenate([getattr(part, name) for part in parts], -1) for name in names]
        return cls(*columns)

    @classmethod
    def none(cls, horizons: int) -> Waiting:
        """Return no occurrences."""
        no, nothing = np.empty(0, np.int64), np.empty((horizons, 0))
        return cls(no, no, no, nothing, nothing, nothing)


@dataclass(frozen=True, slots=True, eq=False)
class Closed:
    """Outcomes of one horizon that are over, shape ``(k,)``; `which` counts in `Waiting`."""

    which: NDArray[np.intp]
    end: NDArray[np.int64]
    change: Floats
    """In the pattern's direction."""
    move: Floats
    """The same in ATR."""


@dataclass(frozen=True, slots=True, eq=False)
class Advance:
    """What new bars of a series brought.

    Attributes:
        time: Their opening times, shape ``(k,)``.
        kinds: What the moves that ended with them are, ``(horizons, k)``.
        closed: The outcomes that are over, for each horizon.
        known: Moves known at each new occurrence, ``(horizons, occurrences, 3)``.
    """

    time: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    closed: list[Closed]
    known: Counts

    @property
    def fresh(self) -> int:
        """Return how many occurrences are new."""
        return int(self.known.shape[1])


class Series:
    """What is kept of one symbol and timeframe."""

    def __init__(self, horizons: tuple[int, ...], minimum_base: int) -> None:
        self._horizons = horizons
        self._minimum = minimum_base
        self.base = SeriesBase(len(horizons))
        self.waiting = Waiting.none(len(horizons))

    def advance(self, bars: Bars, occurrences: Occurrences) -> Advance:
        """Take in what of `bars` is new, and the occurrences in it.

        The new occurrences are the last of `waiting`.
        """
        sound = np.flatnonzero(bars.is_sound)
        time, close = bars.time[sound], bars.close[sound]
        last = self.base.last
        first = 0 if last is None else int(time.searchsorted(last, "right"))
        changes = np.full((len(self._horizons), len(time)), np.nan)
        for row, horizon in zip(changes, self._horizons, strict=True):
            if len(close) > horizon:
                row[horizon:] = close[horizon:] - close[:-horizon]
        kinds = kinds_of(changes[:, first:])
        if first == len(time):
            return Advance(time[first:], kinds, [], known=np.zeros((len(kinds), 0, 3), np.int64))
        known = self.base.extend(time[first:], kinds)
        fresh, known = self._fresh(bars, occurrences, time, first, known)
        self.waiting = Waiting.joined([self.waiting, fresh])
        average = average_true_range(bars.high[sound], bars.low[sound], close)
        closed = [
            self._closed(time, first, horizon, row, average)
            for row, horizon in zip(changes, self._horizons, strict=True)
        ]
        return Advance(time[first:], kinds, closed, known)

    def newest(self, count: int) -> Waiting:
        """Return the last `count` occurrences of `waiting`."""
        return self.waiting.take(np.arange(len(self.waiting) - count, len(self.waiting)))

    def forget(self) -> None:
        """Drop what waited long enough: every horizon is over."""
        times = self.base.time.data[0]
        longest = self._horizons[-1]
        if len(times) > longest and len(self.waiting):
            self.waiting = self.waiting.take(self.waiting.time > times[-1 - longest])

    def _fresh(
        self,
        bars: Bars,
        occurrences: Occurrences,
        time: NDArray[np.int64],
        first: int,
        known: NDArray[np.int64],
    ) -> tuple[Waiting, Counts]:
        """Return the occurrences at new bars, and the moves known then."""
        at = time.searchsorted(bars.time[occurrences.bar])
        is_new = (at >= first) & (at < len(time))
        is_new[is_new] &= time[at[is_new]] == bars.time[occurrences.bar[is_new]]
        at = at[is_new]
        direction = occurrences.direction[is_new].astype(np.int64)
        counts = known[:, at - first]
        favourable = np.where(direction > 0, counts[..., 1], counts[..., 2])
        enough = counts[..., 0] >= self._minimum
        rate = np.where(enough, favourable / np.maximum(counts[..., 0], 1), np.nan)
        unsaid = np.full(rate.shape, np.nan)
        pattern = occurrences.pattern[is_new].astype(np.int64)
        return Waiting(time[at], pattern, direction, rate, unsaid, unsaid.copy()), counts

    def _closed(
        self,
        time: NDArray[np.int64],
        first: int,
        horizon: int,
        changes: Floats,
        average: Floats,
    ) -> Closed:
        """Return the outcomes over one horizon that ended with a new bar."""
        start = time.searchsorted(self.waiting.time)
        end = start + horizon
        is_over = (end >= first) & (end < len(time))
        which = np.flatnonzero(is_over)
        which = which[time[start[which]] == self.waiting.time[which]]
        begin, over = start[which], end[which]
        change = self.waiting.direction[which] * changes[over]
        with np.errstate(divide="ignore", invalid="ignore"):
            move = change / average[begin]
        fine = np.isfinite(move)
        return Closed(which[fine], time[over[fine]], change[fine], move[fine])
