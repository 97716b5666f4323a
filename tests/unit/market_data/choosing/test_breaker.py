"""The breaker's table, and what holds whatever happens."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trading_dashboard.agents.market_data.choosing.breaker import (
    Breaker,
    BreakerChange,
    BreakerState,
)

OPEN_SECONDS, CAP_SECONDS, FAILURES = 30.0, 120.0, 3


def breaker(changes: list[BreakerChange] | None = None) -> Breaker:
    seen = changes if changes is not None else []
    return Breaker(
        failures_to_open=FAILURES,
        open_seconds=OPEN_SECONDS,
        open_cap_seconds=CAP_SECONDS,
        on_change=seen.append,
    )


def fail(each: Breaker, now: float, times: int = 1) -> None:
    for _ in range(times):
        each.failed(each.begin(now), now)


def test_opens_after_failures_in_a_row_only() -> None:
    each = breaker()
    fail(each, 0.0, FAILURES - 1)
    each.succeeded(each.begin(0.0))
    fail(each, 0.0, FAILURES - 1)
    assert each.allows(0.0)
    fail(each, 0.0)
    assert each.state is BreakerState.OPEN
    assert not each.allows(OPEN_SECONDS - 0.1)
    with pytest.raises(RuntimeError):
        each.begin(1.0)


def test_one_trial_then_closed_or_open_for_twice_as_long() -> None:
    each = breaker()
    fail(each, 0.0, FAILURES)
    ticket = each.begin(30.0)
    assert not each.allows(30.0)
    each.failed(ticket, 31.0)
    assert not each.allows(31.0 + 59.9)
    ticket = each.begin(31.0 + 60.0)
    each.succeeded(ticket)
    assert each.state is BreakerState.CLOSED
    fail(each, 100.0, FAILURES)
    assert each.retry_at == 130.0


def test_the_rest_is_capped() -> None:
    each = breaker()
    fail(each, 0.0, FAILURES)
    for _ in range(100):
        fail(each, each.retry_at)
    now = each.retry_at
    fail(each, now)
    assert each.retry_at == now + CAP_SECONDS


def test_an_abandoned_trial_lets_another_be_made() -> None:
    each = breaker()
    fail(each, 0.0, FAILURES)
    each.abandoned(each.begin(30.0), 31.0)
    assert each.allows(31.0)


def test_a_late_failure_of_before_changes_nothing() -> None:
    each = breaker()
    late = each.begin(0.0)
    fail(each, 0.0, FAILURES)
    each.failed(late, 29.0)
    assert each.retry_at == 30.0
    each.succeeded(late)
    assert each.state is BreakerState.OPEN


def test_a_refusal_opens_for_long_until_settings_change() -> None:
    changes: list[BreakerChange] = []
    each = breaker(changes)
    each.refused(each.begin(0.0), 0.0, 3600.0)
    assert (each.is_refused, each.allows(3599.0)) == (True, False)
    each.reset()
    assert (each.is_refused, each.allows(1.0)) == (False, True)
    assert [change.trigger for change in changes] == ["refused", "reset"]


class Life(RuleBasedStateMachine):
    """Requests begin, end in any order and any way, while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[BreakerChange] = []
        self.breaker = breaker(self.changes)
        self.now = 0.0
        self.under_way: list[int] = []
        self.trials = 0
        self.opened_at = 0.0

    @rule(seconds=st.floats(0.0, 100.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def begin(self) -> None:
        was = self.breaker.state
        if self.breaker.allows(self.now):
            assert was is not BreakerState.HALF_OPEN
            assert was is BreakerState.CLOSED or self.now >= self.breaker.retry_at
            self.under_way.append(self.breaker.begin(self.now))

    @rule(which=st.integers(0, 50), how=st.sampled_from(["ok", "failed", "refused", "left"]))
    def end(self, which: int, how: str) -> None:
        if not self.under_way:
            return
        ticket = self.under_way.pop(which % len(self.under_way))
        if how == "ok":
            self.breaker.succeeded(ticket)
        elif how == "failed":
            self.breaker.failed(ticket, self.now)
        elif how == "refused":
            self.breaker.refused(ticket, self.now, 500.0)
        else:
            self.breaker.abandoned(ticket, self.now)

    @invariant()
    def half_open_has_exactly_one_request_that_counts(self) -> None:
        if self.breaker.state is BreakerState.HALF_OPEN:
            assert not self.breaker.allows(self.now)
            newest = max(self.under_way)
            assert self.under_way.count(newest) == 1

    @invariant()
    def an_open_breaker_lets_one_through_in_the_end(self) -> None:
        if self.breaker.state is BreakerState.OPEN:
            assert self.breaker.retry_at <= self.now + 500.0

    @invariant()
    def refused_means_not_closed(self) -> None:
        assert not (self.breaker.is_refused and self.breaker.state is BreakerState.CLOSED)


TestLife = Life.TestCase
