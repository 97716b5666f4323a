"""What the kernel wrote, as detections: the order of its numbers is that of `source/detect.c`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, repeat
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.bars import Floats
from trading_dashboard.agents.pattern_recognition.detections import (
    Change,
    Formed,
    Line,
    Pivot,
    ShapeDetection,
)
from trading_dashboard.models.patterns import PatternState

Ints = NDArray[np.int64]
Tuple = TypeVar("Tuple", bound=tuple[Any, ...])

INTS, FLOATS = 17, 13
"""Numbers in the row of a detection."""
HEAD = 3
"""Numbers before the first row: how many pivots, lines and detections there are."""


class DetectionReader:
    """Knows the names of the kernel's numbers."""

    def __init__(
        self, patterns: Sequence[str], roles: Sequence[str], states: Sequence[str]
    ) -> None:
        self._patterns, self._roles = patterns, roles
        self._states = [PatternState(state) for state in states]

    def read(self, ints: Ints, floats: Floats, count: int) -> list[ShapeDetection]:
        """Return `count` detections, in their order."""
        pivots, lines = ints[:2].tolist()
        rows = HEAD + INTS * count
        numbers = FLOATS * count
        whole = iter(ints[rows : rows + 3 * (pivots + lines)].tolist())
        bars, known, is_high = (list(islice(whole, pivots)) for _ in range(3))
        roles, starts, ends = (list(islice(whole, lines)) for _ in range(3))
        others = iter(floats[numbers : numbers + pivots + 2 * lines].tolist())
        prices = list(islice(others, pivots))
        start_prices, end_prices = list(islice(others, lines)), list(islice(others, lines))
        named = map(self._roles.__getitem__, roles)
        return self._detections(
            ints[HEAD:rows].reshape(count, INTS).tolist(),
            floats[:numbers].reshape(count, FLOATS).tolist(),
            _all(Pivot, bars, prices, map(bool, is_high), known),
            _all(Line, named, starts, start_prices, ends, end_prices),
        )

    def _detections(
        self,
        rows: list[list[int]],
        numbers: list[list[float]],
        pivots: Iterator[Pivot],
        lines: Iterator[Line],
    ) -> list[ShapeDetection]:
        found = []
        for row, values in zip(rows, numbers, strict=True):
            pattern, direction, start, end, known_at, confirmed_at, has_ratio, confirms = row[:8]
            fit, strength, level, stop, target, ratio = values[:6]
            formed = _said(pivots, lines, row[9:11])
            # Where a confirmation said nothing new of them, none are written again.
            pivots_now, lines_now = _said(pivots, lines, row[11:13]) if row[11] else formed
            found.append(
                ShapeDetection(
                    self._patterns[pattern],
                    direction,
                    start,
                    end,
                    known_at,
                    pivots_now,
                    lines_now,
                    fit,
                    strength,
                    level,
                    stop,
                    target,
                    confirmed_at if confirmed_at >= 0 else None,
                    ratio if has_ratio else None,
                    confirms == 1 if confirms >= 0 else None,
                    self._changes(row[13:], values[11:]),
                    Formed(row[8], *formed, *values[6:11]),
                )
            )
        return found

    def _changes(self, row: list[int], prices: list[float]) -> list[Change]:
        return [
            Change(self._states[state], bar, price)
            for state, bar, price in zip(row[::2], row[1::2], prices, strict=True)
            if state >= 0
        ]


def _said(
    pivots: Iterator[Pivot], lines: Iterator[Line], counts: Sequence[int]
) -> tuple[tuple[Pivot, ...], tuple[Line, ...]]:
    return tuple(islice(pivots, counts[0])), tuple(islice(lines, counts[1]))


def _all(kind: type[Tuple], *columns: Any) -> Iterator[Tuple]:
    """Return named tuples made of columns, without a call of Python for each."""
    return map(tuple.__new__, repeat(kind), zip(*columns, strict=True))
