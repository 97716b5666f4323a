"""Positions, sessions and times."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.market_data.conftest import position_at
from trading_dashboard.agents.market_data.demo.timeline import Session, Timeline, iso, utc

SMALL = Timeline(
    [
        Session(date(2001, 1, 2), 1000, 1100),
        Session(date(2001, 1, 3), 2000, 2050),
        Session(date(2001, 1, 4), 3000, 3100),
        Session(date(2001, 1, 5), 4000, 4100),
    ]
)
POSITIONS = st.floats(0, SMALL.total)


def test_sessions_follow_daylight_saving(timeline: Timeline) -> None:
    def opens(day: date) -> datetime:
        return utc(timeline.at(position_at(timeline, day)).now)

    assert opens(date(2012, 3, 9)) == datetime(2012, 3, 9, 14, 30, tzinfo=UTC)
    assert opens(date(2012, 3, 12)) == datetime(2012, 3, 12, 13, 30, tzinfo=UTC)
    assert opens(date(2012, 11, 2)) == datetime(2012, 11, 2, 13, 30, tzinfo=UTC)
    assert opens(date(2012, 11, 5)) == datetime(2012, 11, 5, 14, 30, tzinfo=UTC)


def test_half_days_and_closed_days(timeline: Timeline) -> None:
    days = {session.day: session.seconds for session in timeline.sessions}
    assert days[date(2012, 11, 23)] == 12_600
    assert days[date(2012, 11, 21)] == 23_400
    assert date(2001, 9, 11) not in days
    assert date(2012, 10, 29) not in days  # closed for a storm
    assert set(days.values()) <= {12_600, 23_400}


def test_closed_hours_are_skipped(timeline: Timeline) -> None:
    friday = position_at(timeline, date(2012, 9, 7))
    before = timeline.at(friday + 23_399)
    after = timeline.at(friday + 23_400)
    assert utc(before.now) == datetime(2012, 9, 7, 19, 59, 59, tzinfo=UTC)
    assert utc(after.now) == datetime(2012, 9, 10, 13, 30, tzinfo=UTC)


def test_a_time_in_closed_hours_is_the_next_open(timeline: Timeline) -> None:
    sunday = datetime(2012, 9, 9, 12, tzinfo=UTC)
    assert timeline.position_of(sunday) == position_at(timeline, date(2012, 9, 10))


def test_the_end_is_the_last_close() -> None:
    end = SMALL.at(SMALL.total)
    assert (end.finished, end.session, end.offset, end.now) == (True, 2, 100, 3100)
    assert end.last_closed == 2
    assert SMALL.at(SMALL.total + 99) == end
    assert SMALL.day_after(2) == date(2001, 1, 5)


@given(position=POSITIONS)
def test_time_and_position_are_inverse(position: float) -> None:
    instant = SMALL.at(position)
    assert SMALL.position_of(utc(instant.now)) == pytest.approx(position, abs=1e-5)


@given(cuts=st.lists(POSITIONS, min_size=2, max_size=6).map(sorted))
def test_however_it_is_cut_every_second_begins_once(cuts: list[float]) -> None:
    """One stretch, or many: the same seconds, each once, and each session's end once."""

    def seconds(marks: list[float]) -> tuple[list[tuple[int, int]], list[int]]:
        begun, ended = [], []
        for start, end in pairwise(marks):
            for part in SMALL.segments(start, end):
                length = SMALL.sessions[part.session].seconds
                first = 0 if part.is_entered else int(part.start) + 1
                last = min(int(part.end), length - 1)
                begun += [(part.session, second) for second in range(first, last + 1)]
                if part.ends_session:
                    ended.append(part.session)
        return begun, ended

    assert seconds(cuts) == seconds([cuts[0], cuts[-1]])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1346765400.5, "2012-09-04T13:30:00.500Z"),
        (951782399.9996, "2000-02-28T23:59:59.999Z"),
    ],
)
def test_times_are_written_in_utc(seconds: float, text: str) -> None:
    assert iso(seconds) == text
