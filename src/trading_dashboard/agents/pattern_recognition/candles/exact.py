"""Rows that candlestick functions can read, and prices on which their sums are exact.

TA-Lib keeps running sums of the last bars' ranges. Where a sum does not fit float64 it carries
rounding from every bar before, so that at a tie (a body of exactly a tenth of the average range,
not rare with prices in cents) its answer depends on where the series happened to start, and a bar
seen live would differ from the same bar in history.

Prices near each other are multiples of one small power of two, and sums of their differences are
exact while they stay below 2^53 of it: as long as ten ranges are less than a price, which is so
with nearly all real bars. There prices are taken as they are, and what is found is TA-Lib's own.
Elsewhere (*rough* rows) they are rounded to 40 significant bits first, which moves a price by less
than 1e-12 of itself and makes room for sums 2^12 times as large. So each answer is a function of
the last few bars alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.bars import Bars, Floats

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Prices = tuple[Floats, Floats, Floats, Floats]

SIGNIFICANT_BITS = 40
MEMORY_ROWS = 40
"""No answer depends on sound rows further back: 15 for averages and bars, 3 for a hikkake's
confirmation, and `DECIDING_ROWS` for judging what the oldest of them may be summed with."""
LONGEST_MEMORY = 128
"""Nor on rows further back, sound or not: where the last `MEMORY_ROWS` sound rows are spread over
more, nothing is told."""

SUMMED = 10
"""Ranges before a bar in one sum."""
DECIDING_ROWS = 20
"""Rows that decide on a row's own answer, and a few more."""
_BLOCK = 25
LONGEST_PIECE = 10_000
"""Rows told at once: what is found in them takes a few megabytes, however long the series."""
_LARGEST_SPREAD = 8
"""Powers of two between prices in one window up to which 15 ranges of 40 bits sum exactly:
40 + 8 + 5 bits make 53."""
_LARGEST_PRICE = 2.0**1000
_EXPONENT = np.int64(0x7FF << 52)
_FRACTION_BITS = 52
_ROUNDER = 1.5 * 2.0 ** (_FRACTION_BITS - SIGNIFICANT_BITS + 1)


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows to hand to TA-Lib at once; what it says of those before `told_from` is not told.

    Of several pieces put together `rows` are what `told_rows` returns.
    """

    start: int
    told_from: int
    prices: Prices
    rows: Numbers | None = None

    def __len__(self) -> int:
        return len(self.prices[0])

    @property
    def is_told_whole(self) -> bool:
        """Whether all of its rows are told."""
        return self.rows is None and self.told_from == self.start

    def told_rows(self) -> Numbers:
        """Return the number of each row it reads, -1 of those that are not told."""
        if self.rows is not None:
            return self.rows
        row = np.arange(self.start, self.start + len(self))
        row[: self.told_from - self.start] = -1
        return row


@dataclass(frozen=True, eq=False)
class SoundRows:
    """The rows of a series that have a candle: finite prices that agree, and a range.

    A bar whose high equals its low has neither body nor shadow. It is no candle and, like a gap,
    part of no average and of no pattern.

    Attributes:
        row: Their numbers in the series, int64, shape ``(m,)``; None if they are all rows.
        open, high, low, close: float64, shape ``(m,)``.
    """

    row: Numbers | None
    open: Floats
    high: Floats
    low: Floats
    close: Floats

    def __len__(self) -> int:
        return len(self.open)

    @property
    def prices(self) -> Prices:
        """Open, high, low, close, as TA-Lib takes them."""
        return self.open, self.high, self.low, self.close

    @cached_property
    def ranges(self) -> Floats:
        """High less low of each row, shape ``(m,)``."""
        return self.high - self.low

    @cached_property
    def sums_before(self) -> Floats:
        """Sums of the ten ranges before each row, shape ``(m,)``; of fewer where there are fewer.

        Added up in one order, so that a row has the same sum to the last bit in any series.
        """
        padded = np.concatenate((np.zeros(SUMMED), self.ranges))
        twos = padded[1:] + padded[:-1]
        fours = twos[2:] + twos[:-2]
        eights = fours[4:] + fours[:-4]
        return np.asarray(eights[:-3] + twos[SUMMED - 2 : -1])

    def part(self, start: int, stop: int) -> SoundRows:
        """Return rows `start` to `stop` (exclusive)."""
        part = slice(start, stop)
        row = np.arange(start, stop) if self.row is None else self.row[part]
        return SoundRows(row, *(price[part] for price in self.prices))

    def pieces(self) -> Iterator[Piece]:
        """Yield what TA-Lib is to read, so that each row is told once and its sums are exact."""
        is_rough = self._rough()
        if is_rough is None:
            yield from _pieces(self.prices, 0, 0, len(self))
        else:
            yield from _put_together(self._rough_pieces(is_rough))

    def _rough_pieces(self, is_rough: Flags) -> Iterator[Piece]:
        rounded = _rounded(self.prices)
        is_break = _is_break(rounded)
        changes = np.flatnonzero(np.diff(is_rough)) + 1
        for first, stop in pairwise([0, *changes.tolist(), len(self)]):
            lead = max(0, first - DECIDING_ROWS + 1)
            if not is_rough[first]:
                yield from _pieces(self.prices, lead, first, stop)
                continue
            breaks = lead + 1 + np.flatnonzero(is_break[lead + 1 : stop])
            for start, end in pairwise([lead, *breaks.tolist(), stop]):
                yield from _pieces(rounded, start, max(start, first), end)

    def _rough(self) -> Flags | None:
        """Return at which rows a sum of the last ranges might be rounded; None if nowhere."""
        sums, smallest = self.sums_before + self.ranges, _smallest(self.prices)
        if not _may_be_rough(sums, smallest):
            return None
        largest = _window_extremes(np.maximum, sums, DECIDING_ROWS - SUMMED)
        smallest = _window_extremes(np.minimum, smallest, DECIDING_ROWS)
        is_rough = largest / 2 >= _power_of_two(smallest)
        return is_rough if is_rough.any() else None

    def can_be_joined(self) -> bool:
        """Whether sums stay exact where these rows are followed by others that are as near."""
        largest = (self.sums_before + self.ranges).max()
        return bool(largest < _power_of_two(_smallest(self.prices).min(keepdims=True))[0])


def sound_rows(bars: Bars) -> SoundRows:
    """Return the rows of `bars` that have a candle."""
    opened, high, low, close = bars.open, bars.high, bars.low, bars.close
    is_sound = (high > low) & (np.maximum(opened, close) <= high)
    is_sound &= np.minimum(opened, close) >= low
    is_sound &= (high < _LARGEST_PRICE) & (low > -_LARGEST_PRICE)
    if is_sound.all():
        return SoundRows(None, opened, high, low, close)
    row = np.flatnonzero(is_sound)
    return SoundRows(row, opened[row], high[row], low[row], close[row])


def joined(blocks: list[SoundRows]) -> SoundRows:
    """Return blocks that can be joined one after the other, each brought near 1.

    Patterns and strengths do not depend on the unit of price, and a power of two rounds nothing.
    """
    smallest = np.array([_smallest(block.prices).min() for block in blocks])
    scales = np.repeat(1 / _power_of_two(smallest), [len(block) for block in blocks])
    opened, high, low, close = (
        np.concatenate([block.prices[column] for block in blocks]) * scales for column in range(4)
    )
    row = np.concatenate([block.row for block in blocks if block.row is not None])
    return SoundRows(row, opened, high, low, close)


def can_be_stacked(prices: Floats) -> Flags:
    """Return of which series all rows are sound and `SoundRows.can_be_joined`, shape ``(n,)``.

    Series with a price that is not positive are left out: they are too rare to be fast.

    Args:
        prices: Open, high, low and close of the newest rows, shape ``(4, n, MEMORY_ROWS)``.
    """
    opened, high, low, close = prices
    is_sound = (high > low) & (low > 0) & (high < _LARGEST_PRICE)
    is_sound &= (np.maximum(opened, close) <= high) & (np.minimum(opened, close) >= low)
    total = np.pad(np.cumsum(high - low, axis=1), ((0, 0), (1, 0)))
    largest = (total[:, SUMMED + 1 :] - total[:, : -SUMMED - 1]).max(axis=1)
    return np.asarray(is_sound.all(axis=1) & (largest < _power_of_two(low.min(axis=1))))


def stacked(prices: Floats) -> SoundRows:
    """Return the `DECIDING_ROWS` newest rows of each series, one after the other, near 1.

    As with `joined`, what is found at the last row of each is what is found in it alone.

    Args:
        prices: As `can_be_stacked` takes them, of series of which it says so.
    """
    scales = 1 / _power_of_two(prices[2].min(axis=1))
    near_one = prices[:, :, -DECIDING_ROWS:] * scales[:, np.newaxis]
    return SoundRows(None, *near_one.reshape(4, -1))


def _pieces(prices: Prices, start: int, first: int, stop: int) -> Iterator[Piece]:
    """Yield pieces that tell rows `first` to `stop` (exclusive) and read none before `start`."""
    for told_from in range(first, stop, LONGEST_PIECE):
        lead = max(start, told_from - DECIDING_ROWS + 1)
        end = min(stop, told_from + LONGEST_PIECE)
        yield Piece(lead, told_from, _cut(prices, lead, end))


def _put_together(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Yield as few pieces that tell the same: asking TA-Lib costs more than reading some rows.

    Rows that do not move come between one piece and the next. They bring every sum down to exactly
    zero, so nothing is left of the one before when the rows that are told come.
    """
    run: list[Piece] = []
    for piece in pieces:
        # Without a full lead TA-Lib would say nothing of its first rows, alone, but would here.
        has_lead = piece.told_from - piece.start == DECIDING_ROWS - 1
        if run and (not has_lead or sum(map(len, run)) + len(piece) > LONGEST_PIECE):
            yield _joined_with_rests(run)
            run = []
        run.append(piece)
    if run:
        yield _joined_with_rests(run)


