"""Mistakes in `schedule` and `data`, and what is no mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import write_project
from trading_dashboard.config import load_settings
from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.models.errors import ConfigurationError, Mistake


def load(root: Path, environ: dict[str, str] | None = None, **sections: Any) -> AgentSettings:
    agent = {"url": "http://localhost:8000", "start_command": ["python", "run.py"], **sections}
    write_project(root, {"agents": {"a": agent}})
    return load_settings(root, environ=environ or {}).settings.agents["a"]


def mistakes(root: Path, **sections: Any) -> list[Mistake]:
    with pytest.raises(ConfigurationError) as caught:
        load(root, **sections)
    return list(caught.value.mistakes)


@pytest.mark.parametrize(
    ("schedule", "key", "problem", "remedy"),
    [
        ({"calendar": "XNSY", "start": "open", "stop": "close"}, "calendar",
         "not a known exchange calendar", "Did you mean XNYS?"),
        ({"calendar": "nasdaq", "start": "open", "stop": "close"}, "calendar",
         "not a known exchange calendar", "Did you mean NASDAQ?"),
        ({"calendar": "moon", "start": "open", "stop": "close"}, "calendar",
         "not a known exchange calendar", "such as XNYS"),
        ({"calendar": "XNYS", "start": "opne-15m", "stop": "close"}, "start",
         "not a moment of a session", "Write open-15m"),
        ({"calendar": "XNYS", "start": "open-99h", "stop": "close"}, "start",
         "not a moment of a session", "at most 72 hours"),
        ({"calendar": "XNYS", "start": "open+30m", "stop": "open-15m"}, "stop",
         "not after the start", "Write a later one"),
        ({"calendar": "XNYS", "start": "open", "stop": "close", "timezone": "Europe/Berlin"},
         "timezone", "not used with a calendar", "Remove it"),
        ({"calendar": "XNYS", "start": "open"}, "stop", "is missing", "a start and a stop"),
        ({"timezone": "Europe/Berlin"}, "start", "is missing", "a start and a stop"),
        ({"start": "open-15m", "stop": "close+30m"}, "start",
         "needs the schedule's calendar", "such as calendar: XNYS"),
        ({"start": "0 8 * *", "stop": "0 18 * * *"}, "start", "five fields", "mon-fri"),
        ({"start": "0 25 * * *", "stop": "0 18 * * *"}, "start", "Bad hour", "mon-fri"),
        ({"start": "0 8 30 2 *", "stop": "0 18 * * *"}, "start", "Bad day-of-month", "mon-fri"),
        ({"start": "0 8 * * *", "stop": "0  8 * * *"}, "stop", "same time as the start", "two"),
        ({"start": "0 8 * * *", "stop": "0 9 * * *", "timezone": "Europe/Berln"}, "timezone",
         "not a known time zone", "Did you mean Europe/Berlin?"),
        ({"start": "0 8 * * *", "stop": "0 9 * * *", "timezone": "../../etc/passwd"}, "timezone",
         "not a known time zone", ""),
    ],
)  # fmt: skip
def test_a_wrong_schedule_is_told(
    tmp_path: Path, schedule: dict[str, str], key: str, problem: str, remedy: str
) -> None:
    found = [m for m in mistakes(tmp_path, schedule=schedule) if m.key.endswith(f"schedule.{key}")]
    assert found
    assert problem in found[0].problem
    assert remedy in found[0].remedy


@pytest.mark.parametrize(
    ("data", "key", "problem"),
    [
        ({"calendar": "XNY"}, "calendar", "not a known exchange calendar"),
        ({"max_age_seconds": 0}, "max_age_seconds", "out of bounds"),
        ({"max_age_seconds": "120"}, "max_age_seconds", "is text"),
        ({"when_stale": "reboot"}, "when_stale", "not one of the possible values"),
        ({"max_age": 5}, "max_age", "not a known key"),
    ],
)
def test_a_wrong_data_section_is_told(
    tmp_path: Path, data: dict[str, Any], key: str, problem: str
) -> None:
    (found,) = mistakes(tmp_path, data=data)
    assert found.key.endswith(f"data.{key}")
    assert problem in found.problem


def test_what_is_right_is_read(tmp_path: Path) -> None:
    agent = load(
        tmp_path,
        schedule={"calendar": "NASDAQ", "start": "close+1h", "stop": "open-15m"},
        data={"calendar": "24/7", "max_age_seconds": 120},
    )
    assert agent.schedule.is_set
    assert agent.data.when_stale == "report"


def test_a_variable_sets_them(tmp_path: Path) -> None:
    environ = {
        "TRADING_DASHBOARD__AGENTS__A__SCHEDULE__CALENDAR": "XLON",
        "TRADING_DASHBOARD__AGENTS__A__DATA__MAX_AGE_SECONDS": "60",
    }
    schedule = {"start": "open", "stop": "close"}
    agent = load(tmp_path, environ, schedule=schedule)
    assert (agent.schedule.calendar, agent.data.max_age_seconds) == ("XLON", 60)
