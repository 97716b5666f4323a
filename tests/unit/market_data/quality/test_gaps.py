"""Gaps by real calendars: half days, holidays, pauses and daylight saving."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from trading_dashboard.agents.market_data.calendars import ExchangeCalendars
from trading_dashboard.agents.market_data.quality.bar_grid import cadence_of, expected
from trading_dashboard.agents.market_data.quality.gaps import Series, completeness
from trading_dashboard.agents.market_data.records import Integers
from trading_dashboard.agents.market_data.sessions import Sessions

DAY = 86_400_000_000


@pytest.fixture(scope="module")
def calendars(tmp_path_factory: pytest.TempPathFactory) -> ExchangeCalendars:
    return ExchangeCalendars(tmp_path_factory.mktemp("calendars"))


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def starts(sessions: Sessions, interval: str, period: tuple[int, int]) -> Integers:
    cadence = cadence_of(interval)
    assert cadence is not None
    return expected(cadence, sessions, *period)[0]


def test_minutes_of_a_full_and_a_half_day(calendars: ExchangeCalendars) -> None:
    sessions = calendars.sessions("XNYS")
    full = (at("2025-11-26"), at("2025-11-27"))
    assert len(starts(sessions, "1m", full)) == 390
    assert len(starts(sessions, "1h", full)) == 7
    assert len(starts(sessions, "1m", (at("2025-11-27"), at("2025-11-28")))) == 0  # Thanksgiving
    half = starts(sessions, "1m", (at("2025-11-28"), at("2025-11-29")))
    assert len(half) == 210
    assert half[-1] == at("2025-11-28T17:59")


def test_daylight_saving_moves_the_open(calendars: ExchangeCalendars) -> None:
    sessions = calendars.sessions("XNYS")
    found = starts(sessions, "4h", (at("2025-03-07"), at("2025-03-11")))
    assert found.tolist() == [
        at("2025-03-07T14:30"), at("2025-03-07T18:30"),
        at("2025-03-10T13:30"), at("2025-03-10T17:30"),
    ]  # fmt: skip


def test_a_pause_is_no_gap(calendars: ExchangeCalendars) -> None:
    sessions = calendars.sessions("XHKG")
    found = starts(sessions, "1h", (at("2025-11-19"), at("2025-11-20")))
    assert [datetime.fromtimestamp(one / 1e6, UTC).strftime("%H:%M") for one in found] == [
        "01:30", "02:30", "03:30", "05:00", "06:00", "07:00",
    ]  # fmt: skip


def test_days_weeks_and_months(calendars: ExchangeCalendars) -> None:
    sessions = calendars.sessions("XNYS")
    year = (at("2025-01-01"), at("2026-01-01"))
    assert len(starts(sessions, "1d", year)) == 250
    weeks = starts(sessions, "1w", year)
    # Monday was Martin Luther King's day: the week begins on Tuesday.
    assert at("2025-01-21") in weeks
    assert len(starts(sessions, "1M", year)) == 12
    assert starts(sessions, "1M", year)[0] == at("2025-01-02")


def test_a_day_in_progress_is_not_expected(calendars: ExchangeCalendars) -> None:
    sessions = calendars.sessions("XNYS")
    assert len(starts(sessions, "1d", (at("2025-11-26"), at("2025-11-26T20:59")))) == 0
    assert len(starts(sessions, "1d", (at("2025-11-26"), at("2025-11-26T21:00")))) == 1


def test_runs_are_merged_over_nights_and_quarantine_is_a_cause(
    calendars: ExchangeCalendars,
) -> None:
    sessions = calendars.sessions("XNYS")
    period = (at("2025-11-24"), at("2025-12-02"))
    wanted = starts(sessions, "30m", period)
    have = np.delete(wanted, [*range(10, 16), 30, 31, 32])
    found = completeness(
        Series(source="s", symbol="A", interval="30m"),
        have,
        sessions,
        period,
        now=5,
        quarantined=wanted[31:32],
        cause="agent_down",
    )
    assert (found.expected, found.present, found.has_newest) == (len(wanted), len(wanted) - 9, True)
    assert [(gap.start, gap.end, gap.cause) for gap in found.gaps] == [
        (at("2025-11-24T19:30"), at("2025-11-25T16:00"), "agent_down"),
        (int(wanted[30]), int(wanted[31]), "agent_down"),
        (int(wanted[31]), int(wanted[32]), "quarantined"),
        (int(wanted[32]), int(wanted[33]), "agent_down"),
    ]
    assert found.gaps[0].detail == "6 bars missing"
    assert found.gaps[0].found_at == 5


def test_missing_days_are_one_gap_over_a_holiday(calendars: ExchangeCalendars) -> None:
    sessions = calendars.sessions("XNYS")
    period = (at("2025-11-24"), at("2025-12-02"))
    wanted = starts(sessions, "1d", period)
    found = completeness(
        Series(source="s", symbol="A", interval="1d"), wanted[[0, 1, 4]], sessions, period, now=0
    )
    assert [(gap.start, gap.end) for gap in found.gaps] == [
        (at("2025-11-26"), at("2025-11-28T18:00"))
    ]
    assert (found.expected, found.present) == (5, 3)


def test_a_week_named_by_its_monday_is_there(calendars: ExchangeCalendars) -> None:
    sessions = calendars.sessions("XNYS")
    period = (at("2025-01-19"), at("2025-01-25"))
    found = completeness(
        Series(source="s", symbol="A", interval="1w"),
        np.array([at("2025-01-20")]),
        sessions,
        period,
        now=0,
    )
    assert (found.expected, found.present, found.gaps) == (1, 1, ())


def test_always_open_and_nothing_expected(tmp_path: Path) -> None:
    sessions = ExchangeCalendars(tmp_path).sessions("24/7")
    assert len(starts(sessions, "1h", (at("2025-03-30"), at("2025-03-31")))) == 24
    series = Series(source="s", symbol="A", interval="1h")
    none = np.empty(0, dtype=np.int64)
    found = completeness(series, none, sessions, (at("2025-03-30"), at("2025-03-30T00:30")), now=0)
    assert (found.expected, found.has_newest, found.gaps) == (0, None, ())
    with pytest.raises(ValueError, match="not expected"):
        completeness(Series(source="s", symbol="A", interval="100t"), none, sessions, (0, 1), now=0)
    with pytest.raises(ValueError, match="more than"):
        starts(sessions, "1s", (at("2020-01-01"), at("2025-03-31")))


def test_expected_days_are_those_of_the_library(calendars: ExchangeCalendars) -> None:
    sessions = calendars.sessions("XLON")
    found = starts(sessions, "1d", (at("2025-12-20"), at("2026-01-03"))) // DAY
    days = [date.fromordinal(719_163 + int(day)).isoformat()[5:] for day in found]
    assert days == ["12-22", "12-23", "12-24", "12-29", "12-30", "12-31", "01-02"]
