"""The sessions of an exchange, as arrays: when it opens, closes and rests.

Owns the shape that bars, gaps, scores and the calendar route share. Where sessions come from is
`calendars`; there are regular sessions only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from trading_dashboard.agents.market_data.records import Integers

ALWAYS_OPEN = "24/7"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Sessions of one calendar, oldest first; times in microseconds since 1970 UTC.

    Attributes:
        day: int64[n], the session's date in days since 1970.
        open_at, close_at: int64[n].
        break_start, break_end: int64[n], the pause within the session; both 0 where there is none.
    """

    calendar: str
    time_zone: str
    day: Integers
    open_at: Integers
    close_at: Integers
    break_start: Integers
    break_end: Integers

    def __len__(self) -> int:
        return len(self.day)

    def index_at(self, at: Integers) -> Integers:
        """Return int64[n]: the session that is open at each time, -1 where none is."""
        found = np.searchsorted(self.open_at, at, side="right") - 1
        inside = np.maximum(found, 0)
        is_open = (found >= 0) & (at < self.close_at[inside])
        is_open &= ~((at >= self.break_start[inside]) & (at < self.break_end[inside]))
        return np.where(is_open, found, -1)


class Calendars(Protocol):
    """Anything that knows calendars; the real one asks exchange_calendars off the event loop."""

    def sessions(self, calendar: str) -> Sessions:
        """Return a calendar's sessions, blocking the first time. Raises `UnknownCalendar`."""
