"""Walks: only the past is seen, counts are those of a plain loop, what cannot be told is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.risk_management.plain_var import PLAIN, count_violations
from trading_dashboard.agents.market_data.demo.dataset import read_rows
from trading_dashboard.agents.risk_management.backtests.estimators import (
    WalkSettings,
    estimator_of,
    garch_through,
)
from trading_dashboard.agents.risk_management.backtests.walk import (
    MAX_DAYS,
    Walk,
    backtest,
    judge,
    walk,
)
from trading_dashboard.agents.risk_management.measures.garch import fit_garch
from trading_dashboard.agents.risk_management.measures.returns import ReturnPanel
from trading_dashboard.agents.risk_management.measures.var import (
    VarSettings,
    series_var,
    value_at_risk,
)
from trading_dashboard.models.risk.errors import InvalidScenario, NotEnoughData
from trading_dashboard.models.risk.measures import VarMethod

Floats = NDArray[np.float64]
CONFIDENCES = [0.95, 0.99]


def market(days: int, seed: int = 7) -> Floats:
    """Return returns with clustered volatility and fat tails."""
    rng = np.random.default_rng(seed)
    variance, returns = 1e-4, np.empty(days)
    for day in range(days):
        returns[day] = np.sqrt(variance) * rng.standard_t(5) * np.sqrt(3 / 5)
        variance = 5e-6 + 0.1 * returns[day] ** 2 + 0.85 * variance
    return returns


def calendar(days: int) -> NDArray[np.datetime64]:
    return np.datetime64("2005-01-03", "D") + np.arange(days)


RETURNS = market(360)
DATES = calendar(360)
WINDOW = 250
QUICK = WalkSettings(paths=500, refit_days=20)


def walked(method: VarMethod, returns: Floats = RETURNS, **options: Any) -> Walk:
    return walk(
        returns, calendar(len(returns)), method, CONFIDENCES, WINDOW, settings=QUICK, **options
    )


@pytest.mark.parametrize("method", PLAIN)
def test_counts_are_those_of_a_plain_loop(method: VarMethod) -> None:
    found = walked(method).violated.sum(axis=0)
    plain = [count_violations(RETURNS.tolist(), WINDOW, one, PLAIN[method]) for one in CONFIDENCES]
    assert found.tolist() == plain
    assert plain[0] > 0


@pytest.mark.parametrize("method", PLAIN)
def test_each_days_var_is_that_of_a_plain_loop(method: VarMethod) -> None:
    found = walked(method).var
    for number in range(0, len(found), 10):
        past = RETURNS[number : number + WINDOW].tolist()
        expected = [PLAIN[method](past, confidence) for confidence in CONFIDENCES]
        np.testing.assert_allclose(found[number], expected, rtol=1e-9)


def test_real_counts_are_those_of_a_plain_loop() -> None:
    rows = [row for row in read_rows() if row.symbol == "IBM" and not row.flaws][1600:2300]
    closes = np.array([row.adjusted_close for row in rows])
    returns = closes[1:] / closes[:-1] - 1
    dates = np.array([row.session for row in rows[1:]], "datetime64[D]")
    found = backtest(returns, dates, VarMethod.NORMAL, 0.99, 500, subject="IBM")
    plain = count_violations(returns.tolist(), 500, 0.99, PLAIN[VarMethod.NORMAL])
    assert (found.days, found.violations) == (199, plain)
    assert plain > found.expected
    assert str(found.last) == rows[-1].session


@pytest.mark.parametrize("method", list(VarMethod))
def test_every_day_is_what_the_measure_says_of_the_days_before(method: VarMethod) -> None:
    found = walked(method).var
    for number in (0, 20, 40, 100):
        past = RETURNS[number : number + WINDOW]
        expected = [
            series_var(past, method, one, paths=QUICK.paths, seed=QUICK.seed)[0]
            for one in CONFIDENCES
        ]
        np.testing.assert_allclose(found[number], expected, rtol=1e-12)


Walker = Callable[[Floats], Floats]


def sees_the_future(walker: Walker, returns: Floats = RETURNS) -> bool:
    """Tell whether what was said of a day changes with what came on it or later."""
    whole = walker(returns)
    for end in (WINDOW + 1, WINDOW + 37):
        prefix = walker(returns[:end])
        if not np.array_equal(prefix, whole[: len(prefix)], equal_nan=True):
            return True
        # The day itself, too: its return must not be in its own VaR.
        crash = returns[:end].copy()
        crash[-1] = -0.9
        if not np.array_equal(walker(crash), prefix, equal_nan=True):
            return True
    return False


@pytest.mark.parametrize("method", list(VarMethod))
def test_no_walk_sees_the_future(method: VarMethod) -> None:
    assert not sees_the_future(lambda returns: walked(method, returns).var)


class Leaking:
    """Looks one day too far, or at all there is."""

    def __init__(self, returns: Floats, days: int) -> None:
        self._returns = returns
        self._days = days

    def parameters(self) -> dict[str, Any]:
        return {}

    def losses_at(self, past: Floats, day: int, confidences: Sequence[float]) -> list[float]:
        seen = self._returns[day + self._days : day + self._days + len(past)]
        return [series_var(seen, VarMethod.HISTORICAL, one)[0] for one in confidences]


@pytest.mark.parametrize("days", [1, 60])
def test_a_walk_that_sees_the_future_is_caught(days: int) -> None:
    def leaking(returns: Floats) -> Floats:
        return walked(VarMethod.NORMAL, returns, estimator=Leaking(returns, days)).var

    def honest(returns: Floats) -> Floats:
        return walked(VarMethod.NORMAL, returns, estimator=Leaking(returns, 0)).var

    assert sees_the_future(leaking)
    assert not sees_the_future(honest)


def test_a_violation_is_strictly_more_than_was_said() -> None:
    class Said(Leaking):
        def losses_at(self, past: Floats, day: int, confidences: Sequence[float]) -> list[float]:
            return [0.02 for _ in confidences]

    returns = np.concatenate([np.zeros(WINDOW), [-0.02, -0.020001, 0.5, -0.03]])
    found = walked(VarMethod.NORMAL, returns, estimator=Said(returns, 0))
    assert found.violated[:, 0].tolist() == [False, True, False, True]


def test_the_verdict_holds_what_was_walked() -> None:
    found = backtest(RETURNS, DATES, VarMethod.HISTORICAL, 0.95, WINDOW, subject="IBM")
    assert (found.days, len(found.dates), len(found.var)) == (110, 110, 110)
    assert found.violations == sum(found.violated)
    assert found.expected == pytest.approx(5.5)
    assert [test.name for test in found.tests] == [
        "kupiec",
        "christoffersen_independence",
        "christoffersen_conditional",
    ]
    assert found.traffic_light is None
    assert "needs 250 days" in found.notes[-1]
    assert (found.first, found.last) == (DATES[WINDOW].item(), DATES[-1].item())


def test_a_garch_is_kept_for_the_days_that_are_told() -> None:
    settings = WalkSettings(refit_days=10, var=VarSettings(filter="garch"))
    method = VarMethod.FILTERED_HISTORICAL
    found = walk(RETURNS[:265], DATES[:265], method, [0.95], WINDOW, settings=settings)
    assert found.parameters == {"filter": "garch", "refit_days": 10}
    fresh = [
        series_var(RETURNS[n : n + WINDOW], method, 0.95, settings=settings.var)[0]
        for n in (0, 1, 10)
    ]
    told = found.var[[0, 1, 10], 0]
    np.testing.assert_allclose(told[[0, 2]], [fresh[0], fresh[2]], rtol=1e-5)
    assert told[1] == pytest.approx(fresh[1], rel=0.05)
    assert told[1] != pytest.approx(fresh[1], rel=1e-5)


def test_a_garch_run_through_its_own_sample_is_its_fit() -> None:
    fit = fit_garch(RETURNS)
    kept = garch_through(RETURNS, fit.mean, fit.omega, fit.alpha, fit.beta)
    assert kept.next_variance == pytest.approx(fit.next_variance, rel=1e-6)
    np.testing.assert_allclose(kept.residuals, fit.residuals, rtol=1e-6)


def test_a_portfolio_is_walked_by_weights() -> None:
    table = np.column_stack([RETURNS, market(360, 8)])
    weights = [0.75, 0.25]
    alone = table @ np.array(weights)
    for method, error in ((VarMethod.HISTORICAL, 1e-9), (VarMethod.MONTE_CARLO_NORMAL, 0.2)):
        both = walked(method, table, weights=weights)
        np.testing.assert_allclose(both.var, walked(method, alone).var, rtol=error)
    copula = walked(VarMethod.MONTE_CARLO_T_COPULA, table, weights=weights)
    panel = ReturnPanel(("A", "B"), DATES[:WINDOW], table[:WINDOW])
    for column, confidence in enumerate(CONFIDENCES):
        for method, said in (
            (VarMethod.MONTE_CARLO_NORMAL, both),
            (VarMethod.MONTE_CARLO_T_COPULA, copula),
        ):
            shown = value_at_risk(panel, weights, method, confidence, paths=QUICK.paths).var
            assert said.var[0, column] == pytest.approx(shown, rel=1e-12)
    np.testing.assert_allclose(copula.returns, table[WINDOW:] @ weights)
    assert not sees_the_future(
        lambda seen: walked(VarMethod.MONTE_CARLO_T_COPULA, seen, weights=weights).var, table
    )


def test_days_without_a_return_are_left_out_and_said() -> None:
    returns = RETURNS.copy()
    returns[[10, 300]] = np.nan
    found = backtest(returns, DATES, VarMethod.HISTORICAL, 0.95, WINDOW)
    assert found.days == 108
    assert any("2 days without a return" in note for note in found.notes)
    assert DATES[300].item() not in found.dates


def test_days_on_which_var_cannot_be_told_are_in_no_test() -> None:
    class Sometimes(Leaking):
        def losses_at(self, past: Floats, day: int, confidences: Sequence[float]) -> list[float]:
            if day % 2:
                raise NotEnoughData("It does not converge.")
            return [0.0 for _ in confidences]

    estimator = Sometimes(RETURNS, 0)
    found = walked(VarMethod.NORMAL, estimator=estimator)
    assert np.isnan(found.var[1::2]).all()
    verdict = judge(found, 0, "x", VarMethod.NORMAL, 0.95, WINDOW)
    assert verdict.days == 55
    assert verdict.violations == int((RETURNS[WINDOW::2] < 0).sum())
    assert verdict.var[1] is None
    assert "On 55 days VaR could not be told: It does not converge." in verdict.notes


def test_only_the_newest_days_are_walked() -> None:
    class Constant(Leaking):
        def losses_at(self, past: Floats, day: int, confidences: Sequence[float]) -> list[float]:
            return [0.0 for _ in confidences]

    returns = np.tile(RETURNS, 20)
    found = walked(VarMethod.NORMAL, returns, estimator=Constant(returns, 0))
    assert len(found.var) == MAX_DAYS
    assert found.dates[-1] == calendar(len(returns))[-1]


def test_a_walk_can_be_ended() -> None:
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        walked(VarMethod.HISTORICAL, look=look)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"window": 30}, InvalidScenario),
        ({"window": 6_000}, InvalidScenario),
        ({"window": 360}, NotEnoughData),
        ({"weights": [1.0, 2.0]}, InvalidScenario),
        ({"weights": [float("nan")]}, InvalidScenario),
        ({"dates": DATES[::-1]}, InvalidScenario),
        ({"dates": DATES[1:]}, InvalidScenario),
        ({"weights": [0.0]}, InvalidScenario),
        (
            {
                "method": VarMethod.MONTE_CARLO_NORMAL,
                "returns": np.zeros((360, 51)),
                "weights": np.ones(51),
            },
            InvalidScenario,
        ),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    asked: dict[str, Any] = {"returns": RETURNS, "dates": DATES, "window": WINDOW} | changes
    method = asked.pop("method", VarMethod.NORMAL)
    returns, dates, window = asked.pop("returns"), asked.pop("dates"), asked.pop("window")
    with pytest.raises(error):
        backtest(returns, dates, method, 0.95, window, **asked)


def test_a_holding_with_too_little_history_is_left_out_and_named() -> None:
    young = np.full(600, np.nan)
    young[-40:] = 0.01
    returns = np.column_stack([market(600), young, market(600, 9)])
    found = backtest(
        returns, calendar(600), VarMethod.NORMAL, 0.95, WINDOW,
        weights=[0.6, -0.3, 0.1], symbols=["A", "B", "C"],
    )  # fmt: skip
    assert found.missing == ["B"]
    assert found.coverage == pytest.approx(0.7)
    assert "B: too little history, not in it; it covers 70 % of gross weight." in found.notes
    alone = backtest(
        returns[:, [0, 2]], calendar(600), VarMethod.NORMAL, 0.95, WINDOW, weights=[0.6, 0.1]
    )
    assert found.violations == alone.violations
    assert found.days == 350
    # With a year to test in, it is in.
    young[-520:] = 0.01
    returns[:, 1] = young
    whole = backtest(
        returns, calendar(600), VarMethod.NORMAL, 0.95, WINDOW, weights=[0.6, -0.3, 0.1]
    )
    assert (whole.missing, whole.days) == ([], 270)


def test_any_number_of_holdings_is_walked_without_draws() -> None:
    table = np.column_stack([market(320, seed) for seed in range(60)])
    found = backtest(table, calendar(320), VarMethod.NORMAL, 0.95, WINDOW, weights=np.ones(60))
    assert found.days == 70


def test_every_method_says_what_it_kept() -> None:
    for method in VarMethod:
        parameters = estimator_of(method, np.ones(1), WalkSettings()).parameters()
        assert parameters["refit_days"] in (1, 20)