def _joined_with_rests(run: list[Piece]) -> Piece:
    if len(run) == 1:
        return run[0]
    rest, nobody = np.ones(DECIDING_ROWS), np.full(DECIDING_ROWS, -1)
    opened, high, low, close = (
        np.concatenate([part for piece in run for part in (rest, piece.prices[column])][1:])
        for column in range(4)
    )
    rows = np.concatenate([part for piece in run for part in (nobody, piece.told_rows())][1:])
    return Piece(run[0].start, run[0].told_from, (opened, high, low, close), rows)


def _cut(prices: Prices, start: int, stop: int) -> Prices:
    opened, high, low, close = (price[start:stop] for price in prices)
    return opened, high, low, close


def _smallest(prices: Prices) -> Floats:
    """Return the smallest magnitude of each row's prices: none is a multiple of less than its."""
    opened, high, low, close = prices
    if low.size and low.min() > 0:
        return low
    magnitudes = np.abs(np.stack((opened, high, low, close)))
    # Zero is a multiple of everything.
    magnitudes[magnitudes == 0] = np.inf
    return np.asarray(np.minimum(magnitudes.min(axis=0), np.finfo(float).max))


def _power_of_two(values: Floats) -> Floats:
    """Return the largest power of two not above each positive value; 0 of subnormal ones."""
    return (values.view(np.int64) & _EXPONENT).view(np.float64)


