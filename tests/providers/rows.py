"""Daily rows as providers deliver them on good and bad days, and which of them are good.

One set for every provider: each source must hand on all of them, `quality` must refuse the bad ones
and no other. Values are the texts that stand in an answer.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Told(NamedTuple):
    """One row as a provider tells it."""

    date: str
    open: str
    high: str
    low: str
    close: str
    volume: str

    @property
    def numbers(self) -> tuple[float, ...]:
        """Return what a source should make of it: NaN for what is no number."""
        return tuple(_number(text) for text in self[1:])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


GOOD = tuple(
    Told(date, str(price), str(price + 2), str(price - 1), str(price + 1), "1000000")
    for date, price in zip(
        ("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"),
        (100.0, 101.0, 102.0, 101.5, 103.0, 104.25),
        strict=True,
    )
)

BAD = {
    "nan": Told("2024-01-10", "nan", "nan", "nan", "nan", "nan"),
    "infinite": Told("2024-01-11", "104", "inf", "103", "104", "1000"),
    "no_number": Told("2024-01-12", "104", "105", "n/a", "104", "1000"),
    "empty": Told("2024-01-16", "", "", "", "", ""),
    "zero": Told("2024-01-17", "0", "0", "0", "0", "0"),
    "negative": Told("2024-01-18", "-104", "-103", "-105", "-104", "1000"),
    "high_below_low": Told("2024-01-19", "104", "100", "105", "104", "1000"),
    "negative_volume": Told("2024-01-22", "104", "105", "103", "104", "-5"),
    "unreadable_time": Told("2024-13-45", "104", "105", "103", "104", "1000"),
    "underscored": Told("2024-01-23", "1_04", "105", "103", "104", "1000"),
}
"""Rows that must never be served as good, by what is wrong with them."""
