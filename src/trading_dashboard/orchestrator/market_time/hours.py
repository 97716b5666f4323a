"""When an agent with a schedule is due to run. Pure; all times are seconds since 1970 UTC.

Owns the meaning of `schedule`: pairs of start and stop by an exchange calendar's sessions, or by
cron in a time zone. Whoever acts on it is `schedule_rule`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim

from trading_dashboard.config.settings import ScheduleSettings
from trading_dashboard.models.market_offsets import Offset, parse_offset
from trading_dashboard.orchestrator.market_time.sessions import Sessions

_CANCELLED_STARTS = 1_500
"""More than the minutes of a day."""
_LOOKBACK_SECONDS = 3 * 3600
"""Cron is asked from so far around now: longer than any hour that comes twice, or never."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Whether a schedule is within its hours, and its next boundaries if they are known."""

    is_open: bool
    next_start: float | None
    next_stop: float | None


def calendar_hours(schedule: ScheduleSettings, sessions: Sessions, now: float) -> Hours:
    """Return the hours of a schedule that has a calendar."""
    start, stop = parse_offset(schedule.start or ""), parse_offset(schedule.stop or "")
    periods = _periods(sessions, start, stop)
    index = bisect_right(periods, now, key=lambda period: period[0])
    following = periods[index] if index < len(periods) else None
    next_start = following[0] if following else None
    if index and now < periods[index - 1][1]:
        # Whether the last period known is followed at once by another, nobody knows yet.
        return Hours(True, next_start, periods[index - 1][1] if following else None)
    return Hours(False, next_start, following[1] if following else None)


def cron_hours(schedule: ScheduleSettings, now: float) -> Hours:
    """Return the hours of a schedule that has cron expressions. A stop beats a start."""
    zone = ZoneInfo(schedule.timezone)
    start, stop = schedule.start or "", schedule.stop or ""
    began, ended = cron_last(start, zone, now), cron_last(stop, zone, now)
    is_open = began is not None and (ended is None or began > ended)
    if is_open:
        next_stop = cron_next(stop, zone, now)
        next_start = None if next_stop is None else _first_start(start, stop, zone, next_stop)
    else:
        next_start = _first_start(start, stop, zone, now)
        next_stop = None if next_start is None else cron_next(stop, zone, next_start)
    return Hours(is_open, next_start, next_stop)


def cron_next(expression: str, zone: ZoneInfo, after: float) -> float | None:
    """Return when the expression comes first, later than `after`."""
    return next((t for t in _cron_times(expression, zone, after, -1) if t > after), None)


def cron_last(expression: str, zone: ZoneInfo, at: float) -> float | None:
    """Return when the expression came last, not later than `at`."""
    return next((t for t in _cron_times(expression, zone, at, 1) if t <= at), None)


def moment_words(at: float, now: float) -> str:
    """Return a moment for people: ``Mon 14:15 UTC`` within a week, else with its date."""
    form = "%a %H:%M UTC" if abs(at - now) < 6 * 86_400 else "%Y-%m-%d %H:%M UTC"
    return datetime.fromtimestamp(at, UTC).strftime(form)


def _first_start(start: str, stop: str, zone: ZoneInfo, after: float) -> float | None:
    """Return the first start later than `after` that no stop cancels in the same moment.

    After `_CANCELLED_STARTS` it is not looked for any further: stops that cancel all starts of a
    year, one a minute, would hold the whole supervisor up for minutes.
    """
    later = (moment for moment in _cron_times(start, zone, after, -1) if moment > after)
    for moment in islice(later, _CANCELLED_STARTS):
        if moment > after + 366 * 86_400:
            return None
        if not _comes_at(stop, zone, moment):
            return moment
    return None


def _comes_at(expression: str, zone: ZoneInfo, at: float) -> bool:
    """Return whether the expression comes at that very moment."""
    before, after = (
        datetime.fromtimestamp(at + side * _LOOKBACK_SECONDS, UTC).astimezone(zone)
        for side in (-1, 1)
    )
    if before.utcoffset() != after.utcoffset():
        return cron_last(expression, zone, at) == at
    shortly_before = datetime.fromtimestamp(at - 1, UTC).astimezone(zone)
    return any(
        moment.timestamp() == at for moment in islice(CronSim(expression, shortly_before), 1)
    )


def _cron_times(expression: str, zone: ZoneInfo, around: float, side: int) -> Iterator[float]:
    """Yield times forward from before a moment (side -1), or backward from after it (side 1).

    An hour that comes twice confuses where cron stands within it, so it is asked from outside.
    """
    origin = datetime.fromtimestamp(around + side * _LOOKBACK_SECONDS, UTC).astimezone(zone)
    for moment in CronSim(expression, origin, reverse=side > 0):
        yield moment.timestamp()


@lru_cache(maxsize=256)
def _periods(sessions: Sessions, start: Offset, stop: Offset) -> tuple[tuple[int, int], ...]:
    """Return the (start, stop) of all sessions, merged where they touch."""
    merged: list[tuple[int, int]] = []
    # From the close to the open is overnight: the stop is that of the following session.
    later = 1 if (start.anchor, stop.anchor) == ("close", "open") else 0
    for index in range(len(sessions.sessions) - later):
        begins = sessions.sessions[index].moment(start)
        ends = sessions.sessions[index + later].moment(stop)
        if ends <= begins:
            continue
        if merged and begins <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], ends))
        else:
            merged.append((begins, ends))
    return tuple(merged)
