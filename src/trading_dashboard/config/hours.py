"""Rules for `schedule` and `data`: calendars, offsets, cron expressions, time zones.

Owns what can be said of them without a calendar's sessions. What they mean at a moment is
`orchestrator.market_time`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError

from trading_dashboard.config.calendar_names import ALIASES, CALENDARS
from trading_dashboard.config.origins import Branch, KeyPath, mistake_at
from trading_dashboard.config.schema import nearest
from trading_dashboard.config.settings import DataSettings, ScheduleSettings
from trading_dashboard.models.errors import Mistake
from trading_dashboard.models.market_offsets import (
    EXAMPLE,
    Offset,
    looks_like_offset,
    parse_offset,
)

_MAX_NAME_CHARACTERS = 100
_LONG_NUMBER = re.compile(r"[0-9]{5}")
_CRON_EXAMPLE = 'Write minute, hour, day, month and weekday, such as "0 8 * * mon-fri".'


def check_data(tree: Branch, agent: KeyPath, data: DataSettings) -> Iterator[Mistake]:
    """Yield what is wrong with an agent's `data`."""
    if data.calendar is not None:
        yield from check_calendar(tree, (*agent, "data", "calendar"), data.calendar)


def check_schedule(tree: Branch, agent: KeyPath, schedule: ScheduleSettings) -> Iterator[Mistake]:
    """Yield what is wrong with an agent's `schedule`."""
    path = (*agent, "schedule")
    if schedule == ScheduleSettings():
        return
    for key in ("start", "stop"):
        if getattr(schedule, key) is None:
            yield mistake_at(
                tree, (*path, key), "is missing.", "A schedule has a start and a stop."
            )
    if not schedule.is_set:
        return
    if schedule.calendar is None:
        yield from _check_cron(tree, path, schedule)
        return
    yield from check_calendar(tree, (*path, "calendar"), schedule.calendar)
    if schedule.timezone != "UTC":
        remedy = "Remove it: a calendar knows its exchange's time."
        yield mistake_at(tree, (*path, "timezone"), "is not used with a calendar.", remedy)
    yield from _check_offsets(tree, path, schedule)


def check_calendar(tree: Branch, path: KeyPath, name: str) -> Iterator[Mistake]:
    """Yield a mistake if there is no such exchange calendar."""
    known = {word.lower(): word for word in (*CALENDARS, *ALIASES)}
    if name in known.values():
        return
    match = nearest(name, known)
    meant = f"Did you mean {known[match]}? " if match else ""
    remedy = f"{meant}Write an exchange's code, such as XNYS, XLON, XHKG, or 24/7."
    yield mistake_at(tree, path, "is not a known exchange calendar.", remedy)


def _check_offsets(tree: Branch, path: KeyPath, schedule: ScheduleSettings) -> Iterator[Mistake]:
    offsets: list[Offset] = []
    for key in ("start", "stop"):
        try:
            offsets.append(parse_offset(str(getattr(schedule, key))))
        except ValueError as error:
            problem = "is not a moment of a session."
            yield mistake_at(tree, (*path, key), problem, str(error))
    if len(offsets) == 2:
        start, stop = offsets
        if start.anchor == stop.anchor and start.seconds >= stop.seconds:
            problem = "is not after the start, in any session."
            yield mistake_at(tree, (*path, "stop"), problem, f"Write a later one: {EXAMPLE}.")


def _check_cron(tree: Branch, path: KeyPath, schedule: ScheduleSettings) -> Iterator[Mistake]:
    for key in ("start", "stop"):
        expression = str(getattr(schedule, key))
        problem = _cron_problem(expression)
        if problem and looks_like_offset(expression):
            remedy = "Add the calendar, such as calendar: XNYS."
            yield mistake_at(tree, (*path, key), "needs the schedule's calendar.", remedy)
        elif problem:
            yield mistake_at(tree, (*path, key), problem, _CRON_EXAMPLE)
    if str(schedule.start).split() == str(schedule.stop).split():
        remedy = "Write two different times."
        yield mistake_at(tree, (*path, "stop"), "is the same time as the start.", remedy)
    yield from _check_timezone(tree, (*path, "timezone"), schedule.timezone)


def _cron_problem(expression: str) -> str | None:
    if len(expression.split()) != 5:
        return "is not a cron expression of five fields."
    if _LONG_NUMBER.search(expression):
        return "is not a cron expression (a number is too long)."
    try:
        next(CronSim(expression, datetime.now(UTC)))
    except CronSimError as error:
        return f"is not a cron expression ({error})."
    except StopIteration:
        return "never comes."
    return None


def _check_timezone(tree: Branch, path: KeyPath, name: str) -> Iterator[Mistake]:
    try:
        ZoneInfo(name[:_MAX_NAME_CHARACTERS])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = {zone.lower(): zone for zone in available_timezones()}
        match = nearest(name, known)
        remedy = f"Did you mean {known[match]}?" if match else "Write one such as Europe/Berlin."
        yield mistake_at(tree, path, "is not a known time zone.", remedy)
