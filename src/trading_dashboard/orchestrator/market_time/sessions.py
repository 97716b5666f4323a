"""The sessions of one exchange calendar, and arithmetic in its market time. Pure.

All times are seconds since 1970-01-01 UTC. A session is open from its open up to, not including,
its close; its break, where the exchange has one, does not count. Where the sessions come from is
`calendars`'.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trading_dashboard.models.market_offsets import Offset


@dataclass(frozen=True, slots=True)
class Session:
    """One trading session; `break_start` and `break_end` are None without a break."""

    open: int
    close: int
    break_start: int | None = None
    break_end: int | None = None

    def spans(self) -> Iterator[tuple[int, int]]:
        """Yield the (start, end) in which the exchange trades."""
        if self.break_start is None or self.break_end is None:
            yield self.open, self.close
        else:
            yield self.open, self.break_start
            yield self.break_end, self.close

    def moment(self, offset: Offset) -> int:
        """Return when the offset comes in this session."""
        return (self.open if offset.anchor == "open" else self.close) + offset.seconds


class Sessions:
    """All sessions of a calendar between two moments."""

    def __init__(self, calendar: str, since: int, until: int, sessions: Sequence[Session]) -> None:
        """Take sessions in their order.

        Args:
            calendar: Its name.
            since: From when on all sessions are known.
            until: Up to when.
            sessions: In order, not overlapping.

        Raises:
            ValueError: They are not in order.
        """
        self.calendar = calendar
        self.since = since
        self.until = until
        self.sessions = tuple(sessions)
        spans = [span for session in self.sessions for span in session.spans()]
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]
        self._passed = [0]
        """Market seconds before each span."""
        last = since
        for start, end in spans:
            if not last <= start < end <= until:
                raise ValueError(f"the sessions of {calendar} are not in order at {start}")
            self._passed.append(self._passed[-1] + end - start)
            last = end
        self._opens = [session.open for session in self.sessions]
        self._closes = [session.close for session in self.sessions]

    def covers(self, at: float) -> bool:
        """Return whether all sessions around that moment are known."""
        return self.since <= at < self.until

    def is_open(self, at: float) -> bool:
        """Return whether the exchange trades at that moment."""
        index = bisect_right(self._starts, at) - 1
        return index >= 0 and at < self._ends[index]

    def market_seconds(self, since: float, until: float) -> float:
        """Return how long the exchange traded between two moments; 0 if they are reversed.

        Time before `self.since` is not counted, so for an older moment it is the least it can be.
        """
        return max(self._before(until) - self._before(since), 0.0)

    def next_session(self, after: float) -> Session | None:
        """Return the first session that opens later than that, if it is known."""
        index = bisect_right(self._opens, after)
        return self.sessions[index] if index < len(self.sessions) else None

    def last_close(self, at: float) -> int | None:
        """Return the latest close that is not later than that, if it is known."""
        index = bisect_right(self._closes, at) - 1
        return self._closes[index] if index >= 0 else None

    def next_moment(self, offset: Offset, after: float) -> int | None:
        """Return when the offset comes first, later than `after`, if that is known."""
        moments = self._opens if offset.anchor == "open" else self._closes
        index = bisect_right(moments, after - offset.seconds)
        return moments[index] + offset.seconds if index < len(moments) else None

    def last_moment(self, offset: Offset, at: float) -> int | None:
        """Return when the offset came last, not later than `at`, if that is known."""
        moments = self._opens if offset.anchor == "open" else self._closes
        index = bisect_right(moments, at - offset.seconds) - 1
        return moments[index] + offset.seconds if index >= 0 else None

    def around(self, at: float, seconds: float) -> Sequence[Session]:
        """Return the sessions that touch the time from `at - seconds` to `at + seconds`."""
        first = bisect_left(self._closes, at - seconds)
        last = bisect_right(self._opens, at + seconds)
        return self.sessions[first:last]

    def _before(self, at: float) -> float:
        """Return the market seconds from `self.since` to a moment."""
        index = bisect_right(self._starts, at) - 1
        if index < 0:
            return 0.0
        return self._passed[index] + min(at, self._ends[index]) - self._starts[index]
