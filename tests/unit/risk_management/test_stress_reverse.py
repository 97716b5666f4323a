"""Reverse stress: what is found does lose that, and no nearer scenario does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import optimize

from trading_dashboard.agents.risk_management.stress import reverse
from trading_dashboard.agents.risk_management.stress.holdings import (
    Covariance,
    Stressed,
    stressed,
)
from trading_dashboard.agents.risk_management.stress.reverse import most_likely, reverse_rows
from trading_dashboard.models.risk.errors import InvalidScenario
from trading_dashboard.models.risk.measures import StressRow

Floats = NDArray[np.float64]

DEVIATIONS = np.array([0.02, 0.03, 0.01])
CORRELATION = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, -0.3], [0.2, -0.3, 1.0]])
MATRIX = CORRELATION * np.outer(DEVIATIONS, DEVIATIONS)
SYMBOLS = ("A", "B", "C")
HELD = stressed(SYMBOLS, [50_000.0, 30_000.0, -20_000.0], 100_000.0)


def rows_of(held: Stressed = HELD, loss: float = 0.1) -> dict[str, StressRow]:
    rows = reverse_rows(
        held, loss, Covariance(held.symbols, MATRIX[: len(held.symbols), : len(held.symbols)])
    )
    return {row.id.removeprefix("reverse."): row for row in rows}


def test_every_scenario_that_is_found_loses_it() -> None:
    rows = rows_of()
    assert list(rows) == ["most_likely", "uniform", "symbol.A", "symbol.B", "symbol.C"]
    for row in rows.values():
        assert row.pnl == pytest.approx(-10_000)
        # Valued once more, from prices: quantities are values at a price of 1.
        after = sum(
            value * (1 + (row.returns[symbol] or 0))
            for symbol, value in zip(SYMBOLS, HELD.values.tolist(), strict=True)
        )
        assert HELD.net - after == pytest.approx(10_000)
    assert rows["uniform"].returns["A"] == pytest.approx(-1 / 6)
    assert rows["symbol.A"].returns == {"A": pytest.approx(-0.2), "B": 0, "C": 0}
    assert rows["symbol.C"].returns["C"] == pytest.approx(0.5)
    assert "C rises by 50 %" in rows["symbol.C"].explanation


def test_the_likeliest_is_the_closed_form_and_nearer_than_any_other() -> None:
    values = HELD.values
    returns, distance = most_likely(values, MATRIX, 10_000.0) or (np.empty(0), 0.0)
    sigma = np.sqrt(values @ MATRIX @ values)
    np.testing.assert_allclose(returns, -10_000 * MATRIX @ values / sigma**2)
    assert distance == pytest.approx(10_000 / sigma)
    inverse = np.linalg.inv(MATRIX)
    assert np.sqrt(returns @ inverse @ returns) == pytest.approx(distance)
    rng = np.random.default_rng(1)
    for _ in range(200):
        other = returns + rng.normal(size=3) * 0.05
        other *= -10_000 / (values @ other)
        assert np.sqrt(other @ inverse @ other) >= distance - 1e-9
    row = rows_of()["most_likely"]
    assert row.distance == pytest.approx(distance)
    assert f"{distance:.1f} standard deviations" in row.explanation


def solved(values: Floats, matrix: Floats, loss: float) -> tuple[Floats, float]:
    """Return the answer of a general solver."""
    inverse = np.linalg.inv(matrix) * np.diag(matrix).mean()
    found = optimize.minimize(
        lambda x: x @ inverse @ x,
        np.full(len(values), -0.5),
        jac=lambda x: 2 * inverse @ x,
        bounds=[(-1, None)] * len(values),
        constraints={"type": "eq", "fun": lambda x: values @ x / loss + 1},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert found.success
    return found.x, float(np.sqrt(found.x @ np.linalg.inv(matrix) @ found.x))


@pytest.mark.parametrize("loss", [66_000.0, 75_000.0, 79_999.0])
def test_prices_do_not_fall_below_zero(loss: float) -> None:
    values = np.array([50_000.0, 30_000.0, 100.0])
    free = -loss * MATRIX @ values / (values @ MATRIX @ values)
    assert free.min() < -1
    returns, distance = most_likely(values, MATRIX, loss) or (np.empty(0), 0.0)
    assert returns.min() >= -1
    assert values @ returns == pytest.approx(-loss, rel=1e-8)
    expected, expected_distance = solved(values, MATRIX, loss)
    assert distance == pytest.approx(expected_distance, rel=1e-5)
    np.testing.assert_allclose(returns, expected, atol=1e-3)


def test_what_cannot_be_lost_is_said() -> None:
    held = stressed(("A",), [5_000.0], 100_000.0)
    rows = rows_of(held)
    assert {row.pnl for row in rows.values()} == {None}
    assert "only 5,000.00 would be lost" in rows["uniform"].explanation
    assert "at a price of zero, 5,000.00 is lost" in rows["symbol.A"].explanation
    flat = stressed(("A", "B"), [100.0, -100.0], 1_000.0)
    assert "no common move" in rows_of(flat)["uniform"].explanation


def test_prices_that_always_move_alike_are_no_trouble() -> None:
    matrix = np.full((3, 3), 4e-4)
    returns, distance = most_likely(np.array([1.0, 2.0, 3.0]), matrix, 3.0) or (np.empty(0), 0.0)
    np.testing.assert_allclose(returns, -0.5)
    assert distance == pytest.approx(0.5 / 0.02)
    # Long and short of the same thing: nothing can be lost.
    assert most_likely(np.array([1.0, -1.0, 0.0]), matrix, 1.0) is None
    assert most_likely(np.ones(3), np.zeros((3, 3)), 1.0) is None


def test_a_scenario_that_does_not_lose_it_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(values: Floats, covariance: Floats, loss: float) -> tuple[Floats, float]:
        found = most_likely(values, covariance, loss)
        assert found is not None
        return found[0] / 2, found[1]

    monkeypatch.setattr(reverse, "most_likely", half)
    row = rows_of()["most_likely"]
    assert row.pnl is None
    assert "revalued it makes -5,000.00, not -10,000.00" in row.explanation


def test_holdings_without_history_are_named() -> None:
    covariance = Covariance(("A", "B"), MATRIX[:2, :2], ("C",))
    row = reverse_rows(HELD, 0.1, covariance)[0]
    assert row.pnl == pytest.approx(-10_000)
    assert row.missing == ["C"]
    assert row.returns["C"] is None
    assert row.coverage == pytest.approx(0.8)
    assert "Not moved, too little history: C." in row.explanation


def test_without_equity_or_holdings_nothing_can_be_asked() -> None:
    with pytest.raises(InvalidScenario, match="equity"):
        reverse_rows(stressed(("A",), [1.0], 0.0), 0.1, None)
    with pytest.raises(InvalidScenario, match="Nothing is held"):
        reverse_rows(stressed((), [], 1.0), 0.1, None)


def test_only_the_largest_are_told_one_by_one() -> None:
    symbols = tuple(f"S{i}" for i in range(40))
    held = stressed(symbols, np.arange(1.0, 41.0), 100.0)
    rows = reverse_rows(held, 0.01, None)
    assert [row.name for row in rows[1:3]] == ["S39 alone", "S38 alone"]
    assert len(rows) == 11


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.integers(1, 12),
    loss=st.floats(0.01, 1.0),
    scale=st.sampled_from([1e-3, 1.0, 1e9]),
)
def test_whatever_is_held_what_is_told_is_lost(
    seed: int, size: int, loss: float, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    held = stressed([str(i) for i in range(size)], rng.normal(size=size) * scale, size * scale / 2)
    returns = rng.normal(size=(max(size // 2, 3), size)) * 0.02
    covariance = Covariance(held.symbols, np.cov(returns, rowvar=False).reshape(size, size))
    for row in reverse_rows(held, loss, covariance):
        if row.pnl is not None:
            assert row.pnl == pytest.approx(-loss * size * scale / 2, rel=1e-6)
            assert min(move for move in row.returns.values() if move is not None) >= -1
        assert "revalued it makes" not in row.explanation
