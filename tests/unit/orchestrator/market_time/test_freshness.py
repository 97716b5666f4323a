"""What a data report means, in market time, and what a lying one means."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.orchestrator.market_time.library import sessions
from trading_dashboard.config.settings import DataSettings
from trading_dashboard.models.health import DataReport
from trading_dashboard.models.states import DataState
from trading_dashboard.orchestrator.market_time.freshness import Freshness, judge

LIVE = DataSettings(calendar="XNYS", max_age_seconds=120)
REPLAY = DataSettings(max_age_seconds=120)
FRESH, STALE, IDLE, UNKNOWN = DataState.FRESH, DataState.STALE, DataState.IDLE, DataState.UNKNOWN


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def live(now: str, received: str | None = None, **report: Any) -> Freshness:
    made = DataReport.model_validate({"state": "fresh", **report})
    return judge(made, at(received or now), at(now), LIVE, sessions("XNYS"))


def test_friday_s_data_is_fresh_on_monday_morning() -> None:
    newest = "2026-11-20T20:59:30Z"
    found = live("2026-11-23T14:30:30", newest_at=newest)
    assert (found.state, found.age_seconds) == (FRESH, 60)
    # Control: by the wall clock, which a calendar that never closes stands for, it is stale.
    report = DataReport(state=FRESH, newest_at=newest)
    now = at("2026-11-23T14:30:30")
    assert judge(report, now, now, LIVE, sessions("24/7")).state is STALE


@pytest.mark.parametrize(
    ("now", "newest", "state"),
    [
        ("2026-11-20T15:00:00", "2026-11-20T14:58:30Z", FRESH),
        ("2026-11-20T15:00:00", "2026-11-20T14:57:30Z", STALE),
        ("2026-11-21T15:00:00", "2026-11-20T20:59:30Z", IDLE),
        ("2026-11-21T15:00:00", "2026-11-20T20:30:00Z", STALE),  # the rest of Friday is missing
        ("2026-11-26T15:00:00", "2026-11-25T20:59:30Z", IDLE),  # Thanksgiving
        ("2026-11-27T18:30:00", "2026-11-27T17:59:30Z", IDLE),  # after a half day
        ("2026-11-27T18:30:00", "2026-11-27T17:50:00Z", STALE),
        ("2026-11-20T15:00:00", "2026-11-20T09:59:00-05:00", FRESH),
        ("2026-11-20T15:00:00", "2026-11-20T15:00:04Z", FRESH),  # clocks differ a little
        ("2026-11-20T15:00:00", "1970-01-01T00:00:00Z", STALE),
        ("2026-11-20T15:00:00", "0001-01-01T00:00:00Z", STALE),
    ],
)
def test_the_age_is_counted_in_market_time(now: str, newest: str, state: DataState) -> None:
    assert live(now, newest_at=newest).state is state


def test_a_lunch_break_is_idle() -> None:
    report = DataReport(state=FRESH, newest_at="2026-11-20T03:59:30Z")
    now = at("2026-11-20T04:30:00")
    assert judge(report, now, now, LIVE, sessions("XHKG")).state is IDLE


def test_the_stale_weekend_says_that_the_session_is_incomplete() -> None:
    found = live("2026-11-21T15:00:00", newest_at="2026-11-20T20:30:00Z")
    assert found.message is not None
    assert "30 min old in market time, allowed are 2 min" in found.message
    assert "the market has closed" in found.message


@pytest.mark.parametrize(
    ("newest", "words"),
    [
        ("2026-11-20T15:00:06Z", "6 s in the future"),
        ("9999-12-31T23:59:59Z", "in the future"),
        ("2026-11-20T14:59:00", "no time zone"),
        ("yesterday", "not a time"),
        ("", "not a time"),
        ("NaN", "not a time"),
        ("2026-02-30T00:00:00Z", "not a time"),
        ("0001-01-01T00:00:00+14:00", "not a time"),
    ],
)
def test_a_lying_newest_at_is_unknown_and_says_why(newest: str, words: str) -> None:
    found = live("2026-11-20T15:00:00", newest_at=newest)
    if found.state is STALE:  # before the first representable moment, yet a time
        assert newest.startswith("0001")
        return
    assert found.state is UNKNOWN
    assert found.message is not None
    assert words in found.message


def test_the_agents_own_word_counts_too() -> None:
    newest = "2026-11-20T14:59:30Z"
    assert live("2026-11-20T15:00:00", newest_at=newest, state="stale").state is STALE
    assert live("2026-11-20T15:00:00", newest_at=newest, state="idle").state is FRESH
    assert live("2026-11-20T15:00:00", state="idle").state is UNKNOWN
    old = "2026-11-20T14:30:00Z"
    assert live("2026-11-20T15:00:00", newest_at=old, state="fresh").state is STALE


def test_an_age_grows_while_the_agent_is_silent_and_the_market_trades() -> None:
    said: dict[str, Any] = {"age_seconds": 60, "received": "2026-11-20T20:59:30"}
    assert live("2026-11-20T20:59:50", **said).age_seconds == 80
    assert live("2026-11-21T12:00:00", **said).age_seconds == 90
    assert live("2026-11-23T14:30:40", **said).state is STALE
    # Control: without growing it would be fresh for ever.
    assert live("2026-11-20T20:59:30", **said).state is FRESH


def replay(waited: float, **report: Any) -> Freshness:
    made = DataReport.model_validate(report)
    return judge(made, 1e9, 1e9 + waited, REPLAY, None)


def test_a_replay_is_judged_by_its_own_age_never_by_the_wall_clock() -> None:
    newest = "2012-09-04T14:00:00Z"
    said = {"state": "fresh", "age_seconds": 3, "newest_at": "2001-09-04T14:00:00Z"}
    assert replay(0, **said).state is FRESH
    assert replay(200, **said).state is STALE
    assert replay(200, **said | {"market": "closed"}).state is FRESH
    assert replay(0, state="unknown", age_seconds=3).state is FRESH
    assert replay(0, state="idle", age_seconds=3, market="closed").state is IDLE
    assert replay(0, state="fresh", age_seconds=500).state is STALE
    # Control: with a calendar it would be stale, for all its replayed data is old.
    report = DataReport(state=FRESH, age_seconds=3, newest_at=newest)
    now = at("2026-11-20T15:00:00")
    assert judge(report, now, now, LIVE, sessions("XNYS")).state is STALE


def test_without_a_limit_the_agents_word_is_all_there_is() -> None:
    report = DataReport(state=FRESH, age_seconds=9_999)
    assert judge(report, 0, 0, DataSettings(), None).state is FRESH
