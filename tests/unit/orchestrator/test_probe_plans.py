"""From an agent's settings to what it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import write_project
from trading_dashboard.config import load_settings
from trading_dashboard.orchestrator.expectations import ANY_ANSWER, SUCCESS, Expectation
from trading_dashboard.orchestrator.output.line_watch import LineWatch
from trading_dashboard.orchestrator.probe_plans import ProbePlan, plans_for


def plans(tmp_path: Path, probes: Any, **more: Any) -> dict[str, ProbePlan]:
    agent = {"url": "http://localhost:8000", "start_command": ["x"], "probes": probes, **more}
    write_project(tmp_path, {"agents": {"a": agent}})
    found = plans_for(load_settings(tmp_path, environ={}).settings.agents["a"])
    return {"+".join(plan.roles): plan for plan in found}


TCP = {"kind": "tcp"}


@pytest.mark.parametrize(
    ("probes", "expected"),
    [
        (None, "startup+readiness+liveness"),
        ({"startup": TCP}, "startup readiness+liveness"),
        ({"readiness": {}}, "startup+readiness liveness"),
        ({"readiness": None}, "startup+readiness liveness"),
        ({"readiness": TCP}, "startup+readiness"),
        ({"readiness": TCP, "liveness": TCP}, "startup+readiness liveness"),
        ({"liveness": TCP}, "startup+readiness liveness"),
        ({"startup": TCP, "readiness": TCP, "liveness": TCP}, "startup readiness liveness"),
    ],
)
def test_each_role_is_decided_by_at_most_one_question(
    tmp_path: Path, probes: Any, expected: str
) -> None:
    assert " ".join(plans(tmp_path, probes)) == expected


def test_what_is_not_said_is_the_agents(tmp_path: Path) -> None:
    more = {
        "timeout": 3,
        "health_check_interval": 7,
        "failure_threshold": 4,
        "success_threshold": 2,
    }
    found = plans(tmp_path, {"readiness": {}, "liveness": {"path": "/live", "port": 81}}, **more)
    ready, live = found["startup+readiness"], found["liveness"]
    assert (ready.url, live.url) == ("http://localhost:8000/health", "http://localhost:81/live")
    for plan in (ready, live):
        assert (plan.timeout_seconds, plan.interval_seconds) == (3, 7)
        assert (plan.failure_threshold, plan.success_threshold) == (4, 2)
    assert ready.startup_interval_seconds == 0.1


def test_only_an_interval_of_the_startup_probe_slows_the_start(tmp_path: Path) -> None:
    found = plans(tmp_path, {"startup": {"interval_seconds": 2}})
    assert found["startup"].startup_interval_seconds == 2
    found = plans(tmp_path, {"readiness": {"interval_seconds": 2}})
    assert found["startup+readiness"].startup_interval_seconds == 0.1


def test_an_address_in_brackets_stays_one(tmp_path: Path) -> None:
    found = plans(tmp_path, {"liveness": {"port": 81}}, url="http://[::1]:8000")
    assert found["liveness"].url == "http://[::1]:81/health"


def test_liveness_of_the_health_endpoint_is_content_with_any_answer(tmp_path: Path) -> None:
    def expected(probe: dict[str, Any]) -> Expectation:
        return plans(tmp_path, {"liveness": probe})["liveness"].expected

    assert expected({}) is ANY_ANSWER
    assert expected({"path": "/live"}) is SUCCESS
    assert expected({"expected_status": [200]}) == Expectation(((200, 200),))
    assert expected({"expected_body": "ok"}) == Expectation(ANY_ANSWER.statuses, b"ok")


def test_probes_can_be_set_by_variables(tmp_path: Path) -> None:
    agent = {"url": "http://localhost:8000", "start_command": ["x"]}
    write_project(tmp_path, {"agents": {"a": agent}})
    prefix = "TRADING_DASHBOARD__AGENTS__A__PROBES__LIVENESS__"
    environ = {f"{prefix}PATH": "/live", f"{prefix}TIMEOUT_SECONDS": "2"}
    loaded = load_settings(tmp_path, environ=environ)
    liveness = loaded.settings.agents["a"].probes.liveness
    assert liveness is not None
    assert (liveness.path, liveness.timeout_seconds) == ("/live", 2)
    assert loaded.origins["agents.a.probes.liveness.path"].name == f"{prefix}PATH"


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ("it is up", True),
        ("it is Up", False),
        ('{"message": "it is up", "level": "info"}', True),
        ('{"level": "info", "msg": "it \\u0069s up"}', True),
        ('{"message": "down", "was": "it is up"}', False),
        ('{"text": "it is up"}', True),
        ('{"message": "it is up"', True),
    ],
)
def test_a_line_counts_by_what_it_says(line: str, is_found: bool) -> None:
    watch = LineWatch("is up", lambda _: None)
    watch.look(f"before\n{line}\nafter")
    assert (watch.seen_at is not None) is is_found
