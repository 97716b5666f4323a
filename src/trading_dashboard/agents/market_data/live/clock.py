"""Market time of live sources: the wall clock, and where it stands in a calendar's sessions.

Owns the body of `/clock` and whether a symbol's market is open now. Knows no source.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from trading_dashboard.agents.market_data.records import MICROSECONDS
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.models.market import MarketPhase

EPOCH = date(1970, 1, 1)


class LiveClock:
    """Tells the time of a market whose clock is everybody's."""

    def __init__(self, sessions: Sessions, now: Callable[[], float] = time.time) -> None:
        """Take the sessions to show; `now` returns seconds since 1970."""
        self._sessions = sessions
        self._now = now

    def micros(self) -> int:
        """Return now in microseconds since 1970 UTC."""
        return int(self._now() * MICROSECONDS)

    def is_open(self, sessions: Sessions | None = None) -> bool:
        """Return whether a market trades now, by its sessions or by those shown."""
        found = (sessions or self._sessions).index_at(np.array([self.micros()], dtype=np.int64))
        return bool(found[0] >= 0)

    def body(self) -> dict[str, Any]:
        """Return a body shaped like `ClockState`."""
        sessions, now = self._sessions, self.micros()
        is_open = self.is_open()
        reached = int(np.searchsorted(sessions.open_at, now, side="right")) - 1
        opens = int(np.searchsorted(sessions.open_at, now, side="right"))
        closes = int(np.searchsorted(sessions.close_at, now, side="right"))
        return {
            "now": iso(now),
            "replay": False,
            "speed": 1.0,
            "paused": False,
            "finished": False,
            "calendar": sessions.calendar,
            "time_zone": sessions.time_zone,
            "market": (MarketPhase.OPEN if is_open else MarketPhase.CLOSED).value,
            "session": _day(sessions, reached),
            "next_open": _next(now, sessions, opens, reached, is_open=is_open),
            "next_close": iso(int(sessions.close_at[closes])) if closes < len(sessions) else None,
            "start": None,
            "end": None,
        }


def _next(now: int, sessions: Sessions, opens: int, reached: int, *, is_open: bool) -> str | None:
    """Return when the market opens next; after a break, that is the end of the break."""
    if not is_open and reached >= 0:
        resumes = int(sessions.break_end[reached])
        if int(sessions.break_start[reached]) <= now < resumes:
            return iso(resumes)
    return iso(int(sessions.open_at[opens])) if opens < len(sessions) else None


def _day(sessions: Sessions, index: int) -> str | None:
    if index < 0 or not len(sessions):
        return None
    return (EPOCH + timedelta(days=int(sessions.day[index]))).isoformat()


def iso(micros: int) -> str:
    """Return a time as ISO 8601 in UTC with a trailing ``Z``."""
    at = datetime.fromtimestamp(micros // MICROSECONDS, UTC)
    at += timedelta(microseconds=micros % MICROSECONDS)
    spec = "microseconds" if micros % 1000 else ("milliseconds" if micros % 1_000_000 else "auto")
    return at.isoformat(timespec=spec).replace("+00:00", "Z")
