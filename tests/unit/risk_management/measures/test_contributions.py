"""Component, marginal and incremental VaR: they add up, and are what differentiating VaR gives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from trading_dashboard.agents.risk_management.measures.contributions import contributions
from trading_dashboard.agents.risk_management.measures.returns import ReturnPanel, expose
from trading_dashboard.agents.risk_management.measures.var import value_at_risk
from trading_dashboard.models.risk.errors import InvalidScenario
from trading_dashboard.models.risk.measures import VarMethod

VALUES = np.array([10_000.0, -4_000.0, 7_500.0, 0.0, 3_300.0])
HELD = VALUES[VALUES != 0]
BOTH = [VarMethod.NORMAL, VarMethod.HISTORICAL]


def panel_of(days: int, seed: int = 4, *, is_normal: bool = False) -> ReturnPanel:
    draws = np.random.default_rng(seed)
    shape = (days, len(VALUES))
    own = draws.standard_normal(shape) if is_normal else draws.standard_t(4, shape)
    common = draws.standard_normal((days, 1))
    dates = np.datetime64("2000-01-03") + np.arange(days)
    return ReturnPanel(tuple("ABCDE"), dates, 0.0002 + 0.01 * own + 0.007 * common)


PANEL = panel_of(600)


@pytest.mark.parametrize("horizon", [1, 10])
@pytest.mark.parametrize("method", BOTH)
def test_components_add_up_to_the_var_that_is_shown(method: VarMethod, horizon: int) -> None:
    exposure = expose(PANEL, VALUES)
    found = contributions(exposure, method, 0.99, horizon)
    shown = value_at_risk(PANEL, VALUES, method, 0.99, horizon).var
    assert exposure.symbols == ("A", "B", "C", "E")
    assert found.var == pytest.approx(shown, rel=1e-8)
    assert found.component.sum() == pytest.approx(shown, rel=1e-8)
    np.testing.assert_allclose(found.marginal * HELD, found.component, rtol=1e-8)
    # Incremental VaRs do not add up: the sum would not be told from the whole otherwise.
    assert found.incremental.sum() != pytest.approx(shown, rel=1e-3)


@pytest.mark.parametrize("method", BOTH)
def test_incremental_is_var_less_var_without_it(method: VarMethod) -> None:
    found = contributions(expose(PANEL, VALUES), method, 0.95)
    for place, column in enumerate([0, 1, 2, 4]):
        without = VALUES.copy()
        without[column] = 0
        expected = found.var - value_at_risk(PANEL, without, method, 0.95).var
        assert found.incremental[place] == pytest.approx(expected, rel=1e-8)


def test_normal_marginals_are_the_derivative() -> None:
    returns = PANEL.returns[:, VALUES != 0]
    mean, covariance = returns.mean(axis=0), np.cov(returns.T)
    z = stats.norm.ppf(0.99)

    def derivative(column: int, days: float) -> float:
        # Complex step: exact to the last digits, unlike a difference.
        moved = HELD.astype(complex)
        moved[column] += 1e-20j
        var = z * np.sqrt(days * (moved @ covariance @ moved)) - days * (mean @ moved)
        return float(var.imag / 1e-20)

    found = contributions(expose(PANEL, VALUES), VarMethod.NORMAL, 0.99, 5)
    np.testing.assert_allclose(found.marginal, [derivative(i, 5) for i in range(4)], rtol=1e-8)
    assert found.marginal[0] != pytest.approx(derivative(0, 4), rel=1e-6)


def test_historical_components_are_conditional_expectations() -> None:
    # Of a long normal history they are known: E[v r | P = −VaR] is linear in VaR.
    panel = panel_of(60_000, is_normal=True)
    returns = panel.returns[:, VALUES != 0]
    found = contributions(expose(panel, VALUES), VarMethod.HISTORICAL, 0.95)
    share = np.cov(returns.T) @ HELD / np.var(returns @ HELD, ddof=1)
    surprise = found.var + returns.mean(axis=0) @ HELD
    expected = HELD * (share * surprise - returns.mean(axis=0))
    np.testing.assert_allclose(found.component, expected, atol=0.02 * found.var)
    assert np.abs(found.component / found.var - HELD / HELD.sum()).max() > 0.1


def test_a_hedge_has_a_component_below_zero() -> None:
    panel = ReturnPanel(("A", "B"), PANEL.dates, PANEL.returns[:, [0, 0]])
    for method in BOTH:
        found = contributions(expose(panel, [1000.0, -400.0]), method)
        assert found.component[1] < 0 < found.component[0]
        assert found.incremental[1] < 0


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize(
    "values", [[1e250, -1e250, 3e250, 0, 1], [-1, -2, -3, -4, -5], [1e-300] * 5, [0, 0, 0, 0, 0]]
)
def test_any_size_has_an_answer(method: VarMethod, values: list[float]) -> None:
    found = contributions(expose(PANEL, values), method)
    numbers = [found.var, *found.component, *found.marginal, *found.incremental]
    assert np.isfinite(numbers).all()
    assert found.component.sum() == pytest.approx(found.var, rel=1e-8)


def test_flat_and_hedged_out_holdings_have_an_answer() -> None:
    flat = ReturnPanel(("A", "B"), PANEL.dates, np.zeros((600, 2)))
    hedged = ReturnPanel(("A", "B"), PANEL.dates, PANEL.returns[:, [0, 0]])
    for panel in (flat, hedged):
        for method in BOTH:
            found = contributions(expose(panel, [500.0, -500.0]), method)
            assert found.var == pytest.approx(0, abs=1e-6)
            assert np.isfinite(found.component).all()


def test_other_methods_are_refused() -> None:
    with pytest.raises(InvalidScenario, match="normal and the historical"):
        contributions(expose(PANEL, VALUES), VarMethod.STUDENT_T)
