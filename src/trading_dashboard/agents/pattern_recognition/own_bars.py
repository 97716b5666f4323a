"""Bars somebody sends: checked row by row, and turned into columns.

Owns what makes bars usable: rising times, finite numbers, highs that are highest. A row without
prices is a gap; a row that contradicts itself is a mistake of the sender's, and is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.live.series import microseconds
from trading_dashboard.models.errors import InvalidBars
from trading_dashboard.models.pattern_api import OwnBars

MAX_TOLD = 20
_PRICES = ("open", "high", "low", "close")
_FIRST, _LAST = datetime(1800, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_LARGEST = 1e15
Mistake = dict[str, Any]


def checked_bars(own: OwnBars) -> Bars:
    """Return the bars as columns.

    Raises:
        InvalidBars: With the first mistakes: the row (from 0), the column and the value.
    """
    mistakes = list(_wrong_lengths(own))
    if not mistakes:
        for mistake in (*_wrong_times(own.timestamp), *_wrong_rows(own)):
            mistakes.append(mistake)
            if len(mistakes) >= MAX_TOLD:
                break
    if mistakes:
        first = mistakes[0]
        raise InvalidBars(
            f"The bars cannot be used: {first['parameter']}: {first['problem']}",
            subject=str(first["parameter"]),
            observed=first["observed"],
            next_step="Correct the rows that `details` names; they are counted from 0.",
            details=mistakes,
        )
    prices = np.array([getattr(own, name) for name in _PRICES], np.float64)
    # A bar without one of its prices is no bar; it keeps its place.
    prices[:, ~np.isfinite(prices).all(axis=0)] = np.nan
    count = len(own.timestamp)
    volume = np.full(count, np.nan) if own.volume is None else np.array(own.volume, np.float64)
    time = np.array([microseconds(moment) for moment in own.timestamp], np.int64)
    opened, high, low, close = prices
    return Bars(time, opened, high, low, close, volume)


def _wrong_lengths(own: OwnBars) -> Iterator[Mistake]:
    count = len(own.timestamp)
    columns = _PRICES if own.volume is None else (*_PRICES, "volume")
    for name in columns:
        length = len(getattr(own, name))
        if length != count:
            yield _mistake(name, f"it has {length} values, timestamp has {count}.", length)


def _wrong_times(times: Sequence[datetime]) -> Iterator[Mistake]:
    before = None
    for row, time in enumerate(times):
        if not _FIRST <= time <= _LAST:
            yield _mistake(f"timestamp[{row}]", "it is before 1800 or after 2200.", str(time))
        elif before is not None and time <= before:
            yield _mistake(f"timestamp[{row}]", f"it does not come after {before}.", str(time))
        before = time


def _wrong_rows(own: OwnBars) -> Iterator[Mistake]:
    volumes: Sequence[float | None] = own.volume or [None] * len(own.timestamp)
    rows = zip(own.open, own.high, own.low, own.close, volumes, strict=True)
    for row, (opened, high, low, close, volume) in enumerate(rows):
        values = {"open": opened, "high": high, "low": low, "close": close, "volume": volume}
        yield from _not_numbers(row, values)
        if volume is not None and volume < 0:
            yield _mistake(f"volume[{row}]", "it is negative.", volume)
        if opened is None or high is None or low is None or close is None:
            continue
        if high < max(opened, low, close):
            yield _mistake(f"high[{row}]", "it is below another price of its bar.", high)
        if low > min(opened, high, close):
            yield _mistake(f"low[{row}]", "it is above another price of its bar.", low)


def _not_numbers(row: int, values: dict[str, float | None]) -> Iterator[Mistake]:
    for name, value in values.items():
        if value is not None and not abs(value) <= _LARGEST:  # also true of what is no number
            problem = f"it is not a number of at most {_LARGEST:g}."
            yield _mistake(f"{name}[{row}]", problem, str(value))


def _mistake(parameter: str, problem: str, observed: Any) -> Mistake:
    return {"parameter": parameter, "problem": problem, "observed": observed}
