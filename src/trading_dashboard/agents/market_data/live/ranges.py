"""From a question's days to a stretch of time, by the sessions of the symbol's exchange.

Owns which microseconds a question is about, and how far back the newest bars of a kind reach.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np

from trading_dashboard.agents.market_data.live.clock import EPOCH
from trading_dashboard.agents.market_data.records import MICROSECONDS, Integers
from trading_dashboard.agents.market_data.sessions import Sessions

SECONDS = {
    "1s": 1, "5s": 5, "15s": 15, "30s": 30,
    "1m": 60, "2m": 120, "5m": 300, "15m": 900, "30m": 1800,
    "1h": 3600, "2h": 7200, "4h": 14_400,
}  # fmt: skip
"""Length of the intervals shorter than a day."""
DAYS = {"1d": 1, "1w": 7, "1M": 31}
DAY = 86_400 * MICROSECONDS


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The time [start, end), microseconds since 1970 UTC."""

    start: int
    end: int


def stretch_of(
    sessions: Sessions, interval: str, first: date | None, last: date | None, now: int
) -> TimeRange:
    """Return the stretch in which the bars of the days `first` to `last` open, none after `now`.

    A week or month that the days touch is whole.
    """
    start = 0 if first is None else (first - EPOCH).days
    end = now // DAY + 1 if last is None else (last - EPOCH).days + 1
    if interval in DAYS:
        return TimeRange(first_day(start, interval) * DAY, min(end * DAY, now))
    at = int(np.searchsorted(sessions.day, start))
    after = int(np.searchsorted(sessions.day, end))
    begin = int(sessions.open_at[at]) if at < len(sessions) else now
    finish = int(sessions.close_at[after - 1]) if after else begin
    return TimeRange(min(begin, now), min(max(finish, begin), now))


def reach(sessions: Sessions, interval: str, count: int, end: int) -> int:
    """Return from when on at least `count` bars open before `end`, were there no gaps."""
    if interval in DAYS:
        return first_day(end // DAY - int(count * DAYS[interval] * 1.6) - 10, interval) * DAY
    at = int(np.searchsorted(sessions.open_at, end, side="right"))
    width = SECONDS[interval] * MICROSECONDS
    found = 0
    while at > 0 and found < count + 1:
        at -= 1
        length = min(int(sessions.close_at[at]), end) - int(sessions.open_at[at])
        length -= int(sessions.break_end[at]) - int(sessions.break_start[at])
        found += math.ceil(max(length, 0) / width)
    return int(sessions.open_at[at]) if len(sessions) else end


def ends(start: Integers, interval: str, sessions: Sessions) -> Integers:
    """Return int64[n]: when bars that open at `start` are complete, with the session at last."""
    if interval in DAYS:
        after = np.array([_next(int(at // DAY), interval) for at in start], dtype=np.int64)
        last = np.searchsorted(sessions.day, after) - 1
        known = last >= 0
        close = sessions.close_at[np.maximum(last, 0)] if len(sessions) else after * DAY
        # Where the calendar has no session, a day is over when it is over everywhere.
        return np.where(known & (close > start), close, after * DAY)
    end = start + SECONDS[interval] * MICROSECONDS
    if not len(sessions):
        return end
    index = np.searchsorted(sessions.open_at, start, side="right") - 1
    close = sessions.close_at[np.maximum(index, 0)]
    return np.where((index >= 0) & (close > start), np.minimum(end, close), end)


def _next(day: int, interval: str) -> int:
    """Return the first day after the day, week or month that a day is in."""
    if interval == "1w":
        return first_day(day, interval) + 7
    if interval == "1M":
        month = np.datetime64(day, "D").astype("datetime64[M]") + 1
        return int(month.astype("datetime64[D]").astype(np.int64))
    return day + 1


def first_day(day: int, interval: str) -> int:
    """Return the first day of the week or month that a day is in."""
    if interval == "1w":
        return day - (day + 3) % 7  # 1970-01-01 was a Thursday
    if interval == "1M":
        month = np.datetime64(day, "D").astype("datetime64[M]")
        return int(month.astype("datetime64[D]").astype(np.int64))
    return day
