"""Finds candlestick patterns in a series, and those of its last bar alone.

What is told never spans a gap or a flat bar, and is the same whether a bar is the last of a few or
one in the middle of many.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLE_NUMBERS, CANDLES
from trading_dashboard.agents.pattern_recognition.candles.exact import (
    LONGEST_MEMORY,
    MEMORY_ROWS,
    Numbers,
    SoundRows,
    joined,
    sound_rows,
)
from trading_dashboard.agents.pattern_recognition.candles.finding import find
from trading_dashboard.agents.pattern_recognition.detections import CandleHits
from trading_dashboard.models.errors import UnknownPattern

CANDLE_LOOKBACK = LONGEST_MEMORY
"""Bars `latest_candles` needs to say exactly what `detect_candles` says of the whole series."""

ALL_CANDLES = tuple(range(len(CANDLES)))
"""Numbers of all candlesticks."""


def detect_candles(bars: Bars, patterns: Sequence[str] | None = None) -> CandleHits:
    """Return every candlestick pattern in `bars`.

    Args:
        bars: Closed bars. Rows with a price that is not finite, with prices that contradict each
            other, or with no range are passed over, and no pattern spans one.
        patterns: Ids of the catalogue to look for; all if None.

    Raises:
        UnknownPattern: An id is not in the catalogue.
    """
    numbers = _numbers_of(patterns)
    rows = sound_rows(bars)
    if not len(rows):
        return no_hits()
    hits = find(rows, numbers)
    if rows.row is None:
        return hits
    row = rows.row
    return _kept(hits, row[hits.bar], _is_remembered(row, hits.bar))


def latest_candles(bars: Bars) -> CandleHits:
    """Return the hits of ``detect_candles(bars)`` at the last bar, exactly.

    The last `CANDLE_LOOKBACK` bars are enough: of any longer series that ends with them, the
    answer is the same.
    """
    return latest_candles_of([bars])[0]


def latest_candles_of(series: Sequence[Bars]) -> list[CandleHits]:
    """Return the hits at the last bar of each series, exactly as `latest_candles` does.

    Series are read as one, block after block: what TA-Lib's sums still hold of the block before
    has left them, without a trace, before the last row of a block. One call for 500 symbols costs
    a tenth of 500 calls.
    """
    answers = [no_hits() for _ in series]
    blocks: list[SoundRows] = []
    places: list[int] = []
    for place, bars in enumerate(series):
        tail = bars.between(max(0, len(bars) - CANDLE_LOOKBACK), len(bars))
        rows = sound_rows(tail)
        if not _is_last_sound(rows, len(tail)):
            continue
        block = rows.part(max(0, len(rows) - MEMORY_ROWS), len(rows))
        if len(block) == MEMORY_ROWS and block.can_be_joined():
            blocks.append(block)
            places.append(place)
        else:
            hits = detect_candles(tail)
            answers[place] = _kept(hits, hits.bar, hits.bar == len(tail) - 1)
    if blocks:
        hits = find(joined(blocks), ALL_CANDLES)
        of_block, row = np.divmod(hits.bar, MEMORY_ROWS)
        hits = _kept(hits, of_block, row == MEMORY_ROWS - 1)
        bounds = np.searchsorted(hits.bar, np.arange(len(blocks) + 1))
        for number, place in enumerate(places):
            answers[place] = _part(hits, slice(bounds[number], bounds[number + 1]))
    for bars, hits in zip(series, answers, strict=True):
        hits.bar[:] = len(bars) - 1
    return answers


def no_hits() -> CandleHits:
    """Return hits of length 0."""
    return CandleHits(
        np.empty(0, np.int16),
        np.empty(0, np.int32),
        np.empty(0, np.int16),
        np.empty(0, np.int8),
        np.empty(0, np.float32),
    )


def _numbers_of(patterns: Sequence[str] | None) -> Sequence[int]:
    if patterns is None:
        return ALL_CANDLES
    unknown = [name for name in patterns if name not in CANDLE_NUMBERS]
    if unknown:
        raise UnknownPattern(
            f"There is no candlestick pattern '{unknown[0]}'.",
            subject=unknown[0],
            observed=unknown,
            next_step="Take an id of the catalogue, such as CDLENGULFING.",
        )
    return sorted({CANDLE_NUMBERS[name] for name in patterns})


def _is_last_sound(rows: SoundRows, count: int) -> bool:
    return len(rows) > 0 and (rows.row is None or int(rows.row[-1]) == count - 1)


def _is_remembered(row: Numbers, bar: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return of which hits the rows they depend on lie within the last `LONGEST_MEMORY`."""
    oldest = row[np.maximum(bar - (MEMORY_ROWS - 1), 0)]
    is_near = (row[bar] - oldest < LONGEST_MEMORY) & (bar >= MEMORY_ROWS - 1)
    return np.asarray(is_near | (row[bar] < LONGEST_MEMORY - 1))


def _kept(hits: CandleHits, bar: NDArray[np.integer], is_kept: NDArray[np.bool_]) -> CandleHits:
    """Return the hits that are kept, with other bar numbers."""
    return CandleHits(
        hits.pattern[is_kept],
        bar[is_kept].astype(np.int32),
        hits.span[is_kept],
        hits.direction[is_kept],
        hits.strength[is_kept],
    )


def _part(hits: CandleHits, part: slice) -> CandleHits:
    return CandleHits(
        hits.pattern[part],
        hits.bar[part],
        hits.span[part],
        hits.direction[part],
        hits.strength[part],
    )
