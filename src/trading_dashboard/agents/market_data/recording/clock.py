"""The market clock of a recording that is played.

Owns position and pace. It never passes what has not been handed over yet (`hold_at`), so nothing
later than it is ever known; while the source was silent it goes on, as it did then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from trading_dashboard.agents.market_data.live.clock import LiveClock
from trading_dashboard.agents.market_data.records import MICROSECONDS
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.streaming.live_state import iso_micros
from trading_dashboard.models.errors import InvalidRange
from trading_dashboard.models.market import (
    AS_FAST_AS_POSSIBLE,
    MAX_REPLAY_SPEED,
    MIN_REPLAY_SPEED,
)

CLOSED_MICROS = 60 * MICROSECONDS
"""Closed hours longer than this are skipped, if nothing was heard in them."""
MAX_LAG_SECONDS = 1.0
"""Wall time it makes up for when it was held."""


class PlayerClock:
    """Runs from the first to the last moment of a recording; can be paused and set."""

    def __init__(
        self,
        first: int,
        last: int,
        *,
        speed: float = 1.0,
        paused: bool = False,
        calendar: str = "24/7",
        time_zone: str = "UTC",
        sessions: Sessions | None = None,
        recording: str = "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a clock at the beginning.

        Args:
            first: Microseconds since 1970 UTC.
            last: Where it stops.
            speed: Market seconds per wall second, or `AS_FAST_AS_POSSIBLE`.
            paused: Whether it waits to be told to go.
            calendar: Shown beside the time.
            time_zone: Shown beside the time.
            sessions: Of the calendar; without them the market counts as open.
            recording: What is played, in words.
            monotonic: The wall clock.

        Raises:
            InvalidRange: The speed is none.
        """
        _check_speed(speed)
        self.first = first
        self.last = last
        self._speed = speed
        self._paused = paused
        self._about: dict[str, Any] = {"calendar": calendar, "time_zone": time_zone}
        self._sessions = sessions
        self._recording = recording
        self._monotonic = monotonic
        self._anchor = first
        self._anchored_at = monotonic()
        self._hold_at = first

    def set(
        self,
        *,
        position: int | None = None,
        speed: float | None = None,
        paused: bool | None = None,
    ) -> None:
        """Change position, speed or pause. Raises `InvalidRange`."""
        at = self.now() if position is None else position
        if not self.first <= at <= self.last:
            raise InvalidRange(
                "now is outside the recording.",
                subject="now",
                observed=iso_micros(at),
                next_step=f"Use a time from {iso_micros(self.first)} to {iso_micros(self.last)}.",
            )
        if speed is not None:
            _check_speed(speed)
            self._speed = speed
        self._paused = self._paused if paused is None else paused
        if position is not None:
            self._hold_at = at
        self._go_on_from(at)

    def hold_at(self, at: int) -> None:
        """Go no further than this, where the next thing is heard."""
        if self._flowed() - self._hold_at > MAX_LAG_SECONDS * self._speed * MICROSECONDS:
            # The computer slept, or whoever listens is slow: what was lost is not hurried after.
            self._go_on_from(self.now())
        self._hold_at = at

    def reach(self, at: int) -> None:
        """Be there: what is heard then is handed over now."""
        self._hold_at = max(at, self._hold_at)
        if self._speed >= AS_FAST_AS_POSSIBLE:
            self._go_on_from(max(at, self._anchor))

    @property
    def speed(self) -> float:
        """Return market seconds per wall second."""
        return self._speed

    @property
    def is_paused(self) -> bool:
        """Return whether it waits to be told to go on."""
        return self._paused

    @property
    def is_finished(self) -> bool:
        """Return whether all has been played."""
        return self.now() >= self.last

    def now(self) -> int:
        """Return market time in microseconds since 1970 UTC."""
        if self._paused or self._speed >= AS_FAST_AS_POSSIBLE:
            return self._anchor
        return min(self._flowed(), max(self._hold_at, self._anchor), self.last)

    def seconds_until(self, at: int) -> float | None:
        """Return the wall seconds until then, None while paused."""
        if self._paused:
            return None
        if self._speed >= AS_FAST_AS_POSSIBLE:
            return 0.0
        due = self._anchored_at + (at - self._anchor) / MICROSECONDS / self._speed
        return max(due - self._monotonic(), 0.0)

    def micros(self) -> int:
        """Return market time in microseconds since 1970 UTC."""
        return self.now()

    def is_open(self, sessions: Sessions | None = None) -> bool:
        """Return whether a market trades now, by its sessions or by the recording's calendar."""
        found = sessions or self._sessions
        if found is None:
            return True
        return bool(found.index_at(np.array([self.now()], dtype=np.int64))[0] >= 0)

    def skip_closed(self, until: int) -> None:
        """Go on right before `until`, the next thing heard, if no session is open till then."""
        now = self.now()
        if self._sessions is None or self._paused or until - now <= CLOSED_MICROS:
            return
        if not self._sessions.open_micros(now, until):
            self._hold_at = until
            self._go_on_from(until - MICROSECONDS)

    def body(self) -> dict[str, Any]:
        """Return a body shaped like `ClockState`."""
        now = self.now()
        about = self._about | {"market": "open", "session": iso_micros(now)[:10]}
        about |= {"next_open": None, "next_close": None}
        if self._sessions is not None:
            about = LiveClock(self._sessions, lambda: now / MICROSECONDS).body()
        return about | {
            "now": iso_micros(now),
            "replay": True,
            "speed": self._speed,
            "paused": self._paused,
            "finished": now >= self.last,
            "start": iso_micros(self.first),
            "end": iso_micros(self.last),
            "recording": self._recording,
            "max_speed": AS_FAST_AS_POSSIBLE,
        }

    def _flowed(self) -> int:
        """Return where it would be if nothing held it."""
        passed = (self._monotonic() - self._anchored_at) * self._speed * MICROSECONDS
        return self._anchor + int(passed)

    def _go_on_from(self, at: int) -> None:
        self._anchor, self._anchored_at = at, self._monotonic()


def _check_speed(speed: float) -> None:
    if not (MIN_REPLAY_SPEED <= speed <= MAX_REPLAY_SPEED or speed == AS_FAST_AS_POSSIBLE):
        raise InvalidRange(
            "The speed cannot be used.",
            subject="speed",
            observed=speed,
            next_step=f"Use {MIN_REPLAY_SPEED} to {MAX_REPLAY_SPEED:g}, or "
            f"{AS_FAST_AS_POSSIBLE:.0f} for as fast as possible.",
        )
