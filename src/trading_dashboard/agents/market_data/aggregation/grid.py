"""Where bars begin and end: the sessions of an exchange cut into intervals.

Owns the alignment. Bars shorter than a day are counted from the session's open, and again from the
end of its pause; the last one before the pause or the close ends with it, however short. Longer
ones hold whole sessions. A calendar that never closes has sessions from midnight to midnight UTC,
so its bars are aligned to UTC. Opens and closes are in UTC: daylight saving needs no care here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trading_dashboard.agents.market_data.aggregation.intervals import DAILY, SECONDS, group_keys
from trading_dashboard.agents.market_data.records import MICROSECONDS, Integers
from trading_dashboard.agents.market_data.sessions import Sessions

DAY = 86_400 * MICROSECONDS


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bars by interval and moment; each int64[intervals, n], microseconds.

    Attributes:
        begin, end: The stretch [begin, end) a bar covers; of long bars with the nights between.
        label: What the bar is stored and shown under: its beginning, or midnight UTC of the
            (first) session's date for days and longer.
    """

    begin: Integers
    end: Integers
    label: Integers


class Grid:
    """One calendar's sessions and the intervals to cut them into, shortest first."""

    def __init__(self, sessions: Sessions, intervals: Sequence[str]) -> None:
        self.sessions = sessions
        widths = [SECONDS[interval] * MICROSECONDS for interval in intervals if interval in SECONDS]
        self._widths: Integers = np.array(widths, dtype=np.int64)[:, None]
        self._long = [
            _spans(sessions, interval) for interval in intervals if interval in DAILY
        ]  # fmt: skip

    def place(self, at: Integers, after_close: int = 0) -> tuple[Integers, Integers]:
        """Return the session of each time, -1 outside, and the time it counts as.

        A time up to `after_close` microseconds past a close, while nothing else is open, counts as
        the session's last microsecond.
        """
        sessions = self.sessions
        if not len(sessions):
            return np.full(len(at), -1, dtype=np.int64), at
        found = sessions.index_at(at)
        if after_close and (found < 0).any():
            before = np.searchsorted(sessions.close_at, at, side="right") - 1
            close = sessions.close_at[np.maximum(before, 0)]
            is_after = (found < 0) & (before >= 0) & (at < close + after_close)
            return np.where(is_after, before, found), np.where(is_after, close - 1, at)
        return found, at

    def bounds(self, at: Integers, session: Integers) -> Bounds:
        """Return the bars that times within sessions belong to."""
        sessions = self.sessions
        begin, end = sessions.open_at[session], sessions.close_at[session]
        has_pause = sessions.break_end[session] > 0
        if has_pause.any():
            resumed = sessions.break_end[session]
            is_second = has_pause & (at >= resumed)
            end = np.where(has_pause & ~is_second, sessions.break_start[session], end)
            begin = np.where(is_second, resumed, begin)
        starts = begin + (at - begin) // self._widths * self._widths
        ends = np.minimum(starts + self._widths, end)
        if not self._long:
            return Bounds(starts, ends, starts)
        first, last, label = (
            np.stack([spans[i][session] for spans in self._long]) for i in range(3)
        )
        return Bounds(
            np.concatenate((starts, first)),
            np.concatenate((ends, last)),
            np.concatenate((starts, label)),
        )

    def begin_of(self, interval: str, label: Integers) -> tuple[Integers, Integers]:
        """Return when stored bars really began, and their (first) sessions, -1 where unknown."""
        if interval in SECONDS:
            return label, self.place(label)[0]
        day = label // DAY
        found = np.searchsorted(self.sessions.day, day)
        inside = np.minimum(found, len(self.sessions) - 1)
        session = np.where(self.sessions.day[inside] == day, inside, -1)
        return self.sessions.open_at[inside], session


def _spans(sessions: Sessions, interval: str) -> tuple[Integers, Integers, Integers]:
    """Return begin, end and label of the long bar that each session belongs to."""
    if not len(sessions):
        return sessions.open_at, sessions.close_at, sessions.day
    keys = group_keys(sessions.day, interval)
    is_first = np.diff(keys, prepend=keys[0] - 1) != 0
    group = np.cumsum(is_first) - 1
    firsts = np.flatnonzero(is_first)
    lasts = np.append(firsts[1:], len(keys)) - 1
    return (
        sessions.open_at[firsts][group],
        sessions.close_at[lasts][group],
        sessions.day[firsts][group] * DAY,
    )
