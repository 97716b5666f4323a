"""Until when a process that serves is not to be restarted. Pure but for asking for a calendar.

Owns the answer for one moment. How hours are written is `models.protected_hours`', what is held
because of them `restart_gate`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from trading_dashboard.config.settings import RestartSettings
from trading_dashboard.models.market_offsets import MAX_OFFSET_HOURS
from trading_dashboard.models.protected_hours import ClockHours, SessionHours, parse_hours
from trading_dashboard.orchestrator.market_time.calendars import Calendars, CalendarUnknown

RETRY_SECONDS = 10.0
"""When to ask again for a calendar that is not known."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Protection:
    """A process that serves is left alone until then; `reason` if not for its hours themselves."""

    until: datetime
    reason: str | None = None


def protection(
    restart: RestartSettings,
    now: datetime,
    calendars: Calendars,
    then: Callable[[], None] = lambda: None,
) -> Protection | None:
    """Return until when the hours of now last, the longest of them; None outside all.

    A calendar that is not known protects too: whoever wrote "never near the close" means it.

    Args:
        restart: With `not_within`; checked before.
        now: Aware.
        calendars: Where sessions come from.
        then: Called when a calendar has been read.
    """
    found: list[Protection] = []
    for text in restart.not_within:
        hours = parse_hours(text)
        if isinstance(hours, ClockHours):
            found += _within_clock(hours, ZoneInfo(restart.timezone), now)
        else:
            found += _within_session(hours, restart.calendar, now, calendars, then)
    return max(found, key=lambda one: one.until, default=None)


def _within_clock(hours: ClockHours, zone: ZoneInfo, now: datetime) -> Iterator[Protection]:
    today = now.astimezone(zone).date()
    for day in (today - _DAY, today):
        last = day + _DAY if hours.end <= hours.start else day
        # In UTC, because that does not jump.
        start = datetime.combine(day, hours.start, zone).astimezone(UTC)
        end = datetime.combine(last, hours.end, zone).astimezone(UTC)
        if start <= now < end:
            yield Protection(end)


def _within_session(
    hours: SessionHours,
    calendar: str,
    now: datetime,
    calendars: Calendars,
    then: Callable[[], None],
) -> Iterator[Protection]:
    sessions = calendars.find(calendar, then)
    if isinstance(sessions, CalendarUnknown):
        yield Protection(now + timedelta(seconds=RETRY_SECONDS), sessions.reason)
        return
    at = now.timestamp()
    for session in sessions.around(at, 3600 * MAX_OFFSET_HOURS):
        if session.moment(hours.start) <= at < session.moment(hours.end):
            yield Protection(datetime.fromtimestamp(session.moment(hours.end), UTC))
