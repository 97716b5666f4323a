"""The turning points of all scales of a series as columns, each with those before it.

What a pattern needs can so be asked of all of them at once. Only what may be one is then looked at
by the recognisers, which decide. Nothing they would take may be missed: what is asked are their own
conditions with room for other rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.bars import Floats
from trading_dashboard.agents.pattern_recognition.shapes.turning import Turns
from trading_dashboard.agents.pattern_recognition.shapes.whole import Whole

Flags = NDArray[np.bool_]
Numbers = NDArray[np.intp]

ROOM = 1e-9
"""Of the largest price: a million times what rounding does to one."""
DEEPEST = 12
"""Turning points that are looked at together, the newest of them included."""


@dataclass(slots=True)
class Points:
    """The turning points of all scales, one scale after the other, oldest first.

    Attributes:
        bar: Their bars, shape ``(DEEPEST, n)``: each one's own, that of the one before it, and so
            on. What is before the first ones of a scale is not theirs; `place` tells.
        price: Prices likewise, turned over where the newest of the column is a low.
        known: Bars at which they were known, shape ``(n,)``.
        place: How many of their scale are before them.
        is_high: Whether they are highs.
        atr: The ATR when they were known.
        room: How far numbers computed otherwise may be off, in price.
        ends: How many there are up to the end of each scale.
    """

    bar: Numbers
    price: Floats
    known: Numbers
    place: Numbers
    is_high: Flags
    atr: Floats
    room: float
    ends: list[int]

    def __len__(self) -> int:
        return len(self.known)

    def scale_of(self, number: int) -> int:
        """Return the number of a point's scale."""
        return next(scale for scale, end in enumerate(self.ends) if number < end)


def points_of(scales: Sequence[Turns], whole: Whole) -> Points:
    """Return the turning points of all scales."""
    counts = [len(turns) for turns in scales]
    place = np.concatenate([np.arange(count) for count in counts])
    is_high = (place + np.repeat([turns.is_high for turns in scales], counts)) % 2 == 1
    at = np.concatenate([np.array(turns.at, np.intp) for turns in scales])
    known = np.concatenate([np.array(turns.known, np.intp) for turns in scales])
    price = np.concatenate([np.array(turns.price) for turns in scales])
    before = np.maximum(np.arange(len(at)) - np.arange(DEEPEST)[:, np.newaxis], 0)
    return Points(
        bar=at[before],
        price=price[before] * np.where(is_high, 1.0, -1.0),
        known=known,
        place=place,
        is_high=is_high,
        atr=whole.all_atrs[known],
        room=ROOM * whole.largest,
        ends=np.cumsum(counts).tolist(),
    )
