"""Whether ticks were made while their exchange traded, before or after, or when it was closed.

Owns the judgement, by symbol and calendar. Beyond the ends of a calendar nothing is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from trading_dashboard.agents.market_data.quality.known_symbols import grown
from trading_dashboard.agents.market_data.quality.tick_settings import TickSettings
from trading_dashboard.agents.market_data.records import MICROSECONDS, Flags, Indices, Integers
from trading_dashboard.agents.market_data.sessions import Sessions

SessionsOf = Callable[[str], Sessions | None]
"""Returns a symbol's sessions without waiting; None if they are not known, or not yet."""

_DAY = 86_400 * MICROSECONDS
_MINUTE = 60 * MICROSECONDS
_NOT_ASKED = -2
_NONE = -1


class OpenHours:
    """Knows the calendar of each symbol; asks again each day, for calendars are renewed."""

    def __init__(self, sessions_of: SessionsOf, settings: TickSettings) -> None:
        self._sessions_of = sessions_of
        self._before = int(settings.before_open_seconds * MICROSECONDS)
        self._after = int(settings.after_close_seconds * MICROSECONDS)
        self._calendar: Indices = np.zeros(0, dtype=np.int32)
        self._calendars: list[Sessions] = []
        self._asked_on = 0

    def judge(
        self, number: Indices, at: Integers, names: Sequence[tuple[str, str]], now: int
    ) -> tuple[Flags, Flags]:
        """Return bool[n] twice: whether the exchange was closed, and whether hours were extended.

        Extended hours, and the pause within a session, are not closed. Where there is no calendar,
        both are False.
        """
        calendar = self._calendars_of(number, names, now)
        closed = np.zeros(len(at), dtype=np.bool_)
        extended = np.zeros(len(at), dtype=np.bool_)
        for place in np.unique(calendar):
            if place == _NONE:
                continue
            part = np.flatnonzero(calendar == place)
            sessions = self._calendars[place]
            outside = part[sessions.index_at(at[part]) < 0]
            if len(outside):
                known, near = self._around(sessions, at[outside])
                extended[outside] = near
                closed[outside] = known & ~near
        return closed, extended

    def _around(self, sessions: Sessions, at: Integers) -> tuple[Flags, Flags]:
        """Return whether times outside sessions are within the calendar, and near a session."""
        following = np.searchsorted(sessions.open_at, at, side="right")
        known = (following > 0) & (following < len(sessions))
        opens = sessions.open_at[np.minimum(following, len(sessions) - 1)]
        closed = sessions.close_at[np.maximum(following - 1, 0)]
        # Within the pause it is earlier than the close of the session before.
        near = (opens - at <= self._before) | (at - closed < self._after)
        return known, known & near

    def _calendars_of(self, number: Indices, names: Sequence[tuple[str, str]], now: int) -> Indices:
        self._forget(now)
        self._calendar = grown(self._calendar, len(names), _NOT_ASKED)
        found: Indices = self._calendar[number]
        if (found == _NOT_ASKED).any():
            for one in np.unique(number[found == _NOT_ASKED]).tolist():
                self._calendar[one] = self._place_of(self._sessions_of(names[one][1]))
            found = self._calendar[number]
        return found

    def _forget(self, now: int) -> None:
        """Ask again: each day for all, each minute where nothing was known yet."""
        if now // _DAY != self._asked_on // _DAY:
            self._calendar.fill(_NOT_ASKED)
            self._calendars.clear()
        elif now // _MINUTE != self._asked_on // _MINUTE:
            self._calendar[self._calendar == _NONE] = _NOT_ASKED
        self._asked_on = now

    def _place_of(self, sessions: Sessions | None) -> int:
        if sessions is None or not len(sessions):
            return _NONE
        for place, known in enumerate(self._calendars):
            if known is sessions:
                return place
        self._calendars.append(sessions)
        return len(self._calendars) - 1
