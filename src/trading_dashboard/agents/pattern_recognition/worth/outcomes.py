"""Moves after a bar: how far, in average true ranges, and for which patterns they count.

Owns what an outcome is. Entry is the close of the confirming bar, when the pattern is known; the
move over a horizon of `h` bars is from that close to the close `h` bars later, in the pattern's
direction. Bars without finite prices do not count as bars here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.bars import Bars, Floats
from trading_dashboard.agents.pattern_recognition.detections import CandleHits, ShapeDetection
from trading_dashboard.agents.pattern_recognition.worth.settings import ATR_BARS


@dataclass(frozen=True, slots=True, eq=False)
class Occurrences:
    """Confirmed patterns of one series, as columns of shape ``(k,)``, oldest first.

    Attributes:
        pattern: Index into the ledger's patterns, int16.
        direction: 1 bullish, -1 bearish, int8. A pattern without a direction has no worth.
        bar: The bar at whose close it was confirmed, int32.
    """

    pattern: NDArray[np.int16]
    direction: NDArray[np.int8]
    bar: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.bar)

    def between(self, first: int, last: int) -> Occurrences:
        """Return those confirmed at bars `first` to `last` (exclusive)."""
        start, stop = np.searchsorted(self.bar, [first, last])
        return Occurrences(
            self.pattern[start:stop], self.direction[start:stop], self.bar[start:stop]
        )

    @classmethod
    def of(cls, rows: Iterable[tuple[int, int, int]]) -> Occurrences:
        """Return the rows (pattern, direction, bar) that have a direction, each once, sorted."""
        chosen = sorted({(bar, pattern, way) for pattern, way, bar in rows if way})
        table = np.array(chosen, np.int64).reshape(-1, 3)
        return cls(
            table[:, 1].astype(np.int16), table[:, 2].astype(np.int8), table[:, 0].astype(np.int32)
        )


def occurrences_of(
    index: Mapping[str, int],
    candle_ids: Sequence[str] = (),
    candles: CandleHits | None = None,
    shapes: Iterable[ShapeDetection] = (),
) -> Occurrences:
    """Return what detectors confirmed as occurrences.

    Args:
        index: The ledger's patterns by id.
        candle_ids: Ids by the number `CandleHits.pattern` holds.
        candles: Candlestick patterns; they are confirmed at their last bar.
        shapes: Chart patterns; those never confirmed are left out.
    """
    rows: list[tuple[int, int, int]] = []
    if candles is not None:
        ids = np.array([index[name] for name in candle_ids], np.int64)
        columns = (ids[candles.pattern], candles.direction, candles.bar)
        rows.extend(zip(*(column.tolist() for column in columns), strict=True))
    rows.extend(
        (index[shape.pattern], shape.direction, shape.confirmed_at)
        for shape in shapes
        if shape.confirmed_at is not None
    )
    return Occurrences.of(rows)


def average_true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Return the mean true range of the last 14 bars, shape ``(n,)``; NaN for the first 14.

    The true range is Wilder's (1978, "New Concepts in Technical Trading Systems", p. 21). The mean
    is a plain one and not his smoothing, which never forgets: so the value at a bar is the same
    from whichever bar the series begins.
    """
    count = len(close)
    average = np.full(count, np.nan)
    if count <= ATR_BARS:
        return average
    before = close[:-1]
    true_range = np.maximum(high[1:], before) - np.minimum(low[1:], before)
    windows = np.lib.stride_tricks.sliding_window_view(true_range, ATR_BARS)
    average[ATR_BARS:] = windows.mean(axis=1)
    return average


def moves(close: Floats, horizon: int) -> Floats:
    """Return the change of price to the close `horizon` bars later; NaN where that is not known."""
    change = np.full(len(close), np.nan)
    if len(close) > horizon:
        change[:-horizon] = close[horizon:] - close[:-horizon]
    return change


def outcomes_of(
    bars: Bars, occurrences: Occurrences, horizons: Sequence[int]
) -> dict[int, NDArray[np.float64]]:
    """Return each occurrence's move in its direction in ATR, by horizon; NaN where not over.

    This is what ``/patterns/history`` shows beside a detection.
    """
    sound = np.flatnonzero(bars.is_sound)
    place = np.searchsorted(sound, occurrences.bar)
    high, low, close = bars.high[sound], bars.low[sound], bars.close[sound]
    average = average_true_range(high, low, close)
    known = np.isin(occurrences.bar, sound)
    found = {}
    for horizon in horizons:
        change = moves(close, horizon)
        move = np.full(len(occurrences), np.nan)
        at = place[known]
        with np.errstate(divide="ignore", invalid="ignore"):
            move[known] = occurrences.direction[known] * change[at] / average[at]
        move[~np.isfinite(move)] = np.nan
        found[horizon] = move
    return found
