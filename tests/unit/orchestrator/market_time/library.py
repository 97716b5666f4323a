"""Sessions of real calendars, straight from the calendar library, for comparison."""

from __future__ import annotations

from functools import cache

import exchange_calendars

from trading_dashboard.orchestrator.market_time.calendar_export import sessions_of
from trading_dashboard.orchestrator.market_time.calendar_files import sessions_from
from trading_dashboard.orchestrator.market_time.sessions import Sessions

FIRST = "2024-11-01"
SINCE = 1_730_419_200


@cache
def sessions(name: str) -> Sessions:
    """Return the calendar's sessions from `FIRST` on."""
    return sessions_from(name, SINCE, sessions_of(name, FIRST))


@cache
def calendar(name: str) -> exchange_calendars.ExchangeCalendar:
    """Return the library's own calendar."""
    return exchange_calendars.get_calendar(name, start=FIRST)
