"""Whatever is held and whatever is missing: a number, or a reason, and never NaN."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_dashboard.agents.risk_management.measures import ratios, volatility
from trading_dashboard.agents.risk_management.measures.drawdown import drawdown
from trading_dashboard.agents.risk_management.measures.question import (
    PortfolioQuestion,
    PortfolioReport,
)
from trading_dashboard.agents.risk_management.measures.report import portfolio_risk
from trading_dashboard.agents.risk_management.measures.returns import (
    Floats,
    ReturnPanel,
    expose,
)
from trading_dashboard.agents.risk_management.measures.tails import tail, weighted_tail
from trading_dashboard.agents.risk_management.measures.var import (
    VarSettings,
    series_var,
    value_at_risk,
)
from trading_dashboard.models.risk.errors import InvalidScenario, NotEnoughData
from trading_dashboard.models.risk.measures import Measure, VarMethod

DAYS = 80
METHODS = list(VarMethod)
PATHS = 200


def panel_of(returns: Floats) -> ReturnPanel:
    symbols = tuple(f"S{i}" for i in range(returns.shape[1]))
    return ReturnPanel(symbols, np.datetime64("2005-01-03") + np.arange(len(returns)), returns)


def noise(columns: int = 3, days: int = DAYS, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_t(4, (days, columns)) * 0.01


def measures_of(report: PortfolioReport) -> list[Measure]:
    rows = [m for row in report.var for m in (row.var, row.expected_shortfall)]
    return [*report.measures, *rows]


def numbers_in(value: Any) -> list[float]:
    """Return every float of a nested answer."""
    if isinstance(value, float):
        return [value]
    if isinstance(value, dict):
        return [n for part in value.values() for n in numbers_in(part)]
    if isinstance(value, list | tuple):
        return [n for part in value for n in numbers_in(part)]
    return []


def assert_sound(report: PortfolioReport) -> None:
    """No NaN anywhere; what has no value says why; shortfall is not below VaR."""
    parts = [*report.measures, *report.var, *report.contributions]
    parts += [report.correlation] if report.correlation else []
    dumped = [part.model_dump() for part in parts]
    assert all(json.loads(part.model_dump_json()) for part in parts)
    assert all(math.isfinite(number) for number in numbers_in(dumped))
    for measure in measures_of(report):
        assert measure.value is not None or measure.note, measure.id
        assert measure.formula
        assert measure.citation
    for row in report.var:
        if row.var.value is not None and row.expected_shortfall.value is not None:
            slack = 1e-9 * abs(row.var.value)
            assert row.expected_shortfall.value >= row.var.value - slack, row.method


returns_of_a_day = st.one_of(
    st.floats(-0.2, 0.2),
    st.sampled_from([0.0, -1.0, 1e6, 1e-300, -1e-12, math.nan, math.inf, -math.inf]),
)
amounts = st.one_of(
    st.floats(-1e7, 1e7),
    st.sampled_from([0.0, 1e300, -1e300, 1e-300, 5e-324, -1.0]),
)


@settings(max_examples=80, derandomize=True)
@given(data=st.data())
def test_any_portfolio_has_an_answer_without_nan(data: st.DataObject) -> None:
    columns = data.draw(st.integers(1, 4))
    seed = data.draw(st.integers(0, 5))
    returns = noise(columns, seed=seed)
    kind = data.draw(st.sampled_from(["as it is", "all alike", "flat", "short", "outlier"]))
    if kind == "all alike":
        returns = np.repeat(returns[:, :1], columns, axis=1)
    elif kind == "flat":
        returns[:, 0] = data.draw(st.sampled_from([0.0, 0.001]))
    elif kind == "short":
        returns[data.draw(st.integers(0, DAYS)) :, -1] = np.nan
    elif kind == "outlier":
        returns[data.draw(st.integers(0, DAYS - 1)), 0] = -0.99
    for _ in range(data.draw(st.integers(0, 5))):
        place = data.draw(st.integers(0, DAYS - 1)), data.draw(st.integers(0, columns - 1))
        returns[place] = data.draw(returns_of_a_day)
    values = np.array(data.draw(st.lists(amounts, min_size=columns, max_size=columns)))
    panel = panel_of(returns)
    question = PortfolioQuestion(
        panel,
        values,
        data.draw(st.one_of(st.none(), st.sampled_from([0.0, -5.0, 1e-300, 1e5, 1e300]))),
        quantities=np.ones(columns),
        confidence=data.draw(st.sampled_from([0.9, 0.95, 0.99, 0.999])),
        horizon_days=data.draw(st.sampled_from([1, 10])),
        benchmark=("market", panel.returns.mean(axis=1)),
        paths=PATHS,
    )
    if np.abs(values).max() > 1e290:
        with suppress_too_large():
            assert_sound(portfolio_risk(question))
    else:
        assert_sound(portfolio_risk(question))


@contextmanager
def suppress_too_large() -> Iterator[None]:
    """Let pass the one refusal that holdings near the largest number may meet."""
    try:
        yield
    except InvalidScenario as error:
        if "too large" not in error.message:
            raise


def test_the_check_for_nan_would_see_one() -> None:
    report = portfolio_risk(PortfolioQuestion(panel_of(noise()), np.ones(3), 10.0, paths=PATHS))
    assert_sound(report)
    broken = report.measures[0].model_copy(update={"value": math.nan})
    report.measures[0] = broken
    with pytest.raises(AssertionError):
        assert_sound(report)


@pytest.mark.parametrize("method", METHODS)
def test_more_holdings_mean_more_risk_in_proportion(method: VarMethod) -> None:
    panel, values = panel_of(noise()), np.array([3.0, -1.0, 2.0])
    one, many = (value_at_risk(panel, values * k, method, 0.95, paths=PATHS) for k in (1, 1000))
    assert (many.var, many.es) == pytest.approx((1000 * one.var, 1000 * one.es), rel=1e-9)
    assert one.es >= one.var


@pytest.mark.parametrize("method", METHODS)
def test_all_short_loses_when_prices_rise(method: VarMethod) -> None:
    rising = noise() + 0.05
    short = value_at_risk(panel_of(rising), [-1.0, -1.0, -1.0], method, 0.9, paths=PATHS)
    long = value_at_risk(panel_of(rising), [1.0, 1.0, 1.0], method, 0.9, paths=PATHS)
    assert short.var > 0.1 > long.var


@pytest.mark.parametrize("method", METHODS)
def test_a_price_that_does_not_move_is_answered_and_not_called_safe(method: VarMethod) -> None:
    found = value_at_risk(panel_of(np.zeros((DAYS, 1))), [100.0], method, paths=PATHS)
    assert (found.var, found.es) == (0, 0)
    assert found.note is not None
    assert "not safety" in found.note


@pytest.mark.parametrize("method", METHODS)
def test_numbers_near_the_largest_are_measured_or_refused(method: VarMethod) -> None:
    still = value_at_risk(panel_of(np.full((DAYS, 1), -0.5)), [1e308], method, paths=PATHS)
    assert still.var == pytest.approx(5e307)
    with pytest.raises(InvalidScenario, match="too large"):
        value_at_risk(panel_of(np.full((DAYS, 1), -0.5)), [1e308], method, 0.95, 10, paths=PATHS)
    found = value_at_risk(panel_of(noise(1)), [1.7e308], method, paths=PATHS)
    assert found.var > 1e306


@pytest.mark.parametrize("method", METHODS)
def test_one_observation_is_not_enough(method: VarMethod) -> None:
    with pytest.raises(NotEnoughData):
        value_at_risk(panel_of(noise(1, 1)), [1.0], method)
    with pytest.raises(NotEnoughData, match="at least 30"):
        series_var([0.01], method)


def test_what_has_too_little_history_is_named_and_never_zero() -> None:
    returns = noise()
    returns[5:, 1] = np.nan
    found = value_at_risk(panel_of(returns), [100.0, 300.0, 100.0], VarMethod.HISTORICAL)
    assert found.window is not None
    assert found.window.missing == ["S1"]
    assert found.coverage == pytest.approx(0.4)
    assert found.note is not None
    assert "S1" in found.note
    assert "40.0%" in found.note
    alone = value_at_risk(panel_of(returns[:, [0, 2]]), [100.0, 100.0], VarMethod.HISTORICAL)
    assert found.var == alone.var
    as_zero = np.nan_to_num(returns)
    wrong = value_at_risk(panel_of(as_zero), [100.0, 300.0, 100.0], VarMethod.HISTORICAL)
    assert found.var != wrong.var


def test_a_row_with_a_gap_is_left_out_whole() -> None:
    returns = noise()
    returns[[3, 40], 0] = np.nan
    exposure = expose(panel_of(returns), [1.0, 2.0, 0.0])
    assert exposure.symbols == ("S0", "S1")
    assert exposure.returns.shape == (DAYS - 2, 2)
    assert exposure.missing == ()
    np.testing.assert_array_equal(exposure.returns, np.delete(returns[:, :2], [3, 40], axis=0))


def test_a_report_without_any_history_says_so() -> None:
    panel = panel_of(np.full((DAYS, 2), np.nan))
    report = portfolio_risk(
        PortfolioQuestion(panel, np.array([5.0, 5.0]), 10.0, np.ones(2), paths=PATHS)
    )
    assert_sound(report)
    assert report.notes == ["No holding has 30 daily returns: at most 0, of S0, S1."]
    assert all(row.var.value is None and row.var.window for row in report.var)
    assert report.correlation is None
    assert [c.component for c in report.contributions] == [None, None]


def test_nothing_held_risks_nothing_and_says_so() -> None:
    report = portfolio_risk(PortfolioQuestion(panel_of(noise()), np.zeros(3), 10.0, paths=PATHS))
    assert_sound(report)
    assert {row.var.value for row in report.var} == {0.0}
    assert {row.var.note for row in report.var} == {"Nothing is held."}
    assert report.contributions == []


@pytest.mark.parametrize("equity", [None, 0.0, -100.0])
def test_without_equity_there_is_no_return_on_it(equity: float | None) -> None:
    report = portfolio_risk(PortfolioQuestion(panel_of(noise()), np.ones(3), equity, paths=PATHS))
    assert_sound(report)
    sharpe = next(m for m in report.measures if m.id == "ratio.sharpe")
    assert sharpe.value is None
    assert sharpe.note is not None
    assert "above zero" in sharpe.note
    assert all(row.var.value is not None for row in report.var)


def test_singular_correlations_are_said() -> None:
    returns = np.repeat(noise(1), 3, axis=1)
    method = VarMethod.MONTE_CARLO_NORMAL
    found = value_at_risk(panel_of(returns), [1.0, 1.0, 1.0], method, paths=20_000)
    assert found.parameters["eigenvalues_clipped"] is True
    assert found.note is not None
    assert "eigenvalues were clipped" in found.note
    exact = value_at_risk(panel_of(returns), [1.0, 1.0, 1.0], VarMethod.NORMAL)
    assert found.standard_error is not None
    assert abs(found.var - exact.var) < 4 * found.standard_error
    sound = value_at_risk(panel_of(noise()), [1.0, 1.0, 1.0], method, paths=PATHS)
    assert sound.note is None


def test_cornish_fisher_refuses_where_it_is_no_quantile() -> None:
    crash = noise(1)
    crash[50] = -0.5
    with pytest.raises(NotEnoughData, match="does not hold"):
        value_at_risk(panel_of(crash), [1.0], VarMethod.CORNISH_FISHER, 0.99)
    fat = np.random.default_rng(0).standard_t(3, (DAYS, 1))
    found = value_at_risk(panel_of(fat / 100), [1.0], VarMethod.CORNISH_FISHER, 0.99)
    assert found.parameters["in_domain"] is (found.note is None)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"confidence": 1.0}, "confidence"),
        ({"confidence": math.nan}, "confidence"),
        ({"horizon_days": 0}, "horizon_days"),
        ({"horizon_days": math.nan}, "horizon_days"),
        ({"paths": 10}, "paths"),
        ({"settings": VarSettings(age_decay=1.0)}, "age_decay"),
        ({"settings": VarSettings(minimum=1)}, "minimum"),
        ({"settings": VarSettings(ewma_decay=math.nan)}, "ewma_decay"),
    ],
)
def test_arguments_out_of_bounds_are_refused(arguments: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidScenario, match=name):
        value_at_risk(panel_of(noise()), np.ones(3), VarMethod.NORMAL, **arguments)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    with pytest.raises(InvalidScenario, match="finite"):
        value_at_risk(panel_of(noise()), [1.0, value, 1.0], VarMethod.NORMAL)


@settings(derandomize=True)
@given(st.lists(returns_of_a_day, max_size=60))
def test_measures_of_a_series_are_numbers_or_reasons(series: list[float]) -> None:
    for measure in (
        volatility.close_to_close, volatility.ewma, ratios.sharpe, ratios.sortino, ratios.calmar,
    ):  # fmt: skip
        with suppress(NotEnoughData):
            assert math.isfinite(measure(series))
    try:
        found = drawdown(series)
    except NotEnoughData:
        assert not np.isfinite(series).any()
    else:
        assert 0 <= found.current <= found.maximum <= 1
        assert 0 <= found.average <= found.maximum * (1 + 1e-12)


@settings(derandomize=True)
@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50),
    st.floats(0.5, 0.9999),
)
def test_shortfall_is_between_var_and_the_worst(losses: list[float], confidence: float) -> None:
    sample = np.array(losses)
    var, shortfall = tail(sample, confidence)
    assert var in losses
    assert var <= shortfall <= max(losses) + 1e-9 * abs(max(losses)) + 1e-300
    weighted = weighted_tail(sample, np.ones(len(sample)), confidence)
    assert weighted[0] == var
    assert weighted[1] == pytest.approx(shortfall, rel=1e-9, abs=1e-9)
