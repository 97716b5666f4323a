"""One pattern × direction × horizon over all symbols: its outcomes in order of their end.

Owns running totals, one row for each moment at which outcomes ended: what was known at any moment
is one row, found by bisection. Sums are kept in millionths as whole numbers, so that they are the
same in whichever order symbols come. Outcomes that come late are put where they belong.

Outcomes overlap in time, in one symbol and across symbols that move together, so they are not so
many separate facts. The variance of the excess of hits over the base rate is therefore taken over
blocks of time: a block begins with the first outcome that starts after the first one of the block
before had ended, and holds all symbols. Neighbouring blocks may still overlap by less than a
horizon, hence their products are added, as in Hansen and Hodrick (1980), "Forward Exchange Rates as
Optimal Predictors of Future Spot Rates", J. Political Economy 88(5), for overlapping forecasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.worth.growing import Growing

MILLION = 1_000_000
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class NewRows:
    """Outcomes to add, shape ``(k,)`` each, in any order.

    Attributes:
        end, start: Opening times of the last and of the confirming bar, microseconds.
        hit: 1 for a move in the pattern's direction, else 0.
        base: The symbol's base rate as it was known at the confirmation, in millionths.
        move: The move in the pattern's direction, in millionths of an ATR.
    """

    end: Ints
    start: Ints
    hit: Ints
    base: Ints
    move: Ints

    def take(self, which: NDArray[np.intp]) -> NewRows:
        """Return some of them."""
        return NewRows(
            self.end[which], self.start[which], self.hit[which], self.base[which], self.move[which]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """What was known at some moments, shape ``(k,)`` each.

    Attributes:
        samples, hits: Counts.
        base: Sum of the base rates at the confirmations.
        move: Sum of moves, ATR.
        blocks: Blocks of time they fall in.
        variance: Of ``hits - base``.
    """

    samples: NDArray[np.float64]
    hits: NDArray[np.float64]
    base: NDArray[np.float64]
    move: NDArray[np.float64]
    blocks: NDArray[np.float64]
    variance: NDArray[np.float64]


class Cell:
    """Running totals of one pattern × direction × horizon."""

    def __init__(self) -> None:
        # Columns: end, earliest start, then running samples, hits, base, move, block.
        self.rows = Growing(7, np.int64)
        # For each block: first end, excess before it; as floats: squares and products before it.
        self.blocks = Growing(2, np.int64)
        self.squares = Growing(2, np.float64)
        self.moves = Growing(1, np.float32)
        self.version = 0
        self._median = (0, np.empty(0, np.float32))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def samples(self) -> int:
        """Return how many outcomes there are."""
        return len(self.moves)

    @property
    def nbytes(self) -> int:
        """Return the memory its columns hold."""
        tables = (self.rows, self.blocks, self.squares, self.moves)
        return sum(table.nbytes for table in tables) + self._median[1].nbytes

    def add(self, new: NewRows) -> None:
        """Add outcomes. Costs what they are and what ended after the first of them."""
        if not len(new.end):
            return
        self.version += 1
        first = int(new.end.min())
        place = self.rows_before(first)
        tail = self._raw(place)
        kept = int(self.rows.data[2, place - 1]) if place else 0
        self._merge_moves(kept, tail, new)
        end = np.concatenate([tail[0], new.end])
        order = np.argsort(end, kind="stable")
        end = end[order]
        heads = np.flatnonzero(np.r_[True, end[1:] != end[:-1]])
        ones = np.ones(len(new.end), np.int64)
        added = (ones, new.hit, new.base, new.move)
        self.rows.cut(place)
        before = self.rows.data[2:6, place - 1] if place else np.zeros(4, np.int64)
        table = np.empty((7, len(heads)), np.int64)
        table[0] = end[heads]
        table[1] = np.minimum.reduceat(np.concatenate([tail[1], new.start])[order], heads)
        for number, column in enumerate(added):
            joined = np.concatenate([tail[2 + number], column])[order]
            table[2 + number] = before[number] + np.cumsum(np.add.reduceat(joined, heads))
        self._number_blocks(place, table)
        self.rows.extend(table)

    def rows_before(self, moment: int) -> int:
        """Return how many rows ended before a moment."""
        ends = self.rows.data[0]
        if not len(ends) or ends[-1] < moment:
            return len(ends)
        return int(ends.searchsorted(moment))

    def totals(self, rows: NDArray[np.intp]) -> Totals:
        """Return the totals of the first `rows` rows, for each of the numbers given."""
        if not len(self.rows):
            return _totals(np.zeros((7, len(rows)), np.int64), *np.zeros((2, 2, len(rows))))
        at = self.rows.data[:, rows - 1] * (rows > 0)
        block = at[6]
        opened = self.blocks.data[1]
        before = np.stack([opened[block], np.where(block > 0, opened[block - 1], opened[block])])
        return _totals(at, before, self.squares.data[:, block])

    def median(self, samples: int) -> float | None:
        """Return the median of the first `samples` moves, ATR; None of none.

        Asked again for nearly as many, it costs only the difference.
        """
        if not samples:
            return None
        held, ordered = self._median
        if samples - held in range(1, 257) and held:
            news = np.sort(self.moves.data[0, held:samples])
            ordered = np.insert(ordered, ordered.searchsorted(news), news)
        elif samples != held:
            ordered = np.sort(self.moves.data[0, :samples])
        self._median = (samples, ordered)
        middle = (samples - 1) // 2, samples // 2
        return float((float(ordered[middle[0]]) + float(ordered[middle[1]])) / 2)

    def _raw(self, place: int) -> Ints:
        """Return the rows from `place` on with their own sums instead of running ones."""
        tail = self.rows.data[:6, place:].copy()
        before = self.rows.data[2:6, place - 1 : place] if place else np.zeros((4, 1), np.int64)
        tail[2:] = np.diff(np.concatenate([before, tail[2:]], axis=1), axis=1)
        return tail

    def _merge_moves(self, kept: int, tail: Ints, new: NewRows) -> None:
        values = np.concatenate(
            [self.moves.data[0, kept:], (new.move / MILLION).astype(np.float32)]
        )
        ends = np.concatenate([np.repeat(tail[0], tail[2]), new.end])
        # Within one moment by size, so that the order in which symbols came leaves no trace.
        order = np.lexsort((values, ends))
        self.moves.cut(kept)
        self.moves.extend(values[order][np.newaxis])
        if self._median[0] > kept:
            self._median = (0, np.empty(0, np.float32))

    def _number_blocks(self, place: int, table: Ints) -> None:
        """Put each new row into a block; `place` rows before them keep theirs."""
        block = int(self.rows.data[6, place - 1]) if place else -1
        self.blocks.cut(block + 1)
        self.squares.cut(block + 1)
        latest_start = np.maximum.accumulate(table[1])
        first_end = int(self.blocks.data[0, block]) if place else int(latest_start[0])
        heads: list[int] = []
        row, count = 0, table.shape[1]
        while row < count:
            begins = max(int(latest_start.searchsorted(first_end)), row)
            table[6, row:begins] = block
            row = begins
            if row < count:
                block += 1
                table[6, row] = block
                first_end = int(table[0, row])
                heads.append(row)
                row += 1
        if heads:
            self._open_blocks(place, table, np.array(heads))

    def _open_blocks(self, place: int, table: Ints, heads: NDArray[np.intp]) -> None:
        """Note the blocks that begin at some of the new rows, and what was before each."""
        held = int(self.rows.data[3, place - 1]) * MILLION if place else 0
        held -= int(self.rows.data[4, place - 1]) if place else 0
        excess = np.concatenate([[held], table[3] * MILLION - table[4]])[heads]
        known = len(self.blocks)
        # Two blocks back is all that sums of squares and products of neighbours need.
        opened = np.concatenate([self.blocks.data[1, max(known - 2, 0) :], excess])
        sums = np.diff(opened) / MILLION
        neighbours = sums[1:] * sums[:-1]
        added = np.zeros((2, len(heads)))
        added[0, len(heads) - min(len(sums), len(heads)) :] = (sums**2)[-len(heads) :]
        added[1, len(heads) - min(len(neighbours), len(heads)) :] = neighbours[-len(heads) :]
        if known:
            added[:, 0] += self.squares.data[:, known - 1]
        self.blocks.extend(np.stack([table[0, heads], excess]))
        self.squares.extend(np.cumsum(added, axis=1))


def totals_of(cells: Sequence[Cell], rows: Sequence[int]) -> Totals:
    """Return the totals of several cells, each with at least one row, at one row count each."""
    at = np.array([cell.rows.data[:, row - 1] for cell, row in zip(cells, rows, strict=True)]).T
    blocks = at[6].tolist()
    opened = [
        cell.blocks.data[1, [block, max(block - 1, 0)]]
        for cell, block in zip(cells, blocks, strict=True)
    ]
    squares = [cell.squares.data[:, block] for cell, block in zip(cells, blocks, strict=True)]
    return _totals(at, np.array(opened).T, np.array(squares).T)


def _totals(at: Ints, before: NDArray[Any], closed: NDArray[Any]) -> Totals:
    """Return totals from rows.

    Args:
        at: Rows as `Cell.rows` holds them, shape ``(7, k)``; zeros for no row.
        before: Excess of hits before each row's block and before the one before that, ``(2, k)``.
        closed: Sums of squares and of products of the blocks before, ``(2, k)``.
    """
    samples, hits, base, move = at[2:6].astype(np.float64)
    base, move = base / MILLION, move / MILLION
    current = (at[3] * MILLION - at[4] - before[0]) / MILLION
    previous = (before[0] - before[1]) / MILLION
    squares = closed[0] + current**2
    products = closed[1] + previous * current
    rate = np.clip(base / np.maximum(samples, 1), 0.0, 1.0)
    # Never less than as many tosses of a coin: few blocks can look calmer than they are.
    tosses = samples * rate * (1 - rate)
    variance = np.maximum(np.maximum(squares, squares + 2 * products), tosses)
    return Totals(samples, hits, base, move, np.where(samples > 0, at[6] + 1.0, 0.0), variance)
