"""VaR and expected shortfall against numbers that come from elsewhere: scipy, skfolio, integrals.

Beside each stands a wrong oracle, such as another quantile or another denominator: the comparison
must tell it apart, or it would prove nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, optimize, stats
from skfolio.measures import cvar
from skfolio.measures import value_at_risk as skfolio_var

from trading_dashboard.agents.risk_management.measures.copula import fit_copula, kendall_tau
from trading_dashboard.agents.risk_management.measures.correlation import sample_covariance
from trading_dashboard.agents.risk_management.measures.filtered import ewma_filter, filtered_losses
from trading_dashboard.agents.risk_management.measures.monte_carlo import (
    copula_losses,
    normal_losses,
)
from trading_dashboard.agents.risk_management.measures.parametric import (
    Moments,
    cornish_fisher_tail,
)
from trading_dashboard.agents.risk_management.measures.returns import Floats, ReturnPanel
from trading_dashboard.agents.risk_management.measures.student_t import fit_student_t
from trading_dashboard.agents.risk_management.measures.var import (
    VarResult,
    VarSettings,
    series_var,
    value_at_risk,
)
from trading_dashboard.models.risk.measures import VarMethod

EXACT = 1e-8
DAYS, HOLDINGS = 500, 6
VALUES = np.array([10_000.0, -4_000.0, 7_500.0, 12_000.0, -900.0, 3_300.0])
LEVELS = (0.9, 0.95, 0.975, 0.99)


def correlated(seed: int = 5) -> Floats:
    """Daily returns with fat tails and a common factor."""
    draws = np.random.default_rng(seed)
    common = draws.standard_t(4, (DAYS, 1)) * 0.008
    return np.asarray(0.0004 + common + draws.standard_t(5, (DAYS, HOLDINGS)) * 0.01)


RETURNS = correlated()
PNL = RETURNS @ VALUES
PANEL = ReturnPanel(tuple("ABCDEF"), np.datetime64("2010-01-04") + np.arange(DAYS), RETURNS)


def asked(method: VarMethod, confidence: float, **options: object) -> VarResult:
    return value_at_risk(PANEL, VALUES, method, confidence, **options)  # type: ignore[arg-type]


def assert_equal(found: tuple[float, float], expected: tuple[float, float], wrong: float) -> None:
    """Equal to both numbers, and able to see that `wrong` is not the first."""
    assert found == pytest.approx(expected, rel=EXACT)
    assert found[0] != pytest.approx(wrong, rel=1e-6)


@pytest.mark.parametrize("confidence", LEVELS)
def test_historical(confidence: float) -> None:
    result = asked(VarMethod.HISTORICAL, confidence)
    expected = float(skfolio_var(PNL, beta=confidence)), float(cvar(PNL, beta=confidence))
    assert_equal((result.var, result.es), expected, wrong=-np.quantile(PNL, 1 - confidence))
    # The definition: no more than 1 − confidence of all days are worse, with this one more are.
    mass = round((1 - confidence) * DAYS, 9)
    worse, as_bad = (np.sum(result.var * (1 + slack) < -PNL) for slack in (1e-12, -1e-12))
    assert worse <= mass < as_bad


@pytest.mark.parametrize("confidence", LEVELS)
def test_age_weighted(confidence: float) -> None:
    result = asked(VarMethod.AGE_WEIGHTED, confidence)
    ages = np.arange(DAYS)[::-1]
    weights = 0.98**ages * (1 - 0.98) / (1 - 0.98**DAYS)
    assert weights.sum() == pytest.approx(1, rel=1e-12)
    expected = tuple(
        float(measure(PNL, beta=confidence, sample_weight=weights))
        for measure in (skfolio_var, cvar)
    )
    upside_down = float(skfolio_var(PNL, beta=confidence, sample_weight=weights[::-1]))
    assert_equal((result.var, result.es), (expected[0], expected[1]), wrong=upside_down)


@pytest.mark.parametrize("confidence", LEVELS)
def test_filtered_historical_of_one_day(confidence: float) -> None:
    # The filter's variances, as the weighted sums the recursion stands for.
    squares, start = PNL**2, float(np.mean(PNL**2))
    variances = np.array([
        0.94**t * start + 0.06 * sum(0.94 ** (t - 1 - s) * squares[s] for s in range(t))
        for t in range(DAYS + 1)
    ])  # fmt: skip
    today = PNL / np.sqrt(variances[:-1]) * np.sqrt(variances[-1])
    result = asked(VarMethod.FILTERED_HISTORICAL, confidence)
    expected = float(skfolio_var(today, beta=confidence)), float(cvar(today, beta=confidence))
    assert_equal((result.var, result.es), expected, wrong=float(skfolio_var(PNL, beta=confidence)))


@pytest.mark.parametrize("horizon", [1, 10])
@pytest.mark.parametrize("confidence", LEVELS)
def test_normal(confidence: float, horizon: int) -> None:
    result = asked(VarMethod.NORMAL, confidence, horizon_days=horizon)
    mean, deviation = PNL.mean() * horizon, PNL.std(ddof=1) * horizon**0.5
    whole = stats.norm(-mean, deviation)
    var = float(whole.ppf(confidence))
    shortfall = whole.expect(lambda loss: loss, lb=var, conditional=True)
    biased = stats.norm(-mean, PNL.std() * horizon**0.5).ppf(confidence)
    assert_equal((result.var, result.es), (var, float(shortfall)), wrong=float(biased))


@pytest.mark.parametrize("confidence", LEVELS)
def test_student_t(confidence: float) -> None:
    # The maximum itself from another optimiser, which starts where scipy's own fit ends.
    standard = (PNL - PNL.mean()) / PNL.std()

    def cost(p: Floats) -> float:
        return float(-stats.t.logpdf(standard, p[0], p[1], p[2]).sum())

    df, location, scale = stats.t.fit(standard)
    start = np.array([df, location, scale])
    best = optimize.minimize(cost, start, method="BFGS", options={"gtol": 1e-7}).x
    result = asked(VarMethod.STUDENT_T, confidence)
    # An optimum found through values alone is known to the root of the rounding error.
    assert result.parameters["df"] == pytest.approx(best[0], rel=1e-4)
    # Exactly: at our fit, slopes of scipy's own likelihood vanish in every direction.
    fit = fit_student_t(standard)
    ours = np.array([fit.df, fit.location, fit.scale])
    assert fit.log_likelihood == pytest.approx(-cost(ours), rel=1e-12)
    assert cost(ours) <= cost(best) + 1e-9
    assert np.abs(optimize.approx_fprime(ours, cost, 1e-6)).max() < 2e-3
    whole = stats.t(fit.df, -fit.location * PNL.std() - PNL.mean(), fit.scale * PNL.std())
    var = float(whole.ppf(confidence))
    shortfall = integrate.quad(whole.ppf, confidence, 1, epsabs=0, epsrel=1e-11, limit=500)[0]
    normal = stats.norm(-PNL.mean(), PNL.std(ddof=1)).ppf(confidence)
    assert_equal((result.var, result.es), (var, shortfall / (1 - confidence)), wrong=normal)


@pytest.mark.parametrize("confidence", LEVELS)
def test_cornish_fisher(confidence: float) -> None:
    s, k = float(stats.skew(PNL)), float(stats.kurtosis(PNL))
    mean, deviation = PNL.mean(), PNL.std(ddof=1)

    def quantile(p: float) -> float:
        z = stats.norm.ppf(p)
        hermite = np.polynomial.hermite_e.hermeval
        w = hermite(z, [0, 1, s / 6, k / 24]) - s**2 / 36 * hermite(z, [0, 1, 0, 2])
        return float(mean + deviation * w)

    result = asked(VarMethod.CORNISH_FISHER, confidence)
    p = 1 - confidence
    shortfall = -integrate.quad(quantile, 0, p, epsabs=0, epsrel=1e-11, limit=500)[0] / p
    normal = stats.norm(-mean, deviation).ppf(confidence)
    assert_equal((result.var, result.es), (-quantile(p), shortfall), wrong=normal)


def test_cornish_fisher_is_normal_without_skewness_and_kurtosis() -> None:
    found = cornish_fisher_tail(Moments(0.001, 0.02, 0.0, 0.0), 0.99)
    whole = stats.norm(-0.001, 0.02)
    assert found == pytest.approx(
        (whole.ppf(0.99), whole.expect(lambda loss: loss, lb=whole.ppf(0.99), conditional=True)),
        rel=EXACT,
    )


@pytest.mark.parametrize("horizon", [1, 10])
def test_monte_carlo_normal_is_within_its_error(horizon: int) -> None:
    exact = asked(VarMethod.NORMAL, 0.99, horizon_days=horizon)
    scores = []
    for seed in range(20):
        drawn = asked(
            VarMethod.MONTE_CARLO_NORMAL, 0.99, horizon_days=horizon, paths=5_000, seed=seed
        )
        assert drawn.standard_error is not None
        assert drawn.es_standard_error is not None
        scores.append((
            (drawn.var - exact.var) / drawn.standard_error,
            (drawn.es - exact.es) / drawn.es_standard_error,
        ))  # fmt: skip
    # Stated errors are neither too small nor too large: the scores are those of a normal.
    assert np.abs(np.mean(scores, axis=0)).max() < 3 / 20**0.5
    assert np.all((np.std(scores, axis=0) > 0.5) & (np.std(scores, axis=0) < 1.6))
    # The same scores see a deviation that is 5 % off.
    off = [var for var, _ in scores] - np.array(0.05 * exact.var / (drawn.standard_error or 1))
    assert abs(off.mean()) > 3 / 20**0.5


def test_monte_carlo_draws_are_numpys_own() -> None:
    paths = 3_000
    draws = np.random.default_rng(7).standard_normal((paths, HOLDINGS))
    covariance = np.cov(RETURNS.T)
    losses, _ = normal_losses(RETURNS.mean(axis=0), sample_covariance(RETURNS), VALUES, paths, 7)
    outcomes = RETURNS.mean(axis=0) + draws @ np.linalg.cholesky(covariance).T
    np.testing.assert_allclose(losses, -(outcomes @ VALUES), rtol=EXACT)


def test_t_copula_is_the_quantile_of_each_history_at_its_rank() -> None:
    factor, df, _ = fit_copula(RETURNS)
    assert df is not None
    paths = 2_000
    losses = copula_losses(RETURNS, factor, df, VALUES, paths, 3)
    generator, mixing = np.random.default_rng(3).spawn(2)
    z = generator.standard_normal((paths, HOLDINGS)) @ factor.T
    t = z / np.sqrt(mixing.chisquare(df, paths) / df)[:, None]
    outcomes = np.column_stack([
        np.quantile(RETURNS[:, i], stats.t(df).cdf(t[:, i]), method="inverted_cdf")
        for i in range(HOLDINGS)
    ])  # fmt: skip
    np.testing.assert_allclose(losses, -(outcomes @ VALUES), rtol=EXACT)
    independent = np.column_stack([
        np.quantile(RETURNS[:, i], stats.t(df).cdf(t[::-1, i]), method="inverted_cdf")
        for i in range(HOLDINGS)
    ])  # fmt: skip
    assert np.abs(losses + independent @ VALUES).max() > 1


def test_kendall_and_the_copulas_freedom() -> None:
    tau = kendall_tau(RETURNS)
    assert tau[0, 3] == pytest.approx(stats.kendalltau(RETURNS[:, 0], RETURNS[:, 3])[0], rel=EXACT)
    rounded = np.round(RETURNS, 2)  # with ties
    expected = stats.kendalltau(rounded[:, 1], rounded[:, 2])[0]
    assert kendall_tau(rounded)[1, 2] == pytest.approx(expected, rel=EXACT)
    assert tau[1, 2] != pytest.approx(expected, rel=1e-6)

    ranks = stats.rankdata(RETURNS, axis=0) / (DAYS + 1)
    rho = np.sin(np.pi / 2 * tau)

    def cost(df: float) -> float:
        x = stats.t(df).ppf(ranks)
        total = 0.0
        for i in range(HOLDINGS):
            for j in range(i):
                pair = stats.multivariate_t(shape=[[1, rho[i, j]], [rho[i, j], 1]], df=df)
                total += pair.logpdf(x[:, [i, j]]).sum() - stats.t(df).logpdf(x[:, [i, j]]).sum()
        return float(-total)

    fitted = fit_copula(RETURNS)[1]
    assert fitted is not None
    assert cost(fitted) < min(cost(fitted * 1.01), cost(fitted / 1.01))


def test_filtered_paths_agree_with_an_exact_sum_over_all_pairs_of_days() -> None:
    # A filter that reacts strongly, so that the second day depends on the first.
    kept = replace(ewma_filter(PNL, 0.94), omega=50.0, alpha=0.6, beta=0.3, mean=150.0)
    first = np.sqrt(kept.next_variance) * kept.residuals
    second = np.sqrt(50.0 + 0.3 * kept.next_variance + 0.6 * first**2)
    every = -(300.0 + first[:, None] + second[:, None] * kept.residuals).ravel()
    steady = -(300.0 + first[:, None] + second.mean() * kept.residuals).ravel()
    exact, wrong = (float(skfolio_var(-losses, beta=0.995)) for losses in (every, steady))
    paths = 60_000
    drawn = filtered_losses(kept, 2, paths, seed=1)
    error = (0.005 * 0.995 / paths) ** 0.5
    assert np.mean(drawn > exact) == pytest.approx(0.005, abs=3.5 * error)
    assert np.mean(drawn > wrong) != pytest.approx(0.005, abs=3.5 * error)


@pytest.mark.parametrize("method", list(VarMethod))
def test_a_series_and_a_portfolio_of_it_agree(method: VarMethod) -> None:
    one = ReturnPanel(("A",), PANEL.dates, RETURNS[:, :1])
    result = value_at_risk(one, [1.0], method, 0.95)
    found = series_var(RETURNS[:, 0], method, 0.95)
    assert found == pytest.approx((result.var, result.es), rel=EXACT)


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        (VarMethod.AGE_WEIGHTED, VarSettings(age_decay=0.99)),
        (VarMethod.FILTERED_HISTORICAL, VarSettings(ewma_decay=0.9)),
        (VarMethod.NORMAL, VarSettings(mean="zero")),
        (VarMethod.MONTE_CARLO_T_COPULA, VarSettings(copula_df=2.5)),
    ],
)
def test_settings_are_used(method: VarMethod, settings: VarSettings) -> None:
    assert asked(method, 0.99).es != asked(method, 0.99, settings=settings).es
