"""How old an agent's newest datum is, and what that means. Pure; times are seconds since 1970 UTC.

Owns the judgement of one data report against `agents.NAME.data`. When it is judged and what follows
is `freshness_rule`'s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from trading_dashboard.config.settings import DataSettings
from trading_dashboard.models.health import DataReport
from trading_dashboard.models.states import DataState
from trading_dashboard.orchestrator.market_time.sessions import Sessions

CLOCK_SLACK_SECONDS = 5.0
"""So far ahead of ours an agent's clock may be."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """What is shown of an agent's data."""

    state: DataState
    age_seconds: float | None = None
    newest_at: datetime | None = None
    message: str | None = None
    """Why it is stale or unknown, if that needs words."""


def judge(
    report: DataReport,
    received: float,
    now: float,
    settings: DataSettings,
    sessions: Sessions | None,
) -> Freshness:
    """Return what a report means now.

    Args:
        report: The agent's own words.
        received: When they came.
        now: Not before that; an age goes on growing meanwhile.
        settings: What the configuration allows.
        sessions: Of `settings.calendar`; None without one.
    """
    newest, problem = _newest(report, received)
    if problem is not None:
        return Freshness(DataState.UNKNOWN, message=problem)
    age = _age(report, newest, received, now, sessions)
    limit = settings.max_age_seconds
    if age is not None and limit is not None and age > limit:
        return Freshness(DataState.STALE, age, newest, _too_old(age, limit, now, sessions))
    state, message = _within(report, age, limit, now, sessions)
    return Freshness(state, age, newest, message)


def _newest(report: DataReport, received: float) -> tuple[datetime | None, str | None]:
    """Return `newest_at` as a moment, and why it cannot be one."""
    if report.newest_at is None:
        return None, None
    try:
        newest = datetime.fromisoformat(report.newest_at)
        ahead = newest.timestamp() - received if newest.tzinfo else None
    except (ValueError, OverflowError):
        return None, "its newest_at is not a time"
    if ahead is None:
        return None, "its newest_at has no time zone"
    if ahead > CLOCK_SLACK_SECONDS:
        return None, f"its newest datum is {ahead:.0f} s in the future"
    return newest, None


def _age(
    report: DataReport,
    newest: datetime | None,
    received: float,
    now: float,
    sessions: Sessions | None,
) -> float | None:
    """Return the age in market seconds, by our own count where a calendar allows it."""
    if sessions is not None and newest is not None:
        return sessions.market_seconds(newest.timestamp(), now)
    if report.age_seconds is None or not math.isfinite(report.age_seconds):
        return None
    since = max(now - received, 0.0)
    if sessions is not None:
        since = sessions.market_seconds(received, now)
    elif _says_closed(report):
        since = 0.0
    return report.age_seconds + since


def _too_old(age: float, limit: float, now: float, sessions: Sessions | None) -> str:
    text = f"its newest datum is {in_words(age)} old in market time, allowed are {in_words(limit)}"
    if sessions is not None and not sessions.is_open(now):
        return f"{text}; the market has closed without the rest"
    return text


def _within(
    report: DataReport,
    age: float | None,
    limit: float | None,
    now: float,
    sessions: Sessions | None,
) -> tuple[DataState, str | None]:
    """Return the state of data that is not too old by our count, or of unknown age."""
    if report.state is DataState.STALE:
        return DataState.STALE, "the agent calls its data stale"
    if sessions is not None and not sessions.is_open(now):
        return DataState.IDLE, None
    is_judged = age is not None and limit is not None
    if is_judged and (sessions is not None or report.state is DataState.UNKNOWN):
        is_idle = sessions is None and _says_closed(report)
        return (DataState.IDLE if is_idle else DataState.FRESH), None
    if sessions is not None and report.state is DataState.IDLE:
        return DataState.UNKNOWN, f"it says idle while {sessions.calendar} is open"
    return report.state, None


def _says_closed(report: DataReport) -> bool:
    return report.state is DataState.IDLE or (report.market or "").strip().lower() == "closed"


def in_words(seconds: float) -> str:
    """Return how old something is, such as ``45 s``, ``36 min`` or ``3 h 5 min``."""
    if seconds < 120:
        return f"{round(seconds, 1):g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
