"""Sizes reckoned by hand, refused where they make no sense, never over the budget."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from trading_dashboard.agents.risk_management.sizing.answering import size
from trading_dashboard.agents.risk_management.sizing.risk_parity import (
    equal_risk_weights,
    risk_shares,
)
from trading_dashboard.agents.risk_management.sizing.sizing import (
    Budget,
    Sizing,
    SizingFacts,
    rounded,
)
from trading_dashboard.models.risk.account import MAX_QUANTITY
from trading_dashboard.models.risk.errors import InvalidScenario, NotEnoughData
from trading_dashboard.models.risk.measures import SizingQuestion

SYMBOLS = ("A", "B", "C")
DEVIATIONS = np.array([0.01, 0.02, 0.04])
CORRELATION = np.array([[1.0, 0.3, -0.2], [0.3, 1.0, 0.5], [-0.2, 0.5, 1.0]])
COVARIANCE = CORRELATION * np.outer(DEVIATIONS, DEVIATIONS)
FACTS = SizingFacts(
    equity=100_000.0,
    prices={"A": 50.0, "B": 20.0, "C": 333.33},
    atr={"A": 1.25, "B": 0.0},
    volatility={"A": 0.20, "B": 0.0},
    covariance=COVARIANCE,
    symbols=SYMBOLS,
)


def ask(method: str, facts: SizingFacts = FACTS, **question: Any) -> Sizing:
    return size(SizingQuestion(method=method, **question), facts)


def quantity(method: str, **question: Any) -> float:
    return ask(method, symbol="A", **question).sizes[0].quantity


def test_fixed_fraction_by_hand() -> None:
    # 1 % of 100,000 is 1,000; from 50 to 47 a unit loses 3: 333.33.
    found = ask("fixed_fraction", symbol="A", stop=47.0)
    row = found.sizes[0]
    assert (row.quantity, row.notional, row.fraction, row.risk) == (333, 16_650.0, 0.1665, 999.0)
    assert found.steps == [
        "1 % of equity 100,000.00 may be lost: 1,000.00.",
        "From 50.00 to the stop at 47.00 a unit loses 3.00.",
        "1,000.00 / 3.00 a unit = 333.3333: 333, rounded down.",
    ]
    assert quantity("fixed_fraction", side="sell", stop=53.0) == -333
    assert quantity("fixed_fraction", stop=90.0, entry=100.0, risk_fraction=0.02) == 200


def test_without_a_stop_all_of_a_purchase_is_at_risk() -> None:
    assert quantity("fixed_fraction", risk_fraction=0.05) == 100
    with pytest.raises(InvalidScenario, match="any amount"):
        ask("fixed_fraction", symbol="A", side="sell")


@pytest.mark.parametrize(
    ("side", "stop", "step"),
    [
        ("buy", 51.0, "below 50"),
        ("buy", 50.0, "below"),
        ("sell", 49.0, "above"),
        ("sell", 50.0, ""),
    ],
)
def test_a_stop_on_the_wrong_side_is_refused(side: str, stop: float, step: str) -> None:
    more: dict[str, Any] = {"win_probability": 0.6, "payoff": 1}
    for method in ("fixed_fraction", "kelly"):
        with pytest.raises(InvalidScenario, match="stop of a") as caught:
            ask(method, symbol="A", side=side, stop=stop, **more)
        assert step in (caught.value.next_step or "")
        assert caught.value.observed == stop


def test_a_near_stop_is_held_to_the_budget() -> None:
    found = ask("fixed_fraction", symbol="A", stop=49.99)
    assert found.sizes[0].quantity == 2_000
    assert "held to the budget of 100,000.00" in found.steps[-1]
    assert quantity("fixed_fraction", stop=49.99, budget=1_234.0) == 24


def test_volatility_target_by_hand() -> None:
    # 10 % / 20 % of 100,000 is 50,000: 1,000 at 50.
    assert quantity("volatility_target") == 1_000
    assert quantity("volatility_target", target_volatility=0.05, side="sell") == -500
    assert quantity("volatility_target", target_volatility=0.5) == 2_000


def test_average_true_range_by_hand() -> None:
    # 1 % of 100,000 over 2 × 1.25 is 400.
    found = ask("atr", symbol="A")
    assert (found.sizes[0].quantity, found.sizes[0].risk) == (400, 1_000.0)
    assert "stop that belongs to it is at 47.50" in found.steps[1]
    assert "at 52.50" in ask("atr", symbol="A", side="sell").steps[1]
    assert "no such stop" in ask("atr", symbol="A", entry=2.0).warnings[-1]


def test_kelly_by_hand() -> None:
    # 0.55 - 0.45 / 1.5 is 0.25.
    assert quantity("kelly", win_probability=0.55, payoff=1.5, kelly_cap=1.0) == 500
    assert quantity("kelly", win_probability=0.55, payoff=1.5, kelly_cap=0.1) == 200
    assert quantity("kelly", win_probability=0.55, payoff=1.5, kelly_cap=0.1, stop=40.0) == 1_000
    capped = ask("kelly", symbol="A", win_probability=0.9, payoff=3)
    assert "capped at 25 %" in capped.steps[0]


def test_kelly_grows_fastest() -> None:
    p, b = 0.55, 1.5
    growth = lambda f: -(p * np.log1p(b * f) + (1 - p) * np.log1p(-f))  # noqa: E731
    best = optimize.minimize_scalar(growth, bounds=(0, 0.99), method="bounded").x
    found = ask("kelly", symbol="A", win_probability=p, payoff=b, kelly_cap=1.0)
    assert found.sizes[0].fraction == pytest.approx(best, abs=1e-4)


def test_kelly_without_an_edge_is_nothing() -> None:
    found = ask("kelly", symbol="A", win_probability=0.4, payoff=1.5)
    assert found.sizes[0].quantity == 0
    assert "no edge" in found.steps[0]
    assert "no edge" in found.warnings[0]
    with pytest.raises(InvalidScenario, match="needs payoff"):
        ask("kelly", symbol="A", win_probability=0.6)


@pytest.mark.parametrize(
    ("method", "name"), [("volatility_target", "volatility"), ("atr", "average true range")]
)
def test_a_price_that_does_not_move_has_no_size(method: str, name: str) -> None:
    with pytest.raises(InvalidScenario, match=f"{name} of B is 0"):
        ask(method, symbol="B")
    with pytest.raises(NotEnoughData, match=f"{name} of C is not known"):
        ask(method, symbol="C")


@pytest.mark.parametrize("equity", [0.0, -5.0, float("nan"), float("inf")])
def test_an_account_with_nothing_has_no_size(equity: float) -> None:
    with pytest.raises(InvalidScenario, match="share of equity"):
        ask("fixed_fraction", SizingFacts(equity, {"A": 1.0}), symbol="A")


def test_what_is_missing_is_named() -> None:
    with pytest.raises(NotEnoughData, match="Z has no price"):
        ask("fixed_fraction", symbol="Z")
    with pytest.raises(InvalidScenario, match="sizes one symbol"):
        ask("atr")
    with pytest.raises(NotEnoughData, match="Z have too little history"):
        ask("risk_parity", symbols=["A", "Z"])
    with pytest.raises(InvalidScenario, match="each named once"):
        ask("risk_parity", symbols=["A", "A"])


def test_a_size_of_nothing_is_said() -> None:
    found = ask("fixed_fraction", SizingFacts(100.0, {"A": 5_000.0}), symbol="A")
    assert found.sizes[0].quantity == 0
    assert "does not buy 1 of A" in found.warnings[0]


def test_coins_divide_further() -> None:
    facts = SizingFacts(1_000.0, {"BTC": 60_000.0}, lots={"BTC": Decimal("0.00000001")})
    found = ask("fixed_fraction", facts, symbol="BTC", risk_fraction=0.5)
    assert found.sizes[0].quantity == 0.00833333


def test_the_largest_quantity_bounds_a_tiny_price() -> None:
    found = ask("fixed_fraction", SizingFacts(1e9, {"A": 1e-8}), symbol="A", risk_fraction=1)
    assert found.sizes[0].quantity == float(MAX_QUANTITY)
    assert "largest quantity" in found.steps[-1]


@settings(max_examples=200, deadline=None)
@given(
    amount=st.floats(0, 1e12),
    price=st.floats(1e-6, 1e9),
    budget=st.floats(1e-6, 1e12),
    lot=st.sampled_from([Decimal(1), Decimal("0.001"), Decimal("0.00000001"), Decimal(100)]),
)
def test_as_much_as_fits_and_never_more(
    amount: float, price: float, budget: float, lot: Decimal
) -> None:
    bought, _ = rounded(amount, price, Budget(budget, lot))
    most = min(Decimal(repr(amount)), Decimal(repr(budget)))
    assert 0 <= bought <= MAX_QUANTITY
    assert bought % lot == 0
    assert bought * Decimal(repr(price)) <= most
    if bought + lot <= MAX_QUANTITY:
        assert (bought + lot) * Decimal(repr(price)) > most


def test_two_symbols_are_weighted_by_inverse_volatility() -> None:
    for correlation in (-0.9, 0.0, 0.7, 1.0):
        covariance = np.array([[1.0, 2 * correlation], [2 * correlation, 4.0]])
        np.testing.assert_allclose(equal_risk_weights(covariance, "AB"), [2 / 3, 1 / 3], rtol=1e-8)


def test_risk_parity_against_a_general_optimiser() -> None:
    found = equal_risk_weights(COVARIANCE, SYMBOLS)
    np.testing.assert_allclose(risk_shares(COVARIANCE, found), 1 / 3, atol=1e-10)

    def apart(y: np.ndarray) -> float:
        return float(0.5 * y @ CORRELATION @ y - np.log(y).sum() / 3)

    y = optimize.minimize(apart, np.ones(3), method="BFGS", options={"gtol": 1e-10}).x
    expected = y / DEVIATIONS
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-5)
    # Control arm: equal weights do not carry equal risk.
    assert np.ptp(risk_shares(COVARIANCE, np.full(3, 1 / 3))) > 0.3


def test_risk_parity_of_many_converges() -> None:
    rng = np.random.default_rng(5)
    returns = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 100))
    returns = (returns + rng.normal(size=(300, 100))) * rng.uniform(0.001, 0.1, 100)
    covariance = np.cov(returns, rowvar=False)
    weights = equal_risk_weights(covariance, [str(i) for i in range(100)])
    np.testing.assert_allclose(risk_shares(covariance, weights), 0.01, atol=1e-9)
    assert weights.min() > 0


def test_symbols_that_cancel_out_have_no_parity() -> None:
    with pytest.raises(InvalidScenario, match="No weights"):
        equal_risk_weights(np.array([[1.0, -1.0], [-1.0, 1.0]]), "AB")
    with pytest.raises(InvalidScenario, match="volatility of B is 0"):
        equal_risk_weights(np.array([[1.0, 0.0], [0.0, 0.0]]), "AB")
    with pytest.raises(NotEnoughData, match="not known"):
        equal_risk_weights(np.array([[1.0, np.nan], [np.nan, np.nan]]), "AB")


def test_risk_parity_spreads_the_budget() -> None:
    found = ask("risk_parity", symbols=["C", "A", "B"], budget=30_000.0)
    assert [row.symbol for row in found.sizes] == ["C", "A", "B"]
    spent = sum(row.notional for row in found.sizes)
    assert 30_000 - (50 + 20 + 333.33) < spent <= 30_000
    assert [row.risk for row in found.sizes] == pytest.approx([1 / 3] * 3, abs=0.02)
    assert len(found.steps) == 4
