"""Calls TA-Lib on sound rows and makes hits of its numbers.

TA-Lib answers with one number per bar: 0, or ±100 for a pattern, ±80 for an engulfing or harami
with one equal end, ±200 for the confirmation of a hikkake told before.

All answers are laid out as one table of bytes, a row for each bar and a column for each
pattern, so that one search finds the hits in their order. What else is said of a hit is looked up
by its code: its column and its byte.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import talib
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLE_NUMBERS, CANDLES
from trading_dashboard.agents.pattern_recognition.candles.clarity import (
    Indices,
    shapes_of,
    sizes_of,
)
from trading_dashboard.agents.pattern_recognition.candles.exact import (
    LONGEST_PIECE,
    Piece,
    SoundRows,
)
from trading_dashboard.agents.pattern_recognition.candles.rare import (
    KICKS,
    MARUBOZU,
    WORTH_A_LOOK,
    may_kick,
)
from trading_dashboard.agents.pattern_recognition.detections import CandleHits

_Values = NDArray[np.int32]

# Where pandas is installed TA-Lib looks for its series among the arguments of each call, which
# costs as much as 150 bars of a pattern. Ours are arrays.
_FUNCTIONS: tuple[Callable[..., _Values], ...] = tuple(
    inspect.unwrap(getattr(talib, kind.id)) for kind in CANDLES
)
_HIKKAKES = slice(CANDLE_NUMBERS["CDLHIKKAKE"], CANDLE_NUMBERS["CDLHIKKAKEMOD"] + 1)
_CONFIRMED = 256 - 200
"""What is left of ±200 in a byte, with the other sign."""
_DELAYS = (1, 2, 3)
"""Bars from a hikkake to its confirmation, whose byte they become, with its sign."""

_COLUMN_BITS = 6
_COLUMNS = 1 << _COLUMN_BITS

# Of each code: the row is its byte, the column its column in the table of answers.
_VALUE = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)[:, np.newaxis]
_DELAY = np.where(np.abs(_VALUE) <= max(_DELAYS), np.abs(_VALUE), 0)
_HALF_GRADE = np.tile(np.abs(_VALUE) / 200, _COLUMNS)
_HALF_GRADE[:, _HIKKAKES] = np.where(_DELAY > 0, 0.5, 0.25)


def _of_columns(values: Sequence[int]) -> NDArray[np.int64]:
    """Return the values of the patterns, and zeros for the columns that are no pattern's."""
    return np.pad(np.array(values), (0, _COLUMNS - len(values)))


_SPAN_BY_CODE = (_of_columns([kind.span for kind in CANDLES]) + _DELAY).ravel()
_READS_BY_CODE = (_of_columns([kind.reads for kind in CANDLES]) + _DELAY).ravel()
_CLEAR_BY_CODE = np.tile(_of_columns([kind.clear for kind in CANDLES]), len(_VALUE))
_SIGN_BY_CODE = (_of_columns([kind.is_directed for kind in CANDLES]) * np.sign(_VALUE)).ravel()
_DIRECTION_BY_CODE = _SIGN_BY_CODE.astype(np.int8)
_HALF_GRADE_BY_CODE = _HALF_GRADE.ravel()


def find(rows: SoundRows, numbers: Sequence[int]) -> CandleHits:
    """Return the patterns of these numbers; `bar` counts sound rows.

    Hits that span a row which is not sound are left out, and a hikkake's confirmation whose first
    telling is not among the rows.
    """
    parts = [_bars_and_codes(pieces, numbers) for pieces in _batches(rows.pieces())]
    bar, code = parts[0]
    if len(parts) > 1:
        bar, code = (np.concatenate(part) for part in zip(*parts, strict=True))
    if rows.row is not None:
        before = _READS_BY_CODE.take(code) - 1
        is_kept = rows.row[bar] - rows.row[bar - before] == before
        bar, code = bar[is_kept], code[is_kept]
    span = _SPAN_BY_CODE.take(code)
    strength = shapes_of(rows, bar, _CLEAR_BY_CODE.take(code))
    strength += sizes_of(rows, bar, span)
    strength *= _HALF_GRADE_BY_CODE.take(code)
    return CandleHits(
        (code & _COLUMNS - 1).astype(np.int16),
        bar.astype(np.int32),
        span.astype(np.int16),
        _DIRECTION_BY_CODE.take(code),
        strength.astype(np.float32),
    )


def _batches(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Yield pieces that share a table, which takes a few megabytes however long the series is."""
    batch: list[Piece] = []
    for piece in pieces:
        batch.append(piece)
        if sum(map(len, batch)) >= LONGEST_PIECE:
            yield batch
            batch = []
    if batch:
        yield batch


def _bars_and_codes(pieces: list[Piece], numbers: Sequence[int]) -> tuple[Indices, Indices]:
    """Return the hits that pieces tell, by bar, then pattern, both of shape ``(k,)``."""
    answers = np.zeros((_COLUMNS, sum(map(len, pieces))), np.int8)
    stop = 0
    for piece in pieces:
        start, stop = stop, stop + len(piece)
        _ask(piece, numbers, answers[:, start:stop])
    _tell_delays(answers[_HIKKAKES].ravel())
    at, code = _search(answers.T.ravel())
    if len(pieces) == 1 and pieces[0].is_told_whole:
        return at + pieces[0].start, code
    bar = np.concatenate([piece.told_rows() for piece in pieces])[at]
    is_told = bar >= 0
    return bar[is_told], code[is_told]


def _ask(piece: Piece, numbers: Sequence[int], answers: NDArray[np.int8]) -> None:
    """Put what TA-Lib says of a piece into the rows of `answers`, which are 0."""
    is_looked_at = len(piece) >= WORTH_A_LOOK and MARUBOZU in numbers
    for number in numbers:
        if not is_looked_at or number not in KICKS:
            answers[number] = _FUNCTIONS[number](*piece.prices)
    if is_looked_at and may_kick(piece.prices, answers[MARUBOZU]):
        for number in KICKS.intersection(numbers):
            answers[number] = _FUNCTIONS[number](*piece.prices)


def _search(table: NDArray[np.int8]) -> tuple[Indices, Indices]:
    """Return the row and the code of each answer that is not 0."""
    # Most words of eight bytes are zero, so they are searched first.
    words = table.view(np.uint64)
    filled = np.flatnonzero(words != 0)
    values = words[filled].view(np.uint8)
    at = np.flatnonzero(values != 0)
    column = (filled[at >> 3] << 3 & _COLUMNS - 1) + (at & 7)
    row = (filled >> _COLUMN_BITS - 3)[at >> 3]
    return row, column + (values[at].astype(np.intp) << _COLUMN_BITS)


def _tell_delays(answers: NDArray[np.int8]) -> None:
    """Put in the place of each confirmation how many bars after its hikkake it came, or 0.

    The hit before a confirmation is the hikkake it confirms: TA-Lib forgets older ones. None is of
    the piece before, as TA-Lib says nothing of a piece's first five bars.
    """
    # There are some ten in a thousand bars: a loop costs less than calls on so few.
    told = answers.data
    for at in np.flatnonzero(np.abs(answers) == _CONFIRMED).tolist():
        sign = -1 if told[at] > 0 else 1
        told[at] = 0
        for delay in _DELAYS:
            if told[at - delay]:
                told[at] = sign * delay
                break
