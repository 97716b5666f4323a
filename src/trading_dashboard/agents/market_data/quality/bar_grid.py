"""When bars of an interval may begin, and which ones there should be.

Owns alignment and expectation by an exchange's sessions: bars shorter than a day are counted from
the session's open and again from the end of its pause, and the last one before a close may be
short. Opens and closes are in UTC, so half days and daylight saving need no care here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trading_dashboard.agents.market_data.records import MICROSECONDS, Flags, Integers
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.models.market import INTERVALS

DAY_US = 86_400 * MICROSECONDS
MAX_EXPECTED = 5_000_000
_UNITS = {"s": 1, "m": 60, "h": 3600}
_LONG: dict[str, Literal["day", "week", "month"]] = {"1d": "day", "1w": "week", "1M": "month"}
_EVENTS = re.compile(r"[1-9]\d{0,14}[tvd]")


@dataclass(frozen=True, slots=True)
class Cadence:
    """How bars of an interval follow each other; `width` in microseconds, 0 where it varies.

    ``event`` bars end after so many ticks, so much volume or turnover.
    """

    kind: Literal["time", "day", "week", "month", "event"]
    width: int = 0


def cadence_of(interval: str) -> Cadence | None:
    """Return how an interval's bars follow each other, None if there is no such interval."""
    if interval in _LONG:
        return Cadence(_LONG[interval])
    if interval in INTERVALS:
        return Cadence("time", int(interval[:-1]) * _UNITS[interval[-1]] * MICROSECONDS)
    return Cadence("event") if _EVENTS.fullmatch(interval) else None


def day_of(start: Integers, cadence: Cadence, sessions: Sessions | None) -> Integers:
    """Return int64[n]: the session's date of each bar, in days since 1970."""
    if cadence.kind in _LONG.values() or sessions is None or not len(sessions):
        return start // DAY_US
    # Before the open, as in extended hours, a bar belongs to the session that follows.
    following = np.searchsorted(sessions.close_at, start, side="right")
    found: Integers = sessions.day[np.minimum(following, len(sessions) - 1)]
    return found


def placed(start: Integers, cadence: Cadence, sessions: Sessions) -> tuple[Flags, Flags]:
    """Return bool[n] twice: the exchange was closed then, and no bar begins then.

    Beyond the calendar's ends neither is said.
    """
    if cadence.kind in _LONG.values():
        return _placed_days(start, cadence, sessions)
    place = sessions.index_at(start)
    known = (start >= sessions.open_at[0]) & (start < sessions.close_at[-1])
    inside = np.maximum(place, 0)
    begin = sessions.open_at[inside]
    resumed = sessions.break_end[inside]
    begin = np.where((resumed > 0) & (start >= resumed), resumed, begin)
    is_open = place >= 0
    off = np.zeros(len(start), dtype=np.bool_)
    if cadence.width:
        off = is_open & ((start - begin) % cadence.width != 0)
    return known & ~is_open, off


def near_sessions(start: Integers, sessions: Sessions, before: int, after: int) -> Flags:
    """Return bool[n]: the time is so little before an open or after a close (microseconds)."""
    following = np.searchsorted(sessions.open_at, start, side="right")
    opens = sessions.open_at[np.minimum(following, len(sessions) - 1)]
    closed = sessions.close_at[np.maximum(following - 1, 0)]
    is_before = (following < len(sessions)) & (opens - start <= before)
    return is_before | ((following > 0) & (start >= closed) & (start - closed < after))


def expected(
    cadence: Cadence, sessions: Sessions, start: int, end: int
) -> tuple[Integers, Integers]:
    """Return when the bars begin that should be there, and when each has ended.

    Args:
        cadence: No event bars: nobody knows when one is due.
        sessions: What the exchange does.
        start: Bars that begin earlier are left out.
        end: Bars that have not ended by then are left out, too.

    Raises:
        ValueError: Event bars, or more than `MAX_EXPECTED`.
    """
    if cadence.kind == "event":
        raise ValueError("event bars are not expected at any time")
    if cadence.kind != "time":
        starts, ends = _expected_days(cadence, sessions)
    else:
        starts, ends = _expected_times(cadence, sessions, start, end)
    part = (starts >= start) & (ends <= end)
    return starts[part], ends[part]


def group_of(day: Integers, cadence: Cadence) -> Integers:
    """Return int64[n]: equal for days that share a bar."""
    if cadence.kind == "week":
        return (day + 3) // 7  # 1970-01-01 was a Thursday
    if cadence.kind == "month":
        return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return day


def _placed_days(start: Integers, cadence: Cadence, sessions: Sessions) -> tuple[Flags, Flags]:
    day, off = start // DAY_US, start % DAY_US != 0
    known = (day >= sessions.day[0]) & (day <= sessions.day[-1])
    groups, firsts = np.unique(group_of(sessions.day, cadence), return_index=True)
    wanted = group_of(day, cadence)
    place = np.minimum(np.searchsorted(groups, wanted), len(groups) - 1)
    exists = groups[place] == wanted
    # Some say Monday, some the week's first session: both are the week.
    off |= exists & (day > sessions.day[firsts[place]])
    return known & ~exists, off


def _expected_days(cadence: Cadence, sessions: Sessions) -> tuple[Integers, Integers]:
    groups = group_of(sessions.day, cadence)
    is_first = np.ones(len(groups), dtype=np.bool_)
    is_first[1:] = groups[1:] != groups[:-1]
    firsts = np.flatnonzero(is_first)
    lasts = np.append(firsts[1:], len(groups)) - 1
    return sessions.day[firsts] * DAY_US, sessions.close_at[lasts]


def _expected_times(
    cadence: Cadence, sessions: Sessions, start: int, end: int
) -> tuple[Integers, Integers]:
    part = (sessions.close_at > start) & (sessions.open_at < end)
    begin, close = sessions.open_at[part], sessions.close_at[part]
    pause, resume = sessions.break_start[part], sessions.break_end[part]
    has_break = pause > 0
    begins = np.concatenate((begin, resume[has_break]))
    closes = np.concatenate((np.where(has_break, pause, close), close[has_break]))
    order = np.argsort(begins, kind="stable")
    begins, closes = begins[order], closes[order]
    counts = -(-(closes - begins) // cadence.width)
    total = int(counts.sum())
    if total > MAX_EXPECTED:
        raise ValueError(f"{total} bars are more than {MAX_EXPECTED}")
    firsts = np.cumsum(counts) - counts
    rank = np.arange(total) - np.repeat(firsts, counts)
    starts = np.repeat(begins, counts) + rank * cadence.width
    return starts, np.minimum(starts + cadence.width, np.repeat(closes, counts))
