"""The market clock of a replay.

Owns the position and its pace. Knows no event loop and starts nothing; time comes from the
`monotonic` it is given. The rule that makes a killed process safe: the clock never passes the
position that is on record. `renew` puts a position slightly ahead on record; until then the clock
stands still there. So a restart, which begins at the record, can never fall behind anything that
was served, and skips at most `RESERVE_SECONDS` of wall time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from trading_dashboard.agents.market_data.demo.dataset import CALENDAR, TIME_ZONE
from trading_dashboard.agents.market_data.demo.journal import ReplayRecord
from trading_dashboard.agents.market_data.demo.timeline import Instant, Timeline, utc
from trading_dashboard.models.market import MAX_REPLAY_SPEED, ClockState, MarketPhase

RESERVE_SECONDS = 1.0
RENEW_SECONDS = 0.5


class Journal(Protocol):
    """What the clock needs of `PositionJournal`."""

    def write(self, record: ReplayRecord) -> None:
        """Put a record on file; raise OSError if that fails."""


class ReplayClock:
    """A replay's clock: runs at a speed, can be paused and set, stops at the end of the data."""

    def __init__(
        self,
        timeline: Timeline,
        journal: Journal,
        *,
        position: float,
        speed: float,
        configured: str,
        paused: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.timeline = timeline
        self._journal = journal
        self._configured = configured
        self._monotonic = monotonic
        self._speed = speed
        self._paused = paused
        self._anchor = position
        self._anchored_at = monotonic()
        self._reserved = position
        self._held_since: float | None = None

    def set(
        self,
        *,
        position: float | None = None,
        speed: float | None = None,
        paused: bool | None = None,
    ) -> None:
        """Change position, speed or pause; on record (unsynced) before it takes effect.

        Raises:
            OSError: It could not be recorded; nothing has changed.
        """
        at = self.position() if position is None else position
        new_speed = self._speed if speed is None else speed
        new_paused = self._paused if paused is None else paused
        ahead = 0.0 if new_paused else new_speed * RESERVE_SECONDS
        reserved = self._record(at + ahead, new_speed, new_paused)
        self._speed, self._paused = new_speed, new_paused
        self._anchor, self._anchored_at, self._reserved = at, self._monotonic(), reserved
        self._held_since = None

    def renew(self) -> None:
        """Put the position a little ahead on record, so that the clock may go on.

        Raises:
            OSError: It could not be recorded; the clock stops at the last record.
        """
        if self.is_moving:
            ahead = self.position() + self._speed * RESERVE_SECONDS
            self._reserved = self._record(ahead, self._speed, self._paused)
            self._held_since = None

    def settle(self) -> None:
        """Put the exact position on record and stop there: the last act before a clean exit."""
        position = self.position()
        self._record(position, self._speed, self._paused)
        self._anchor = self._reserved = position

    @property
    def speed(self) -> float:
        """Return market seconds per wall second."""
        return self._speed

    @property
    def is_moving(self) -> bool:
        """Return whether time passes: not paused and not at the end."""
        return not self._paused and self.position() < self.timeline.total

    def position(self) -> float:
        """Return the position now."""
        if self._paused:
            return self._anchor
        now = self._monotonic()
        position = self._anchor + (now - self._anchored_at) * self._speed
        if position >= self._reserved:
            # Stand still at the record; time spent waiting for its renewal is not made up for.
            position = self._reserved
            self._anchor, self._anchored_at = position, now
            if self._held_since is None:
                self._held_since = now
        return position

    def overdue_seconds(self) -> float:
        """Return how many market seconds are missing because the record was not renewed.

        0 while the clock runs, and when it is paused or at the end.
        """
        if not self.is_moving or self._held_since is None:
            return 0.0
        return (self._monotonic() - self._held_since) * self._speed

    def instant(self) -> Instant:
        """Return the market's moment now."""
        return self.timeline.at(self.position())

    def state(self, instant: Instant | None = None) -> ClockState:
        """Return what `/clock` says."""
        instant = instant or self.instant()
        timeline = self.timeline
        session = timeline.sessions[instant.session]
        follows = instant.session + 1 < len(timeline)
        next_open = timeline.sessions[instant.session + 1].open_at if follows else None
        return ClockState(
            now=utc(instant.now),
            replay=True,
            speed=self._speed,
            paused=self._paused,
            finished=instant.finished,
            calendar=CALENDAR,
            time_zone=TIME_ZONE,
            market=MarketPhase.CLOSED if instant.finished else MarketPhase.OPEN,
            session=session.day,
            next_open=None if next_open is None else utc(next_open),
            next_close=None if instant.finished else utc(session.close_at),
            start=self.first_instant(),
            end=self.last_instant(),
            max_speed=MAX_REPLAY_SPEED,
        )

    def first_instant(self) -> datetime:
        """Return the first moment the clock can be set to: the second session's open."""
        return utc(self.timeline.sessions[1].open_at)

    def last_instant(self) -> datetime:
        """Return the last close of the data."""
        return utc(self.timeline.sessions[-1].close_at)

    def _record(self, position: float, speed: float, paused: bool) -> float:
        instant = self.timeline.at(position)
        self._journal.write(
            ReplayRecord(
                session=self.timeline.sessions[instant.session].day.isoformat(),
                offset=instant.offset,
                speed=speed,
                paused=paused,
                configured=self._configured,
            )
        )
        return instant.position
