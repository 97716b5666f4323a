"""Rules about when an agent may be restarted that types and bounds do not say."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from trading_dashboard.config.calendar_names import CALENDARS, canonical_name
from trading_dashboard.config.origins import Branch, KeyPath, mistake_at
from trading_dashboard.config.settings import RestartSettings
from trading_dashboard.models.errors import Mistake
from trading_dashboard.models.protected_hours import SessionHours, parse_hours

MAX_EXIT_CODE = 255


def check_restart(tree: Branch, path: KeyPath, restart: RestartSettings) -> Iterator[Mistake]:
    """Yield what is wrong with an agent's `restart`."""
    for index, code in enumerate(restart.final_exit_codes):
        if not 0 <= code <= MAX_EXIT_CODE:
            where = (*path, "final_exit_codes", index)
            remedy = f"Use 0 to {MAX_EXIT_CODE}."
            yield mistake_at(tree, where, "is no exit code a process can have.", remedy)
    yield from _check_hours(tree, path, restart)
    if not _is_time_zone(restart.timezone):
        remedy = "Use a name of the IANA database, such as America/New_York or UTC."
        yield mistake_at(tree, (*path, "timezone"), "is no time zone.", remedy)


def _check_hours(tree: Branch, path: KeyPath, restart: RestartSettings) -> Iterator[Mistake]:
    has_sessions = False
    for index, text in enumerate(restart.not_within):
        try:
            has_sessions |= isinstance(parse_hours(text), SessionHours)
        except ValueError as error:
            where = (*path, "not_within", index)
            yield mistake_at(tree, where, "is no stretch of time.", str(error))
    where = (*path, "calendar")
    if restart.calendar and canonical_name(restart.calendar) not in CALENDARS:
        remedy = "Use a name that exchange_calendars has, such as XNYS, XLON or XTKS."
        yield mistake_at(tree, where, "is no exchange calendar.", remedy)
    elif has_sessions and not restart.calendar:
        remedy = "Name the exchange whose open and close not_within means, such as XNYS."
        yield mistake_at(tree, where, "is missing.", remedy)


def _is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False
    return True
