"""Volatility, correlation, drawdown and ratios against pandas, scikit-learn, empyrical, skfolio.

Beside each stands a wrong oracle that the comparison must tell apart.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from skfolio import measures as skfolio
from sklearn import covariance

from trading_dashboard.agents.risk_management.measures import ratios, volatility
from trading_dashboard.agents.risk_management.measures.concentration import concentration
from trading_dashboard.agents.risk_management.measures.correlation import (
    CLIPPED_TO,
    beta,
    clip_eigenvalues,
    factor_of,
    ledoit_wolf,
    sample_correlation,
)
from trading_dashboard.agents.risk_management.measures.drawdown import (
    drawdown,
    drawdown_of_values,
    drawdowns_of,
    wealth_of,
)
from trading_dashboard.agents.risk_management.measures.garch import fit_garch
from trading_dashboard.agents.risk_management.measures.liquidity import (
    average_volume,
    days_to_leave,
)
from trading_dashboard.agents.risk_management.measures.returns import Floats
from trading_dashboard.agents.risk_management.measures.var import VarSettings, series_var
from trading_dashboard.models.risk.errors import NotEnoughData
from trading_dashboard.models.risk.measures import VarMethod

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical
    import pandas as pd

EXACT = 1e-8
DAYS = 750


def market(seed: int = 11) -> Floats:
    """Return daily returns of eight symbols, correlated, with fat tails, shape ``(DAYS, 8)``."""
    draws = np.random.default_rng(seed)
    common = 0.009 * draws.standard_t(5, (DAYS, 1))
    return np.asarray(
        0.0003 + common * draws.uniform(0.5, 1.5, 8) + 0.008 * draws.standard_normal((DAYS, 8))
    )


RETURNS = market()
SERIES = RETURNS[:, 0]
GAPS = np.where(np.arange(DAYS) % 50 == 7, np.nan, SERIES)


def assert_equal(found: float, expected: float, wrong: float) -> None:
    assert found == pytest.approx(float(expected), rel=EXACT)
    assert found != pytest.approx(float(wrong), rel=1e-6)


def daily_bars(seed: int = 3) -> tuple[Floats, Floats, Floats, Floats]:
    """Return open, high, low, close of days of 390 steps with an overnight gap."""
    draws = np.random.default_rng(seed)
    steps = draws.normal(0, 0.01 / 390**0.5, (250, 390))
    gaps = draws.normal(0, 0.004, 250)
    start = np.cumsum(gaps + steps.sum(axis=1)) - steps.sum(axis=1)
    paths = np.exp(start[:, None] + np.column_stack([np.zeros(250), np.cumsum(steps, axis=1)]))
    return paths[:, 0], paths.max(axis=1), paths.min(axis=1), paths[:, -1]


@pytest.mark.parametrize("series", [SERIES, GAPS])
def test_close_to_close(series: Floats) -> None:
    frame = pd.Series(series)
    wrong = frame.std(ddof=0) * 252**0.5
    assert_equal(volatility.close_to_close(series), empyrical.annual_volatility(frame), wrong)


def test_ewma() -> None:
    squares = pd.Series(SERIES**2)
    expected = squares.ewm(alpha=0.06, adjust=True).mean().iloc[-1]
    wrong = squares[::-1].ewm(alpha=0.06, adjust=True).mean().iloc[-1]
    assert_equal(volatility.ewma(SERIES), (expected * 252) ** 0.5, (wrong * 252) ** 0.5)


def test_parkinson_and_yang_zhang_agree_with_their_sums() -> None:
    o, h, l, c = daily_bars()  # noqa: E741
    frame = pd.DataFrame({"o": o, "h": h, "l": l, "c": c}).map(math.log)
    mean = ((frame.h - frame.l) ** 2).mean() / (4 * math.log(2))
    assert_equal(volatility.parkinson(h, l, 1), mean**0.5, (mean * 4 * math.log(2)) ** 0.5)

    night = (frame.o - frame.c.shift()).dropna()
    day = (frame.c - frame.o)[1:]
    rogers = (
        (frame.h - frame.c) * (frame.h - frame.o) + (frame.l - frame.c) * (frame.l - frame.o)
    )[1:].mean()
    n = len(day)
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    expected = night.var() + k * day.var() + (1 - k) * rogers
    wrong = night.var(ddof=0) + k * day.var() + (1 - k) * rogers
    assert_equal(volatility.yang_zhang(o, h, l, c, 1), expected**0.5, wrong**0.5)


def test_range_estimators_find_the_volatility_that_made_the_bars() -> None:
    o, h, l, c = daily_bars()  # noqa: E741
    night, day = 0.004, 0.01
    # 250 days: an error of the range estimators of a few percent; of discreteness, 4 % (390 steps).
    assert volatility.parkinson(h, l, 1) == pytest.approx(day, rel=0.1)
    assert volatility.yang_zhang(o, h, l, c, 1) == pytest.approx(math.hypot(night, day), rel=0.1)
    assert volatility.parkinson(h, l, 1) != pytest.approx(math.hypot(night, day), rel=0.05)


def test_bars_that_contradict_themselves_are_left_out() -> None:
    o, h, l, c = daily_bars()  # noqa: E741
    expected = volatility.yang_zhang(o[:-3], h[:-3], l[:-3], c[:-3])
    h[-3], l[-2], c[-1] = np.nan, -1.0, h[-1] * 2
    assert volatility.yang_zhang(o, h, l, c) == expected
    assert math.isfinite(volatility.parkinson(h, l))


def test_garch_is_at_the_maximum_of_its_likelihood() -> None:
    draws = np.random.default_rng(2)
    true, series, variance = (2e-6, 0.08, 0.9), [], 1e-4
    for shock in draws.standard_normal(1500):
        series.append(variance**0.5 * shock)
        variance = true[0] + true[1] * series[-1] ** 2 + true[2] * variance
    returns = np.array(series)
    fit = fit_garch(returns)
    assert fit.alpha == pytest.approx(true[1], abs=0.05)
    assert fit.beta == pytest.approx(true[2], abs=0.08)
    # The recursion again, by hand, from the first conditional variance on.
    errors, by_hand = returns - fit.mean, [fit.variances[0]]
    for error in errors:
        by_hand.append(fit.omega + fit.alpha * error**2 + fit.beta * by_hand[-1])
    np.testing.assert_allclose(fit.variances, by_hand[:-1], rtol=EXACT)
    assert_equal(fit.next_variance, by_hand[-1], by_hand[-2])
    assert_equal(
        volatility.garch(returns), (252 * by_hand[-1]) ** 0.5, (252 * returns.var()) ** 0.5
    )

    surprises = errors / np.sqrt(by_hand[:-1])
    ahead = fit.mean + by_hand[-1] ** 0.5 * surprises
    filtered = series_var(
        returns, VarMethod.FILTERED_HISTORICAL, 0.95, settings=VarSettings(filter="garch")
    )
    assert filtered[1] == pytest.approx(skfolio.cvar(ahead, beta=0.95), rel=EXACT)
    assert_equal(
        filtered[0],
        skfolio.value_at_risk(ahead, beta=0.95),
        skfolio.value_at_risk(ahead - fit.mean, beta=0.95),
    )

    def log_likelihood(omega: float, alpha: float, persistence: float) -> float:
        total, at = 0.0, by_hand[0]
        for error in errors:
            total -= 0.5 * (math.log(at) + error**2 / at)
            at = omega + alpha * error**2 + persistence * at
        return total

    best = log_likelihood(fit.omega, fit.alpha, fit.beta)
    for factor in (0.9, 1.1):
        assert best > log_likelihood(fit.omega * factor, fit.alpha, fit.beta)
        assert best > log_likelihood(fit.omega, fit.alpha * factor, fit.beta)
        assert best > log_likelihood(fit.omega, fit.alpha, fit.beta * (0.5 + factor / 2))


def test_beta() -> None:
    benchmark = RETURNS.mean(axis=1)
    frame, index = pd.Series(GAPS), pd.Series(benchmark)
    both = frame.notna()
    slope, _ = np.polyfit(benchmark[both], GAPS[both], 1)
    expected = empyrical.beta(frame[both], index[both])
    assert_equal(beta(GAPS, benchmark), expected, wrong=np.corrcoef(SERIES, benchmark)[0, 1])
    assert_equal(beta(GAPS, benchmark), slope, wrong=1 / slope)


def test_sample_correlation() -> None:
    expected = pd.DataFrame(RETURNS).corr()
    np.testing.assert_allclose(sample_correlation(RETURNS), expected, rtol=EXACT)
    assert np.abs(expected - pd.DataFrame(RETURNS).corr("spearman")).to_numpy().max() > 1e-3


@pytest.mark.parametrize("days", [20, 750])
def test_shrinkage_to_the_scaled_identity(days: int) -> None:
    expected, intensity = covariance.ledoit_wolf(RETURNS[-days:])
    found = ledoit_wolf(RETURNS[-days:], "scaled_identity")
    np.testing.assert_allclose(found.covariance, expected, rtol=EXACT, atol=1e-14)
    oracle, _ = covariance.oas(RETURNS[-days:])
    assert_equal(found.intensity, intensity, wrong=intensity * 1.01)
    assert np.abs(expected / oracle - 1).max() > 1e-4


@pytest.mark.parametrize("days", [15, 750])
def test_shrinkage_to_constant_correlation_by_the_papers_own_sums(days: int) -> None:
    x = RETURNS[-days:, :5]
    found = ledoit_wolf(x)
    expected, intensity = constant_correlation(x)
    np.testing.assert_allclose(found.covariance, expected, rtol=EXACT)
    assert_equal(found.intensity, intensity, wrong=ledoit_wolf(x, "scaled_identity").intensity)
    np.testing.assert_allclose(np.diag(found.covariance), x.var(axis=0), rtol=EXACT)


def constant_correlation(x: Floats) -> tuple[Floats, float]:
    """Return the estimator of Ledoit and Wolf (2004), appendices A and B, sum by sum."""
    t, n = x.shape
    y = x - x.mean(axis=0)
    s = [[sum(y[k, i] * y[k, j] for k in range(t)) / t for j in range(n)] for i in range(n)]
    pairs = [(i, j) for i in range(n) for j in range(n) if i < j]
    rbar = 2 / ((n - 1) * n) * sum(s[i][j] / math.sqrt(s[i][i] * s[j][j]) for i, j in pairs)
    f = [
        [s[i][i] if i == j else rbar * math.sqrt(s[i][i] * s[j][j]) for j in range(n)]
        for i in range(n)
    ]
    pi = sum(
        sum((y[k, i] * y[k, j] - s[i][j]) ** 2 for k in range(t)) / t
        for i in range(n) for j in range(n)
    )  # fmt: skip

    def theta(a: int, i: int, j: int) -> float:
        spread = (y[:, a] ** 2 - s[a][a]) * (y[:, i] * y[:, j] - s[i][j])
        return float(sum(spread) / t)

    rho = sum(sum((y[k, i] ** 2 - s[i][i]) ** 2 for k in range(t)) / t for i in range(n))
    for i in range(n):
        for j in range(n):
            if i != j:
                ratio = math.sqrt(s[j][j] / s[i][i])
                rho += rbar / 2 * (ratio * theta(i, i, j) + theta(j, i, j) / ratio)
    gamma = sum((f[i][j] - s[i][j]) ** 2 for i in range(n) for j in range(n))
    delta = max(0.0, min((pi - rho) / gamma / t, 1.0))
    return delta * np.array(f) + (1 - delta) * np.array(s), delta


def test_what_is_no_correlation_matrix_is_repaired() -> None:
    impossible = np.array([[1, 0.9, 0.9], [0.9, 1, -0.9], [0.9, -0.9, 1]])
    assert np.linalg.eigvalsh(impossible)[0] < -0.1
    repaired, is_clipped = clip_eigenvalues(impossible)
    assert is_clipped
    assert np.linalg.eigvalsh(repaired)[0] > CLIPPED_TO / 10
    np.testing.assert_allclose(np.diag(repaired), 1, rtol=1e-15)
    factor, _ = factor_of(impossible)
    np.testing.assert_allclose(factor @ factor.T, repaired, atol=1e-12)
    sound, is_clipped = clip_eigenvalues(np.eye(3))
    assert not is_clipped
    assert np.array_equal(sound, np.eye(3))


@pytest.mark.parametrize("series", [SERIES, GAPS])
def test_drawdown(series: Floats) -> None:
    found = drawdown(series, 0.95)
    clean = series[np.isfinite(series)]
    falls = skfolio.get_drawdowns(clean, compounded=True)
    assert_equal(found.maximum, -empyrical.max_drawdown(pd.Series(clean)), falls.min() / 2)
    assert_equal(found.current, -falls[-1], -falls[-2])
    assert_equal(found.average, skfolio.cdar(falls, beta=0.95), skfolio.cdar(falls, beta=0.9))
    assert_equal(found.ulcer, skfolio.ulcer_index(falls), falls.std())
    uncompounded = skfolio.get_drawdowns(clean, compounded=False)
    assert found.maximum != pytest.approx(-uncompounded.min(), rel=1e-6)


def test_drawdowns_days_are_counted() -> None:
    values = [100, 90, 95, 100, 101, 99, 98, 101, 102, 101, 100, 99, 80]
    found = drawdown_of_values(values)
    # Two below 100, two below 101, four below 102 and still there.
    assert (found.current_days, found.longest_days) == (4, 4)
    assert (found.peak, found.trough) == (8, 12)
    assert found.maximum == found.current == pytest.approx(1 - 80 / 102)
    recovered = drawdown_of_values([100, 90, 91, 92, 100, 99, 101])
    assert (recovered.current_days, recovered.longest_days) == (0, 3)
    assert (recovered.peak, recovered.trough, recovered.current) == (0, 1, 0)


def test_ruin_is_a_drawdown_of_all() -> None:
    found = drawdown([0.1, -1.5, 5.0])
    assert (found.maximum, found.current) == (1, 1)
    np.testing.assert_array_equal(wealth_of([0.1, -1.5, 5.0])[2:], 0)
    assert drawdowns_of([10.0, -5.0])[1] == 1


@pytest.mark.parametrize("series", [SERIES, GAPS])
def test_ratios(series: Floats) -> None:
    frame, free = pd.Series(series), 0.02
    excess = frame - free / 252
    sharpe = empyrical.sharpe_ratio(frame, risk_free=free / 252)
    wrong = excess.mean() / excess.std(ddof=0) * 252**0.5
    assert_equal(ratios.sharpe(series, free), sharpe, wrong)
    sortino = empyrical.sortino_ratio(frame, required_return=free / 252)
    short = excess[excess < 0]
    wrong = excess.mean() / (short**2).mean() ** 0.5 * 252**0.5
    assert_equal(ratios.sortino(series, free), sortino, wrong)
    calmar = empyrical.calmar_ratio(frame.dropna())
    wrong = frame.mean() * 252 / -empyrical.max_drawdown(frame.dropna())
    assert_equal(ratios.calmar(series), calmar, wrong)


def test_a_ratio_without_its_denominator_is_no_number() -> None:
    rising, still = [0.01, 0.02, 0.03], [0.01] * 5
    for ratio, returns in (
        (ratios.sharpe, still),
        (ratios.sharpe, [0.01]),
        (ratios.sortino, rising),
        (ratios.calmar, rising),
        (ratios.calmar, [1e-12, -1e-12, 1e6]),
    ):
        with pytest.raises(NotEnoughData):
            ratio(returns)
    assert ratios.calmar([0.1, -1.0, 0.5]) == -1


def test_concentration() -> None:
    values = np.array([40.0, -30, 20, 10])
    found = concentration(values)
    expected = skfolio.effective_number_assets(np.abs(values) / 100)
    assert_equal(found.effective, expected, skfolio.effective_number_assets(values / values.sum()))
    assert (found.largest, found.largest_at) == (0.4, 0)
    assert concentration([5.0] * 8).effective == pytest.approx(8)


def test_liquidity() -> None:
    found = days_to_leave([1000, -300, 50, 10], [2000, 3000, np.nan, 0], [1e4, 6e3, 1e3, 3e3])
    np.testing.assert_allclose(found.days, [5, 1, np.nan, np.inf])
    assert found.unknown == (2,)
    assert found.longest == math.inf
    # A fifth of the first, all of the second, nothing of what is unknown or untraded.
    assert found.after_one_day == pytest.approx(1 - (1e4 / 5 + 6e3) / 2e4)
    assert average_volume([*range(100), math.nan]) == np.mean(range(80, 100))
    assert days_to_leave([100], [1000], [1], participation=0.2).longest == 0.5
