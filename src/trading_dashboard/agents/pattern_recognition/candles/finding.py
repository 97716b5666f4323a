"""Calls TA-Lib on sound rows and makes hits of its numbers.

TA-Lib answers with one number per bar: 0, or ±100 for a pattern, ±80 for an engulfing or harami
with one equal end, ±200 for the confirmation of a hikkake told before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import talib
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLES
from trading_dashboard.agents.pattern_recognition.candles.clarity import shapes, sizes
from trading_dashboard.agents.pattern_recognition.candles.exact import Numbers, Piece, SoundRows
from trading_dashboard.agents.pattern_recognition.detections import CandleHits

_Values = NDArray[np.int32]

_FUNCTIONS: tuple[Callable[..., _Values], ...] = tuple(getattr(talib, kind.id) for kind in CANDLES)
_SPANS = np.array([kind.span for kind in CANDLES])
_READS = np.array([kind.reads for kind in CANDLES])
_CLEAR = np.array([kind.clear for kind in CANDLES])
_IS_DIRECTED = np.array([kind.is_directed for kind in CANDLES])
_IS_HIKKAKE = tuple(kind.id.startswith("CDLHIKKAKE") for kind in CANDLES)
_CONFIRMED = 200
_CONFIRMED_WITHIN = 3

# A hit as one number that sorts as hits do: bar, pattern, value + 256, bars of delay.
_VALUE_SHIFT, _PATTERN_SHIFT, _BAR_SHIFT = 2, 12, 18
_VALUE_ZERO = 256
_DELAY_MASK, _VALUE_MASK, _PATTERN_MASK = 3, 1023, 63


def find(rows: SoundRows, numbers: Sequence[int]) -> CandleHits:
    """Return the patterns of these numbers; `bar` counts sound rows.

    Hits that span a row which is not sound are left out, and a hikkake's confirmation whose first
    telling is not among the rows.
    """
    keys = _keys(rows, numbers)
    keys.sort()
    bar = keys >> _BAR_SHIFT
    pattern = keys >> _PATTERN_SHIFT & _PATTERN_MASK
    delay = keys & _DELAY_MASK
    if rows.row is not None:
        before = _READS[pattern] + delay - 1
        is_kept = rows.row[bar] - rows.row[bar - before] == before
        keys, bar, pattern, delay = keys[is_kept], bar[is_kept], pattern[is_kept], delay[is_kept]
    value = (keys >> _VALUE_SHIFT & _VALUE_MASK) - _VALUE_ZERO
    span = _SPANS[pattern] + delay
    return CandleHits(
        pattern.astype(np.int16),
        bar.astype(np.int32),
        span.astype(np.int16),
        (np.sign(value) * _IS_DIRECTED[pattern]).astype(np.int8),
        _strength(rows, pattern, bar, span, value),
    )


def _keys(rows: SoundRows, numbers: Sequence[int]) -> Numbers:
    found = [np.empty(0, np.int64)]
    if not len(rows):
        return found[0]
    for piece in rows.pieces():
        for number in numbers:
            values = _FUNCTIONS[number](*piece.prices)
            # Bytes are searched several times faster than what TA-Lib returns.
            at = values.astype(np.bool_).nonzero()[0]
            if len(at):
                found.append(_keys_of(number, at, values[at], piece))
    return np.concatenate(found)


def _keys_of(number: int, at: Numbers, values: _Values, piece: Piece) -> Numbers:
    key = (at + piece.start << _BAR_SHIFT) + (values.astype(np.int64) + _VALUE_ZERO << _VALUE_SHIFT)
    key += number << _PATTERN_SHIFT
    is_told = at >= piece.told_from - piece.start
    if _IS_HIKKAKE[number]:
        # The hit before a confirmation is the hikkake it confirms: TA-Lib forgets older ones.
        delay = np.diff(at, prepend=-_CONFIRMED_WITHIN - 1)
        is_confirmed = np.abs(values) == _CONFIRMED
        key += np.where(is_confirmed, delay, 0)
        is_told &= ~is_confirmed | (delay <= _CONFIRMED_WITHIN)
    return np.asarray(key[is_told])


def _strength(
    rows: SoundRows, pattern: Numbers, bar: Numbers, span: Numbers, value: Numbers
) -> NDArray[np.float32]:
    shape = shapes(*rows.prices)[_CLEAR[pattern], bar]
    size = sizes(rows.high, rows.low)[span, bar]
    return np.asarray((shape + size) * _HALF_GRADES[pattern, np.abs(value) // 20])


def _half_grades() -> NDArray[np.float32]:
    """Return half the grade by pattern and TA-Lib's value over 20."""
    table = np.full((len(CANDLES), _CONFIRMED // 20 + 1), 0.5, np.float32)
    table[:, 80 // 20] = 0.4
    table[list(_IS_HIKKAKE), 100 // 20] = 0.25
    return table


_HALF_GRADES = _half_grades()
