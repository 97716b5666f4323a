"""Sessions of real calendars, straight from the calendar library, for comparison."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
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
    with _own_warnings():
        return sessions_from(name, SINCE, sessions_of(name, FIRST))


@cache
def minutes(name: str) -> list[int]:
    """Return the start of every minute in which the library says that the exchange trades."""
    with _own_warnings():
        calendar = exchange_calendars.get_calendar(name, start=FIRST)
        return [int(seconds) for seconds in calendar.minutes.as_unit("s").asi8]


@contextmanager
def _own_warnings() -> Iterator[None]:
    """The library's use of pandas is its own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