def _window_extremes(extreme: np.ufunc, values: Floats, count: int) -> Floats:
    """Return the largest or smallest of up to `count` values ending at each row."""
    width = 1
    found = values
    while width < count:
        step = min(width, count - width)
        found = np.concatenate((found[:step], extreme(found[step:], found[:-step])))
        width += step
    return found


def _may_be_rough(sums: Floats, smallest: Floats) -> bool:
    """Return whether any row may be rough, judged by pairs of blocks, which hold every window."""
    starts = np.arange(0, len(sums), _BLOCK)
    largest = np.maximum.reduceat(sums, starts)
    lowest = np.minimum.reduceat(smallest, starts)
    if len(starts) > 1:
        largest = np.maximum(largest[1:], largest[:-1])
        lowest = np.minimum(lowest[1:], lowest[:-1])
    return bool((largest / 2 >= _power_of_two(lowest)).any())


def _rounded(prices: Prices) -> Prices:
    """Return prices rounded to 40 significant bits of the row's largest."""
    _, high, low, _ = prices
    power = _power_of_two(np.maximum(np.abs(high), np.abs(low)))
    # Adding a number 2^13 times as large, and taking it away, rounds to the grid in between.
    rounder = power * _ROUNDER
    opened, high, low, close = ((price + rounder) - rounder for price in prices)
    return opened, high, low, close


def _is_break(prices: Prices) -> Flags:
    """Return before which rows the series is cut, shape ``(m,)``.

    A price hundreds of times another a few bars before is a change of units; no sum crosses it.
    """
    _, high, low, _ = prices
    largest = np.maximum(np.abs(high), np.abs(low))
    highest = _window_extremes(np.maximum, largest, DECIDING_ROWS)
    lowest = _window_extremes(np.minimum, largest, DECIDING_ROWS)
    return np.asarray(_power_of_two(highest) > _power_of_two(lowest) * 2.0**_LARGEST_SPREAD)
