"""Whether two sources tell the same of a symbol, over the bars that both have.

Owns the comparison; which of the two is right it cannot know. Both series are unadjusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading_dashboard.agents.market_data.records import Bars, Integers

TOLERANCE = 0.005
"""Relative difference of any price of a bar up to which two sources agree."""
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What two sources say of the same bars.

    Attributes:
        common: Bars that both have.
        disagreeing: Bars in which a price differs by more than the tolerance.
        share: Of the common bars; None if there are none.
        median, largest: Of the differences of those that disagree, relative; None without any.
        starts: int64[disagreeing].
    """

    sources: tuple[str, str]
    symbol: str
    interval: str
    common: int
    disagreeing: int
    share: float | None
    median: float | None
    largest: float | None
    starts: Integers


def agreement(one: Bars, other: Bars, tolerance: float = TOLERANCE) -> Agreement:
    """Compare good bars of two sources.

    Raises:
        ValueError: They are of different symbols or intervals, or of the same source.
    """
    if (one.symbol, one.interval) != (other.symbol, other.interval):
        raise ValueError("two series of the same symbol and interval are compared")
    if one.source == other.source:
        raise ValueError(f"both series are of {one.source}")
    starts, mine, theirs = np.intersect1d(one.start, other.start, return_indices=True)
    largest = np.zeros(len(starts))
    for name in _PRICES:
        here, there = getattr(one, name)[mine], getattr(other, name)[theirs]
        # Of the mean of both, so that neither is the measure.
        middle = here / 2 + there / 2
        largest = np.maximum(largest, np.abs(here / middle - there / middle))
    apart = largest > tolerance
    count = int(apart.sum())
    return Agreement(
        sources=(one.source, other.source),
        symbol=one.symbol,
        interval=one.interval,
        common=len(starts),
        disagreeing=count,
        share=count / len(starts) if len(starts) else None,
        median=float(np.median(largest[apart])) if count else None,
        largest=float(largest[apart].max()) if count else None,
        starts=starts[apart],
    )
