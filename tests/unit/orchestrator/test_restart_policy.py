"""RestartBudget: first at once, then slower, then no more."""

import random

from hypothesis import given
from hypothesis import strategies as st

from trading_dashboard.config.settings import RestartSettings
from trading_dashboard.orchestrator.restart_policy import CrashLoop, RestartAfter, RestartBudget

POLICY = RestartSettings(
    max_restarts=3, window_seconds=100, first_delay_seconds=1, max_delay_seconds=8
)


def test_first_failure_restarts_at_once() -> None:
    assert RestartBudget(POLICY).on_failure(now=0, uptime_seconds=0) == RestartAfter(0)


def test_budget_spent_within_the_window_is_a_crash_loop() -> None:
    budget = RestartBudget(POLICY)
    for now in (0, 10, 20):
        assert isinstance(budget.on_failure(now, uptime_seconds=0), RestartAfter)
    assert budget.on_failure(30, uptime_seconds=0) == CrashLoop(3, 100)


def test_window_slides() -> None:
    budget = RestartBudget(POLICY)
    decisions = [budget.on_failure(now, uptime_seconds=0) for now in (0, 60, 120, 180, 240)]
    assert not any(isinstance(decision, CrashLoop) for decision in decisions)


def test_stable_uptime_makes_the_next_failure_a_first_one() -> None:
    budget = RestartBudget(POLICY)
    budget.on_failure(0, uptime_seconds=0)
    stable = POLICY.stable_after_seconds
    assert budget.on_failure(90, uptime_seconds=stable) == RestartAfter(0)


def test_a_person_starting_the_agent_forgives_all() -> None:
    budget = RestartBudget(POLICY)
    for now in range(3):
        budget.on_failure(now, uptime_seconds=0)
    budget.forgive()
    assert budget.on_failure(4, uptime_seconds=0) == RestartAfter(0)


@given(st.lists(st.floats(0, 50), max_size=2_000), st.integers())
def test_never_more_restarts_in_a_window_than_allowed(gaps: list[float], seed: int) -> None:
    budget, now, starts = RestartBudget(POLICY, random.Random(seed)), 0.0, []
    for gap in gaps:
        now += gap
        decision = budget.on_failure(now, uptime_seconds=0)
        if isinstance(decision, RestartAfter):
            assert 0 <= decision.delay_seconds <= POLICY.max_delay_seconds
            now += decision.delay_seconds
            starts.append(now)
    for first, fourth in zip(starts, starts[POLICY.max_restarts :], strict=False):
        assert fourth - first >= POLICY.window_seconds - 1e-6  # float rounding
