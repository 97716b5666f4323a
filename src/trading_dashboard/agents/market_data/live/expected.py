"""Which bars there should be: the starts of all bars of an interval within an exchange's sessions.

Owns the arithmetic only, on arrays. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

import numpy as np

from trading_dashboard.agents.market_data.records import MICROSECONDS, Integers
from trading_dashboard.agents.market_data.sessions import Sessions

DAY = 86_400 * MICROSECONDS
WIDTHS = {
    "1s": 1, "5s": 5, "15s": 15, "30s": 30, "1m": 60, "2m": 120, "5m": 300, "15m": 900,
    "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14_400,
}  # fmt: skip
"""Seconds of the intervals within a day."""
MAX_BARS = 2_000_000

TimeRange = tuple[int, int]


def open_stretches(sessions: Sessions, start: int, end: int) -> list[TimeRange]:
    """Return the parts of [start, end) in which the exchange trades."""
    first = int(np.searchsorted(sessions.close_at, start, side="right"))
    last = int(np.searchsorted(sessions.open_at, end, side="left"))
    found = []
    for index in range(first, last):
        opens, closes = int(sessions.open_at[index]), int(sessions.close_at[index])
        pause, resumes = int(sessions.break_start[index]), int(sessions.break_end[index])
        parts = [(opens, pause), (resumes, closes)] if pause else [(opens, closes)]
        for begins, ends in parts:
            if max(begins, start) < min(ends, end):
                found.append((max(begins, start), min(ends, end)))
    return found


def expected_starts(sessions: Sessions, interval: str, start: int, end: int) -> Integers:
    """Return int64[n]: when the bars open that open in [start, end), oldest first.

    Of days the midnight of each session; none of weeks, months and bars of other kinds.
    """
    if interval == "1d":
        days = sessions.day * DAY
        return np.asarray(days[(days >= start) & (days < end)], dtype=np.int64)
    width = WIDTHS.get(interval, 0) * MICROSECONDS
    if not width or (end - start) // width > MAX_BARS:
        return np.array([], dtype=np.int64)
    found = []
    for index in _touched(sessions, start, end):
        opens, closes = int(sessions.open_at[index]), int(sessions.close_at[index])
        starts = np.arange(opens, closes, width, dtype=np.int64)
        pause, resumes = int(sessions.break_start[index]), int(sessions.break_end[index])
        if pause:
            # A bar that the pause cuts into still trades; one within it does not.
            starts = starts[(starts < pause) | (starts + width > resumes)]
        found.append(starts[(starts >= start) & (starts < end)])
    return np.concatenate(found) if found else np.array([], dtype=np.int64)


def _touched(sessions: Sessions, start: int, end: int) -> range:
    first = int(np.searchsorted(sessions.close_at, start, side="right"))
    return range(first, int(np.searchsorted(sessions.open_at, end, side="left")))
