"""The replay's time axis: exchange sessions laid end to end, one position per market second.

Owns the arithmetic between positions, sessions and UTC times. A *position* is seconds of trading
since the first session's open; closed hours do not exist on it. Position ``starts[k]`` is the open
of session ``k``, which is also the instant session ``k - 1`` has closed: the replay never rests
between the two. Opens and closes come from the exchange calendar in UTC, so daylight saving and
half days need no care here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day: its date and its open and close in seconds since 1970 UTC."""

    day: date
    open_at: int
    close_at: int

    @property
    def seconds(self) -> int:
        """Return the length of trading: 23,400 on a full day of XNYS."""
        return self.close_at - self.open_at


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment of the market clock; everything served is computed for one of these.

    Attributes:
        position: Market seconds since the first open.
        session: Index of the session in progress (or of the last one, when finished).
        offset: Seconds since its open; its whole length when finished.
        now: Seconds since 1970, UTC.
        finished: The last session has closed.
    """

    position: float
    session: int
    offset: float
    now: float
    finished: bool

    @property
    def last_closed(self) -> int:
        """Return the index of the newest session that has closed, -1 if there is none."""
        return self.session if self.finished else self.session - 1


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch within one session, from after `start` to `end` seconds since its open.

    `is_entered`: the stretch begins with the open, and the opening second belongs to it.
    """

    session: int
    start: float
    end: float
    is_entered: bool
    ends_session: bool


class Timeline:
    """Sessions in order; the last one given only tells what follows the data."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        if len(sessions) < 2:
            raise ValueError(f"a timeline needs two sessions or more, got {len(sessions)}")
        self.sessions = tuple(sessions[:-1])
        self.following = sessions[-1].day
        self._days = [session.day for session in self.sessions]
        self._starts = [0]
        for session in self.sessions:
            self._starts.append(self._starts[-1] + session.seconds)

    def __len__(self) -> int:
        return len(self.sessions)

    @property
    def total(self) -> int:
        """Return the position of the last close: where the replay ends."""
        return self._starts[-1]

    def start_of(self, index: int) -> int:
        """Return the position of the session's open."""
        return self._starts[index]

    def at(self, position: float) -> Instant:
        """Return the moment at `position`, which is held within the data."""
        position = min(max(position, 0.0), float(self.total))
        finished = position >= self.total
        index = len(self) - 1 if finished else bisect_right(self._starts, position) - 1
        offset = position - self._starts[index]
        return Instant(position, index, offset, self.sessions[index].open_at + offset, finished)

    def position_of(self, moment: datetime) -> float:
        """Return the position of a UTC time; closed hours count as the next open."""
        seconds = moment.timestamp()
        index = bisect_right(self.sessions, seconds, key=lambda session: session.open_at) - 1
        if index < 0:
            return 0.0
        into = min(seconds - self.sessions[index].open_at, self.sessions[index].seconds)
        return self._starts[index] + into

    def index_from(self, day: date) -> int:
        """Return the index of the first session on or after `day` (may equal the length)."""
        return bisect_left(self._days, day)

    def day_after(self, index: int) -> date:
        """Return the date of the session that follows, also of the last one."""
        return self._days[index + 1] if index + 1 < len(self) else self.following

    def segments(self, start: float, end: float) -> Iterator[Segment]:
        """Yield the stretches after `start` up to and including `end`, one per session touched."""
        end = min(end, float(self.total))
        is_entered = False
        while start < end:
            instant = self.at(start)
            first = self._starts[instant.session]
            session_end = self._starts[instant.session + 1]
            until = min(end, session_end)
            ends = until >= session_end
            yield Segment(instant.session, instant.offset, until - first, is_entered, ends)
            start, is_entered = until, ends
        # On the boundary itself one session has closed and the next one's first second has begun.
        if is_entered and end < self.total:
            yield Segment(self.at(end).session, 0.0, 0.0, is_entered=True, ends_session=False)


def utc(seconds: float) -> datetime:
    """Return an aware UTC time."""
    return datetime.fromtimestamp(seconds, UTC)


@lru_cache(maxsize=64)
def _day_text(day_number: int) -> str:
    return (EPOCH + timedelta(days=day_number)).isoformat()


def iso(seconds: float) -> str:
    """Return a UTC time as text with a trailing Z, cut (never rounded up) to milliseconds."""
    millis = int(seconds * 1000)
    whole, millis = divmod(millis, 1000)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    fraction = f".{millis:03}" if millis else ""
    return f"{_day_text(days)}T{hours:02}:{minutes:02}:{rest:02}{fraction}Z"
