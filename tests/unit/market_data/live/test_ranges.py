"""Days become stretches of time by the sessions, and nothing reaches past now."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tests.unit.market_data.live.fakes import DAY, HOUR, micros, rows, weekday_sessions
from trading_dashboard.agents.market_data.live.ranges import ends, reach, stretch_of

NOW = micros(2026, 3, 20, 18, 0)
SESSIONS = weekday_sessions()


def test_days_of_intraday_bars_are_sessions() -> None:
    found = stretch_of(SESSIONS, "1h", date(2026, 3, 7), date(2026, 3, 10), NOW)
    assert found.start == micros(2026, 3, 9, 14, 30)  # the 7th is a Saturday
    assert found.end == micros(2026, 3, 10, 21, 0)


def test_nothing_is_asked_for_past_now() -> None:
    found = stretch_of(SESSIONS, "1m", date(2026, 3, 20), date(2026, 3, 25), NOW)
    assert (found.start, found.end) == (micros(2026, 3, 20, 14, 30), NOW)
    future = stretch_of(SESSIONS, "1m", date(2026, 3, 24), None, NOW)
    assert future.start == future.end == NOW


@pytest.mark.parametrize(
    ("interval", "first"), [("1d", (2026, 3, 11)), ("1w", (2026, 3, 9)), ("1M", (2026, 3, 1))]
)
def test_a_week_or_month_that_is_touched_is_whole(
    interval: str, first: tuple[int, int, int]
) -> None:
    found = stretch_of(SESSIONS, interval, date(2026, 3, 11), date(2026, 3, 12), NOW)
    assert found.start == micros(*first)
    assert found.end == micros(2026, 3, 13)


@pytest.mark.parametrize("interval", ["1h", "1d"])
@pytest.mark.parametrize("count", [1, 2, 7, 8, 30])
def test_the_newest_bars_are_within_reach(interval: str, count: int) -> None:
    end = micros(2026, 4, 10)
    begin = reach(SESSIONS, interval, count, end)
    found = rows(interval, begin, end)
    assert len(found) >= count or begin <= micros(2026, 3, 2) + DAY
    if interval == "1h":
        assert end - begin <= (count // 7 + 6) * DAY + 24 * HOUR


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        ("1h", (2026, 3, 20, 17, 30), (2026, 3, 20, 18, 30)),
        ("1h", (2026, 3, 20, 20, 30), (2026, 3, 20, 21, 0)),  # the session ends before the hour
        ("1d", (2026, 3, 20), (2026, 3, 20, 21, 0)),
        ("1w", (2026, 3, 16), (2026, 3, 20, 21, 0)),
        ("1M", (2026, 3, 1), (2026, 3, 31, 21, 0)),
        ("1d", (2026, 3, 21), (2026, 3, 22)),  # a Saturday
    ],
)
def test_a_bar_is_complete_when_its_time_or_its_session_is_over(
    interval: str, start: tuple[int, ...], end: tuple[int, ...]
) -> None:
    found = ends(np.array([micros(*start)], dtype=np.int64), interval, SESSIONS)
    assert found.tolist() == [micros(*end)]
