"""Calls TA-Lib on sound rows and makes hits of its numbers.

TA-Lib answers with one number per bar: 0, or ±100 for a pattern, ±80 for an engulfing or harami
with one equal end, ±200 for the confirmation of a hikkake told before.

A hit is one integer here that sorts as hits do: the bar, then a code of pattern, TA-Lib's value
and the bars a confirmation came late. What else is said of a hit is looked up by its code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import talib
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLES
from trading_dashboard.agents.pattern_recognition.candles.clarity import shapes, sizes_of
from trading_dashboard.agents.pattern_recognition.candles.exact import Piece, SoundRows
from trading_dashboard.agents.pattern_recognition.detections import CandleHits

_Keys = NDArray[np.int32] | NDArray[np.int64]
_Values = NDArray[np.int32]

_FUNCTIONS: tuple[Callable[..., _Values], ...] = tuple(getattr(talib, kind.id) for kind in CANDLES)
_IS_HIKKAKE = tuple(kind.id.startswith("CDLHIKKAKE") for kind in CANDLES)
_CONFIRMED = 200
_CONFIRMED_WITHIN = 3

# Bits of a code: bars of delay, (value + 256) / 16, pattern.
_VALUE_SHIFT, _PATTERN_SHIFT, _CODE_BITS = 2, 7, 13
_CODE_MASK = (1 << _CODE_BITS) - 1
_VALUE_ZERO, _VALUE_DIVISOR_BITS = 256, 4
_SMALL = 1 << (31 - _CODE_BITS)
"""Bars up to which a hit fits 32 bits."""

_CODES = np.arange(1 << _CODE_BITS)
_PATTERN = np.minimum(_CODES >> _PATTERN_SHIFT, len(CANDLES) - 1)
_DELAY = _CODES & _CONFIRMED_WITHIN
_VALUE = np.zeros(32, np.int64)
for _value in (-200, -100, -80, 80, 100, 200):
    _VALUE[_value + _VALUE_ZERO >> _VALUE_DIVISOR_BITS] = _value
_VALUE = _VALUE[_CODES >> _VALUE_SHIFT & 31]
_PATTERN_BY_CODE = _PATTERN.astype(np.int16)
_SPAN_BY_CODE = (np.array([kind.span for kind in CANDLES])[_PATTERN] + _DELAY).astype(np.int16)
_READS_BY_CODE = np.array([kind.reads for kind in CANDLES])[_PATTERN] + _DELAY
_CLEAR_BY_CODE = np.array([kind.clear for kind in CANDLES])[_PATTERN]
_DIRECTION_BY_CODE = (
    np.sign(_VALUE) * np.array([kind.is_directed for kind in CANDLES])[_PATTERN]
).astype(np.int8)
_HALF_GRADE_BY_CODE = np.where(
    np.array(_IS_HIKKAKE)[_PATTERN], np.abs(_VALUE) / 400, np.abs(_VALUE) / 200
)


def find(rows: SoundRows, numbers: Sequence[int]) -> CandleHits:
    """Return the patterns of these numbers; `bar` counts sound rows.

    Hits that span a row which is not sound are left out, and a hikkake's confirmation whose first
    telling is not among the rows.
    """
    keys = _keys(rows, numbers)
    bar, code = keys >> _CODE_BITS, (keys & _CODE_MASK).astype(np.intp)
    if rows.row is not None:
        before = _READS_BY_CODE[code] - 1
        is_kept = rows.row[bar] - rows.row[bar - before] == before
        bar, code = bar[is_kept], code[is_kept]
    span = _SPAN_BY_CODE.take(code)
    strength = shapes(*rows.prices).ravel().take(_CLEAR_BY_CODE.take(code) * len(rows) + bar)
    strength += sizes_of(bar, span, rows.high, rows.low)
    strength *= _HALF_GRADE_BY_CODE.take(code)
    return CandleHits(
        _PATTERN_BY_CODE.take(code),
        bar.astype(np.int32, copy=False),
        span,
        _DIRECTION_BY_CODE.take(code),
        strength.astype(np.float32),
    )


def _keys(rows: SoundRows, numbers: Sequence[int]) -> _Keys:
    found: list[NDArray[Any]] = [np.empty(0, np.int32)]
    if len(rows):
        dtype = np.dtype(np.int32 if len(rows) < _SMALL else np.int64)
        found += [_keys_of(piece, numbers, dtype) for piece in rows.pieces()]
    keys: _Keys = np.concatenate(found)
    keys.sort()
    return keys


def _keys_of(piece: Piece, numbers: Sequence[int], dtype: np.dtype[Any]) -> _Keys:
    bars, values, found = [], [], []
    for number in numbers:
        answer = _FUNCTIONS[number](*piece.prices)
        # Bytes are searched several times faster than what TA-Lib returns.
        at = answer.astype(np.bool_).nonzero()[0]
        if len(at):
            bars.append(at)
            values.append(answer[at])
            found.append(number)
    if not found:
        return np.empty(0, dtype)
    bar: _Keys = np.concatenate(bars, dtype=dtype, casting="same_kind")
    value = np.concatenate(values)
    keys = np.repeat(np.array(found, dtype) << _PATTERN_SHIFT, [len(at) for at in bars])
    is_told = bar >= piece.told_from - piece.start
    confirmed = np.flatnonzero(np.abs(value) == _CONFIRMED)
    # The hit before a confirmation is the hikkake it confirms: TA-Lib forgets older ones.
    delay = bar[confirmed] - bar[confirmed - 1]
    is_explained = (delay > 0) & (delay <= _CONFIRMED_WITHIN)
    is_told[confirmed] &= is_explained & (keys[confirmed] == keys[confirmed - 1])
    keys[confirmed] |= np.clip(delay, 0, _CONFIRMED_WITHIN)
    keys |= bar + dtype.type(piece.start) << _CODE_BITS
    value += _VALUE_ZERO
    value >>= _VALUE_DIVISOR_BITS
    value <<= _VALUE_SHIFT
    keys |= value
    return keys if is_told.all() else keys[is_told]
