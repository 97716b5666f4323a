"""When a schedule is open: by sessions, by cron, over summer time, against plain search."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.orchestrator.market_time.library import SINCE, sessions
from trading_dashboard.config.settings import ScheduleSettings
from trading_dashboard.models.market_offsets import parse_offset
from trading_dashboard.orchestrator.market_time import hours as hours_module
from trading_dashboard.orchestrator.market_time.hours import (
    Hours,
    calendar_hours,
    cron_hours,
    moment_words,
)


def at(text: str) -> float:
    return datetime.fromisoformat(text + "+00:00").timestamp()


def text(moment: float | None) -> str | None:
    return None if moment is None else f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M}"


def seen(hours: Hours) -> tuple[bool, str | None, str | None]:
    return hours.is_open, text(hours.next_start), text(hours.next_stop)


NEW_YORK = ScheduleSettings(calendar="XNYS", start="open-15m", stop="close+30m")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        # Friday, after hours, over the weekend to Monday.
        ("2026-11-20T21:30", (False, "2026-11-23T14:15", "2026-11-23T21:30")),
        ("2026-11-20T21:29", (True, "2026-11-23T14:15", "2026-11-20T21:30")),
        # Thanksgiving is no session; the day after closes at 13:00 in New York.
        ("2026-11-26T15:00", (False, "2026-11-27T14:15", "2026-11-27T18:30")),
        ("2026-11-27T18:29", (True, "2026-11-30T14:15", "2026-11-27T18:30")),
        # Summer time begins on 8 March, ends on 1 November.
        ("2026-03-06T22:00", (False, "2026-03-09T13:15", "2026-03-09T20:30")),
        ("2026-10-30T22:00", (False, "2026-11-02T14:15", "2026-11-02T21:30")),
    ],
)
def test_hours_follow_the_calendar(now: str, expected: tuple[bool, str, str]) -> None:
    assert seen(calendar_hours(NEW_YORK, sessions("XNYS"), at(now))) == expected


def test_from_the_close_to_the_open_is_overnight() -> None:
    night = ScheduleSettings(calendar="XNYS", start="close+1h", stop="open-1h")
    made = sessions("XNYS")
    assert seen(calendar_hours(night, made, at("2026-11-21T12:00"))) == (
        True, "2026-11-23T22:00", "2026-11-23T13:30",
    )  # fmt: skip
    assert not calendar_hours(night, made, at("2026-11-23T15:00")).is_open


def test_a_calendar_that_never_closes_has_no_boundary() -> None:
    always = ScheduleSettings(calendar="24/7", start="open-15m", stop="close+30m")
    assert calendar_hours(always, sessions("24/7"), at("2026-11-22T00:00")) == Hours(
        True, None, None
    )


def test_hours_that_fit_in_no_session_never_begin() -> None:
    never = ScheduleSettings(calendar="XNYS", start="open+10h", stop="close-10h")
    assert calendar_hours(never, sessions("XNYS"), at("2026-11-23T15:00")) == Hours(
        False, None, None
    )


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["XNYS", "XHKG", "XLON", "CMES"]),
    st.sampled_from(["open-15m", "open+1h", "open-20h", "open", "open-72h"]),
    st.sampled_from(["close+30m", "close", "close-1h", "close+20h", "close+72h"]),
    st.integers(0, 2 * 366 * 1440),
)
def test_calendar_hours_are_those_of_a_plain_search(
    name: str, start: str, stop: str, minute: int
) -> None:
    now = SINCE + 86_400 * 14 + minute * 60
    made = sessions(name)
    schedule = ScheduleSettings(calendar=name, start=start, stop=stop)
    pairs = [(s.moment(parse_offset(start)), s.moment(parse_offset(stop))) for s in made.sessions]
    pairs = [(a, b) for a, b in pairs if a < b]

    def is_open(moment: float) -> bool:
        return any(a <= moment < b for a, b in pairs)

    found = calendar_hours(schedule, made, now)
    assert found.is_open is is_open(now)
    starts, stops = sorted(a for a, _ in pairs if a > now), sorted(b for _, b in pairs if b > now)
    next_start = next((a for a in starts if not is_open(a - 1)), None)
    next_stop = next((b for b in stops if not is_open(b)), None)
    assert found.next_start == next_start
    assert found.next_stop == (None if next_start is None else next_stop)


# Cron.


def cron(start: str, stop: str, zone: str = "UTC") -> ScheduleSettings:
    return ScheduleSettings(start=start, stop=stop, timezone=zone)


def test_cron_hours_in_a_time_zone() -> None:
    week = cron("0 8 * * mon-fri", "0 18 * * mon-fri", "Europe/Berlin")
    assert seen(cron_hours(week, at("2026-11-20T17:00"))) == (
        False, "2026-11-23T07:00", "2026-11-23T17:00",
    )  # fmt: skip
    assert seen(cron_hours(week, at("2026-11-23T07:00"))) == (
        True, "2026-11-24T07:00", "2026-11-23T17:00",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "start", "now", "begins"),
    [
        # The hour from 2 to 3 is left out: what falls into it comes right after it.
        ("Europe/Berlin", "30 2 * * *", "2026-03-28T12:00", "2026-03-29T01:00"),
        ("America/New_York", "30 2 * * *", "2026-03-07T12:00", "2026-03-08T07:00"),
        # An hour comes twice: what falls into it comes once, the first time.
        ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00", "2026-10-25T00:30"),
        ("Europe/Berlin", "30 2 * * *", "2026-10-25T00:45", "2026-10-26T01:30"),
        ("Europe/Berlin", "30 2 * * *", "2026-10-25T01:15", "2026-10-26T01:30"),
        ("America/New_York", "30 1 * * *", "2026-11-01T05:00", "2026-11-01T05:30"),
        ("America/New_York", "30 1 * * *", "2026-11-01T06:15", "2026-11-02T06:30"),
        # On the days around, the same time of the wall is another in UTC.
        ("Europe/Berlin", "0 8 * * *", "2026-03-28T12:00", "2026-03-29T06:00"),
        ("Europe/Berlin", "0 8 * * *", "2026-10-24T12:00", "2026-10-25T07:00"),
        ("America/New_York", "0 8 * * *", "2026-03-07T20:00", "2026-03-08T12:00"),
        ("America/New_York", "0 8 * * *", "2026-10-31T20:00", "2026-11-01T13:00"),
    ],
)
def test_summer_time_neither_loses_nor_doubles_a_start(
    zone: str, start: str, now: str, begins: str
) -> None:
    schedule = cron(start, "0 20 * * *", zone)
    begun = at(begins)
    hours = cron_hours(schedule, at(now))
    starts = hours.next_start
    assert text(starts) == begins
    assert cron_hours(schedule, begun).is_open
    if not hours.is_open:
        assert not cron_hours(schedule, begun - 1).is_open


def test_within_the_hour_that_comes_twice_it_stays_open() -> None:
    schedule = cron("30 2 * * *", "0 20 * * *", "Europe/Berlin")
    minutes = [at("2026-10-25T00:30") + 60 * minute for minute in range(240)]
    assert all(cron_hours(schedule, moment).is_open for moment in minutes)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "UTC"]),
    st.integers(0, 23),
    st.integers(0, 23),
    st.integers(0, 366 * 1440),
)
def test_boundaries_are_where_the_state_changes(
    zone: str, first: int, last: int, minute: int
) -> None:
    if first == last:
        return
    schedule = cron(f"0 {first} * * *", f"0 {last} * * *", zone)
    now = at("2026-01-01T00:00") + minute * 60
    hours = cron_hours(schedule, now)
    boundary = hours.next_stop if hours.is_open else hours.next_start
    assert boundary is not None
    assert boundary > now
    assert cron_hours(schedule, boundary - 1).is_open is hours.is_open
    # In the night of the change a start and a stop may fall on one moment: then the stop holds.
    assert cron_hours(schedule, boundary).is_open is not hours.is_open


def test_a_stop_in_the_same_moment_beats_a_start() -> None:
    schedule = cron("0 8 * * *", "0 8,18 * * sat,sun")
    assert text(cron_hours(schedule, at("2026-11-21T07:00")).next_stop) == "2026-11-21T08:00"
    assert seen(cron_hours(schedule, at("2026-11-21T08:00"))) == (
        False, "2026-11-23T08:00", "2026-11-28T08:00",
    )  # fmt: skip


def test_a_moment_is_told_by_its_day_within_a_week_else_by_its_date() -> None:
    now = at("2026-11-22T12:00")
    assert moment_words(at("2026-11-23T14:15"), now) == "Mon 14:15 UTC"
    assert moment_words(at("2026-12-24T14:15"), now) == "2026-12-24 14:15 UTC"


def test_starts_that_are_all_cancelled_are_not_looked_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A year of them, one a minute, took minutes, in which the supervisor did nothing else."""
    asked: list[float] = []
    comes_at = hours_module._comes_at

    def counted(expression: str, zone: ZoneInfo, moment: float) -> bool:
        asked.append(moment)
        return comes_at(expression, zone, moment)

    monkeypatch.setattr(hours_module, "_comes_at", counted)
    never = cron("*/1 * * * *", "* * * * *")
    assert cron_hours(never, at("2026-11-21T07:00")) == Hours(False, None, None)
    assert len(asked) == hours_module._CANCELLED_STARTS


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_night_of_cancelled_starts_is_looked_through(zone: str) -> None:
    """The night of the change included, in which an hour comes twice."""
    schedule = cron("* * * * *", "* 0-6 * * *", zone)
    for day in ("2026-10-24", "2026-10-25", "2026-03-29"):
        midnight = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=ZoneInfo(zone))
        seven = midnight.replace(hour=7)
        found = cron_hours(schedule, midnight.timestamp())
        assert (found.is_open, found.next_start) == (False, seven.timestamp())
