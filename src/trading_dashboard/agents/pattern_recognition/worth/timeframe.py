"""The ledger of one timeframe: its series, cells, base rates and calibrations.

Owns the order in which new outcomes are taken in, so that nothing said uses what was not over:

1. base rates and outcomes of each series,
2. outcomes into their cells,
3. what is said of the new occurrences, from what ended before each,
4. what had been said of the outcomes that are over, into the calibrations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.worth.base import Counts, PooledBase, each_of
from trading_dashboard.agents.pattern_recognition.worth.calibration import Calibration
from trading_dashboard.agents.pattern_recognition.worth.cell import MILLION, Cell, NewRows
from trading_dashboard.agents.pattern_recognition.worth.family import Family, Key, is_enough
from trading_dashboard.agents.pattern_recognition.worth.moment import Moment
from trading_dashboard.agents.pattern_recognition.worth.outcomes import Occurrences
from trading_dashboard.agents.pattern_recognition.worth.series import Advance, Series, Waiting
from trading_dashboard.agents.pattern_recognition.worth.settings import WorthSettings
from trading_dashboard.agents.pattern_recognition.worth.statistics import MOST_SURE, shrunk

Floats = NDArray[np.float64]
_FURTHEST_ATR = 1_000.0
_STRETCH_BARS = 30
_MOMENTS = 8
_Part = tuple[Series, Advance]


class TimeframeLedger:
    """Outcomes of one timeframe. Moments are opening times of bars in microseconds."""

    def __init__(self, bar_microseconds: int, settings: WorthSettings) -> None:
        self._settings = settings
        self._stretch = bar_microseconds * _STRETCH_BARS
        count = len(settings.horizons)
        self.cells: dict[Key, Cell] = {}
        self.series: dict[str, Series] = {}
        self.pooled = PooledBase(count)
        self.calibrations = [Calibration() for _ in settings.horizons]
        self.family = Family(self.cells, settings)
        self._moments: dict[int, Moment] = {}

    def take_in(self, news: Mapping[str, tuple[Bars, Occurrences]]) -> None:
        """Take in new bars and occurrences of some symbols."""
        self._moments.clear()
        parts: list[_Part] = []
        moves: dict[bytes, tuple[NDArray[np.int64], Counts]] = {}
        for symbol, (bars, occurrences) in news.items():
            series = self.series.get(symbol)
            if series is None:
                settings = self._settings
                series = self.series[symbol] = Series(settings.horizons, settings.minimum_base)
            advance = series.advance(bars, occurrences)
            self._add_moves(moves, advance)
            if len(advance.time) and len(series.waiting):
                parts.append((series, advance))
        for time, each in moves.values():
            self.pooled.add(time, each)
        if not parts:
            return
        numbers = range(len(self._settings.horizons))
        for number in numbers:
            self._add_outcomes(number, _Over.of(number, parts))
        for number in numbers:
            self._say(number, parts)
        for series, _ in parts:
            series.forget()

    @property
    def nbytes(self) -> int:
        """Return the memory all columns hold."""
        cells = sum(cell.nbytes for cell in self.cells.values())
        bases = [series.base for series in self.series.values()]
        return cells + sum(base.time.nbytes + base.kinds.nbytes for base in bases)

    def moment(self, as_of: int) -> Moment:
        """Return what is known by a moment; kept for those asked last, until there is news."""
        moment = self._moments.get(as_of)
        if moment is None:
            moment = self._moments[as_of] = Moment(self, as_of, self._settings)
            if len(self._moments) > _MOMENTS:
                del self._moments[next(iter(self._moments))]
        return moment

    def stretch_of(self, moment: int) -> int:
        """Return the number of the stretch of time a moment lies in."""
        return moment // self._stretch

    def anchors(
        self,
        counts: Counts,
        number: int,
        direction: NDArray[np.int64],
        moments: NDArray[np.int64],
    ) -> Floats:
        """Return base rates of symbols drawn towards that of all symbols, shape ``(k,)``.

        The mean of a beta posterior whose prior has the common rate, worth `base_strength` separate
        moves. NaN where too few moves are known.
        """
        own = counts.astype(np.float64)
        common = self.common(number, moments)
        rows, column = np.arange(len(direction)), np.where(direction > 0, 0, 1)
        strength = self._settings.base_strength * self._settings.horizons[number]
        total = np.maximum(own[:, 0] + strength, 1)
        rate = (own[rows, column + 1] + strength * common[rows, column]) / total
        return np.where(own[:, 0] >= self._settings.minimum_base, rate, np.nan)

    def common(self, number: int, moments: NDArray[np.int64]) -> Floats:
        """Return the common base rates up and down by each moment, shape ``(k, 2)``."""
        horizon = self._settings.horizons[number]
        return self.pooled.rates(moments, number, horizon, self._settings.base_strength)

    def raw(self, key: Key, anchors: Floats, moments: NDArray[np.int64]) -> Floats:
        """Return uncalibrated confidences at some moments; NaN where too little was known.

        The base rate and, on top, the pattern's excess over it, shrunk.
        """
        cell = self.cells.get(key)
        if cell is None:
            return np.full(len(moments), np.nan)
        totals = cell.totals(cell.rows.data[0].searchsorted(moments))
        effect = shrunk(totals, self.spreads(moments, key[2]))
        said = np.clip(anchors + effect, 1 - MOST_SURE, MOST_SURE)
        return np.where(is_enough(totals, self._settings), said, np.nan)

    def spreads(self, moments: NDArray[np.int64], number: int) -> Floats:
        """Return how far patterns' true excesses differ, as known when each stretch began."""
        stretches, which = np.unique(moments // self._stretch, return_inverse=True)
        return self.family.spreads(stretches, self._stretch, number)[which]

    def told(self, number: int, raw: Floats, moments: NDArray[np.int64]) -> Floats:
        """Return confidences as calibrated when each moment's stretch began."""
        told = np.full(len(raw), np.nan)
        stretches = moments // self._stretch
        known = ~np.isnan(raw)
        for stretch in np.unique(stretches[known]).tolist():
            at = known & (stretches == stretch)
            told[at] = self.calibrations[number].read(raw[at], stretch)
        return told

    def _add_outcomes(self, number: int, over: _Over) -> None:
        """Put the outcomes of one horizon into their cells."""
        rate = over.waiting.rate[number]
        counts = np.flatnonzero(~np.isnan(rate))
        if not len(counts):
            return
        far = np.clip(over.move[counts], -_FURTHEST_ATR, _FURTHEST_ATR)
        rows = NewRows(
            end=over.end[counts],
            start=over.waiting.time[counts],
            hit=over.hit[counts].astype(np.int64),
            base=np.rint(rate[counts] * MILLION).astype(np.int64),
            move=np.rint(far * MILLION).astype(np.int64),
        )
        counted = over.waiting.take(counts)
        for (pattern, direction), which in _groups(counted):
            key = (pattern, direction, number)
            self.cells.setdefault(key, Cell()).add(rows.take(which))
        since = int(rows.end.min())
        self.family.forget(since, self.stretch_of(since))

    def _say(self, number: int, parts: list[_Part]) -> None:
        """Say what was known of the new occurrences of one horizon; compare with what is over."""
        fresh = Waiting.joined([series.newest(advance.fresh) for series, advance in parts])
        known = np.concatenate([advance.known[number] for _, advance in parts])
        anchors = self.anchors(known, number, fresh.direction, fresh.time)
        raw = np.full(len(fresh), np.nan)
        for (pattern, direction), which in _groups(fresh):
            key = (pattern, direction, number)
            raw[which] = self.raw(key, anchors[which], fresh.time[which])
        _put(raw, [(series.waiting.raw[number], advance.fresh) for series, advance in parts])
        over = _Over.of(number, parts)
        stretches = over.end // self._stretch
        said = ~np.isnan(over.waiting.raw[number]) & ~np.isnan(over.waiting.rate[number])
        calibration = self.calibrations[number]
        calibration.note_raw(stretches[said], over.waiting.raw[number][said], over.hit[said])
        # All outcomes are noted before any reading: those look at earlier stretches only.
        told = self.told(number, raw, fresh.time)
        _put(told, [(series.waiting.told[number], advance.fresh) for series, advance in parts])
        waiting = _Over.of(number, parts).waiting
        calibration.note_told(
            stretches[said], waiting.told[number][said], waiting.rate[number][said], over.hit[said]
        )

    @staticmethod
    def _add_moves(moves: dict[bytes, tuple[NDArray[np.int64], Counts]], advance: Advance) -> None:
        """Add up the moves of series with the same new bars: one addition for all of them."""
        mark = advance.time.tobytes()
        each = each_of(advance.kinds)
        if mark in moves:
            each += moves[mark][1]
        moves[mark] = (advance.time, each)


@dataclass(frozen=True, slots=True, eq=False)
class _Over:
    """Outcomes of one horizon that are over, of all symbols, shape ``(k,)``."""

    waiting: Waiting
    end: NDArray[np.int64]
    hit: Floats
    move: Floats

    @classmethod
    def of(cls, number: int, parts: list[_Part]) -> Self:
        """Join what is over of each symbol."""
        pairs = [(series, advance.closed[number]) for series, advance in parts]
        return cls(
            Waiting.joined([series.waiting.take(closed.which) for series, closed in pairs]),
            np.concatenate([closed.end for _, closed in pairs]),
            np.concatenate([closed.change > 0 for _, closed in pairs]).astype(np.float64),
            np.concatenate([closed.move for _, closed in pairs]),
        )


def _groups(waiting: Waiting) -> Iterator[tuple[tuple[int, int], NDArray[np.intp]]]:
    """Yield each pattern and direction with the places it has."""
    code = waiting.pattern * 2 + (waiting.direction > 0)
    order = np.argsort(code, kind="stable")
    if not len(order):
        return
    for which in np.split(order, np.flatnonzero(np.diff(code[order])) + 1):
        first = which[0]
        yield (int(waiting.pattern[first]), int(waiting.direction[first])), which


def _put(values: Floats, targets: list[tuple[Floats, int]]) -> None:
    """Write values into the last `count` places of each target, one after the other."""
    start = 0
    for target, count in targets:
        if count:
            target[-count:] = values[start : start + count]
        start += count
