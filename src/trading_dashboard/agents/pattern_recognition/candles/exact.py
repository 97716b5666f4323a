"""Rows that candlestick functions can read, and prices on which their sums are exact.

TA-Lib keeps running sums of the last bars' ranges. In floating point these carry rounding from
every bar before, so that at a tie (a body of exactly a tenth of the average range, common with
prices in cents) its answer depends on where the series happened to start, and a bar seen live
would differ from the same bar in history. Here prices are rounded to 40 significant bits first:
then every difference and sum of TA-Lib's is exact in float64, and its answer a function of the
last few bars alone. The rounding moves a price by less than 1e-12 of itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.bars import Bars, Floats

Numbers = NDArray[np.int64]

SIGNIFICANT_BITS = 40
MEMORY_ROWS = 40
"""No answer depends on sound rows further back: 15 for averages and bars, 3 for a hikkake's
confirmation, `_WINDOW` for judging what the oldest of them may be summed with."""
LONGEST_MEMORY = 128
"""Nor on rows further back, sound or not: where the last `MEMORY_ROWS` sound rows are spread over
more, nothing is told."""

_WINDOW = 16
"""Rows that one sum can hold, and one more."""
_LARGEST_SPREAD = 8
"""Powers of two between prices in one window up to which 15 ranges of 40 bits sum exactly:
40 + 8 + 5 bits make 53."""
_ONE = 1023
"""The exponent of 1."""
_EXPONENT = np.int64(0x7FF << 52)
_FRACTION_BITS = 52
_ROUNDER = 1.5 * 2.0 ** (_FRACTION_BITS - SIGNIFICANT_BITS + 1)


@dataclass(frozen=True, slots=True, eq=False)
class SoundRows:
    """The rows of a series that have a candle: finite prices that agree, and a range.

    A bar whose high equals its low has neither body nor shadow. It is no candle and, like a gap,
    part of no average and of no pattern.

    Attributes:
        row: Their numbers in the series, int64, shape ``(m,)``; None if they are all rows.
        open, high, low, close: Rounded prices, float64, shape ``(m,)``.
        exponent: Of each row's largest price: which power of two it is near, int64, shape ``(m,)``.
    """

    row: Numbers | None
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    exponent: Numbers

    def __len__(self) -> int:
        return len(self.open)

    @property
    def prices(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Open, high, low, close, as TA-Lib takes them."""
        return self.open, self.high, self.low, self.close

    @property
    def is_one_piece(self) -> bool:
        """Whether all prices are near enough for any sum of them to be exact."""
        return not len(self) or int(np.ptp(self.exponent)) <= _LARGEST_SPREAD

    def starts(self) -> list[int]:
        """Return where a new piece of the series starts, the first at 0.

        A price hundreds of times another a few bars before is a change of units. What is summed
        never crosses it. Whether a row starts a piece depends on the rows just before it alone.
        """
        if self.is_one_piece:
            return [0]
        padded = np.concatenate((np.repeat(self.exponent[:1], _WINDOW - 1), self.exponent))
        windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)
        is_start = windows.max(axis=1) - windows.min(axis=1) > _LARGEST_SPREAD
        is_start[0] = True
        return [int(start) for start in np.flatnonzero(is_start)]

    def has_last(self, count: int) -> bool:
        """Whether the last of `count` bars, whose rows these are, is sound."""
        return len(self) > 0 and (self.row is None or int(self.row[-1]) == count - 1)

    @property
    def is_a_block(self) -> bool:
        """Whether the last `MEMORY_ROWS` rows are there and can be joined with others'."""
        last = self.exponent[-MEMORY_ROWS:]
        return len(last) == MEMORY_ROWS and int(np.ptp(last)) <= _LARGEST_SPREAD // 2

    def last(self, count: int) -> SoundRows:
        """Return the last `count` of them."""
        part = slice(max(0, len(self) - count), None)
        row = np.arange(len(self)) if self.row is None else self.row
        return SoundRows(
            row[part],
            self.open[part],
            self.high[part],
            self.low[part],
            self.close[part],
            self.exponent[part],
        )


def joined(blocks: list[SoundRows]) -> SoundRows:
    """Return blocks one after the other, brought near each other by a power of two each.

    Patterns and strengths do not depend on the unit of price, and powers of two round nothing.
    """
    scales = np.repeat(
        np.ldexp(1.0, [_ONE - int(block.exponent[-1]) for block in blocks]),
        [len(block) for block in blocks],
    )
    opened, high, low, close = (
        np.concatenate([block.prices[column] for block in blocks]) * scales for column in range(4)
    )
    exponent = np.concatenate([block.exponent - (block.exponent[-1] - _ONE) for block in blocks])
    row = np.concatenate([block.row for block in blocks if block.row is not None])
    return SoundRows(row, opened, high, low, close, exponent)


def sound_rows(bars: Bars) -> SoundRows:
    """Return the rows of `bars` that have a candle, their prices rounded."""
    with np.errstate(invalid="ignore", over="ignore"):
        largest = np.maximum(np.abs(bars.high), np.abs(bars.low))
        bits = largest.view(np.int64) & _EXPONENT
        # Adding a number 2^13 times as large, and taking it away, rounds to the grid in between.
        rounder = bits.view(np.float64) * _ROUNDER
        opened, high, low, close = (
            (price + rounder) - rounder for price in (bars.open, bars.high, bars.low, bars.close)
        )
        is_sound = (
            (high > low)
            & (opened <= high)
            & (opened >= low)
            & (close <= high)
            & (close >= low)
            & (rounder < np.inf)
        )
    exponent = bits >> _FRACTION_BITS
    if is_sound.all():
        return SoundRows(None, opened, high, low, close, exponent)
    row = np.flatnonzero(is_sound)
    return SoundRows(row, opened[row], high[row], low[row], close[row], exponent[row])
