"""Market time, against counting minutes and against the calendar library itself."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.orchestrator.market_time.library import SINCE, minutes, sessions
from trading_dashboard.models.market_offsets import Offset
from trading_dashboard.orchestrator.market_time.sessions import Session, Sessions

MINUTE = 60


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@st.composite
def made_sessions(draw: st.DrawFn) -> Sessions:
    """Give up to eight sessions on whole minutes, with and without breaks, some adjacent."""
    now, made = 0, []
    for _ in range(draw(st.integers(1, 8))):
        opens = now + draw(st.integers(0, 30))
        parts = [draw(st.integers(1, 20)) for _ in range(3)]
        if draw(st.booleans()):
            ends = opens + sum(parts)
            pause = (opens + parts[0], opens + parts[0] + parts[1])
            made.append(Session(*(m * MINUTE for m in (opens, ends, *pause))))
        else:
            ends = opens + parts[0]
            made.append(Session(opens * MINUTE, ends * MINUTE))
        now = ends
    return Sessions("made", 0, made[-1].close, made)


def trades(made: Sessions, moment: float) -> bool:
    return any(start <= moment < end for s in made.sessions for start, end in s.spans())


@given(made_sessions(), st.integers(-5, 500), st.integers(-5, 500))
def test_market_time_is_what_counting_open_minutes_gives(
    made: Sessions, since: int, until: int
) -> None:
    counted = sum(trades(made, minute * MINUTE) for minute in range(since, until))
    assert made.market_seconds(since * MINUTE, until * MINUTE) == counted * MINUTE


@given(made_sessions(), st.floats(-100, 30_000), st.floats(-100, 30_000), st.floats(-100, 30_000))
def test_market_time_adds_up_and_never_outruns_the_clock(
    made: Sessions, first: float, second: float, third: float
) -> None:
    a, b, c = sorted((first, second, third))
    whole = made.market_seconds(a, c)
    assert whole == pytest.approx(made.market_seconds(a, b) + made.market_seconds(b, c))
    assert 0 <= whole <= c - a + 1e-6
    assert made.market_seconds(c, a) == 0
    assert made.is_open(a) is trades(made, a)


@given(
    made_sessions(), st.sampled_from(["open", "close"]), st.integers(-40, 40), st.integers(-60, 400)
)
def test_moments_are_those_of_a_plain_search(
    made: Sessions, anchor: str, minutes: int, moment: int
) -> None:
    offset = Offset("open" if anchor == "open" else "close", minutes * MINUTE)
    moments = sorted(session.moment(offset) for session in made.sessions)
    now = moment * MINUTE
    assert made.next_moment(offset, now) == min((m for m in moments if m > now), default=None)
    assert made.last_moment(offset, now) == max((m for m in moments if m <= now), default=None)


@pytest.mark.parametrize("name", ["XNYS", "XHKG", "XLON", "24/7"])
@settings(max_examples=60, deadline=None)
@given(minute=st.integers(0, 3 * 366 * 1440), length=st.integers(0, 12 * 1440))
def test_real_calendars_are_counted_as_the_library_counts(
    name: str, minute: int, length: int
) -> None:
    since = SINCE + minute * MINUTE
    until = since + length * MINUTE
    made, open_minutes = sessions(name), minutes(name)
    if until >= made.until:
        return
    expected = bisect_left(open_minutes, until) - bisect_left(open_minutes, since)
    assert made.market_seconds(since, until) == expected * MINUTE
    assert made.is_open(since) is (open_minutes[bisect_left(open_minutes, since)] == since)


def test_a_weekend_is_no_time_at_all() -> None:
    friday, monday = at("2026-11-20T20:59:00"), at("2026-11-23T14:31:00")
    assert sessions("XNYS").market_seconds(friday, monday) == 120
    assert monday - friday > 2 * 86_400  # by the wall clock it would be stale


def test_a_lunch_break_and_a_half_day_do_not_count() -> None:
    hong_kong, london = sessions("XHKG"), sessions("XLON")
    assert not hong_kong.is_open(at("2026-11-20T04:30:00"))
    assert hong_kong.market_seconds(at("2026-11-20T03:59:00"), at("2026-11-20T05:01:00")) == 120
    half_day = at("2026-12-24T12:29:00")
    assert london.market_seconds(half_day, half_day + 3600) == 60


def test_what_is_older_than_the_calendar_counts_at_least_from_its_start() -> None:
    made = sessions("XNYS")
    assert made.market_seconds(-1e12, made.since) == 0
    assert made.market_seconds(-1e12, made.until) == made.market_seconds(made.since, made.until)


def test_sessions_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="not in order"):
        Sessions("made", 0, 100, [Session(10, 20), Session(15, 30)])


def test_the_summer_time_of_new_york_moves_the_open() -> None:
    made = sessions("XNYS")
    opens = {
        day: made.next_moment(Offset("open", -15 * MINUTE), at(f"{day}T00:00:00"))
        for day in ("2026-03-06", "2026-03-09", "2026-10-30", "2026-11-02")
    }
    times = {day: datetime.fromtimestamp(t or 0, UTC).strftime("%H:%M") for day, t in opens.items()}
    assert times == {
        "2026-03-06": "14:15", "2026-03-09": "13:15", "2026-10-30": "13:15", "2026-11-02": "14:15",
    }  # fmt: skip


def test_the_last_close_and_the_next_session_are_found() -> None:
    made = sessions("XNYS")
    sunday = at("2026-11-22T12:00:00")
    following = made.next_session(sunday)
    assert made.last_close(sunday) == at("2026-11-20T21:00:00")
    assert following is not None
    assert following.open == at("2026-11-23T14:30:00")
    assert [s.open for s in made.around(sunday, timedelta(hours=48).total_seconds())] == [
        at("2026-11-20T14:30:00"), at("2026-11-23T14:30:00"),
    ]  # fmt: skip
