"""The windows of history that are told by name, and finding them in the data that are loaded.

A window runs from the close before it to its last close, both included. It is found where the data
reach from the one to the other; nothing later than the data's end is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]

NEAR_DAYS = 5
"""Days a close may be older than wanted: a long weekend."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of history.

    Attributes:
        id: Stable.
        name: For people.
        start: The last close before it.
        end: Its last close.
        what: What happened.
    """

    id: str
    name: str
    start: date
    end: date
    what: str


WINDOWS = (
    Window(
        "fall_2000_2002",
        "The fall of 2000 to 2002",
        date(2000, 3, 24),
        date(2002, 10, 9),
        "from the high of the S&P 500 to its low after the technology boom",
    ),
    Window(
        "autumn_2008",
        "Autumn 2008",
        date(2008, 9, 12),
        date(2008, 11, 20),
        "from the last close before Lehman Brothers failed to the low of that year",
    ),
    Window(
        "may_2010",
        "May 2010",
        date(2010, 4, 30),
        date(2010, 5, 28),
        "the month of the flash crash",
    ),
    Window(
        "flash_crash_2010",
        "6 May 2010",
        date(2010, 5, 5),
        date(2010, 5, 6),
        "the day of the flash crash, from close to close; the lows in between were deeper",
    ),
)


def find(window: Window, dates: Days) -> tuple[int, int] | None:
    """Return the first and the last row of a window; None if the data do not reach over it.

    Args:
        window: Which.
        dates: Of the data, rising, shape ``(T,)``.
    """
    start, end = (np.datetime64(day, "D") for day in (window.start, window.end))
    rows = [int(np.searchsorted(dates, day, side="right")) - 1 for day in (start, end)]
    if rows[0] < 0 or start - dates[rows[0]] > np.timedelta64(NEAR_DAYS, "D"):
        return None
    # A close on the last day or a later one: without it the window is not over yet.
    if dates[-1] < end or rows[1] <= rows[0]:
        return None
    return rows[0], rows[1]
