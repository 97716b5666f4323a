"""The formulas against published values and SciPy's own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from trading_dashboard.agents.pattern_recognition.worth.cell import Totals
from trading_dashboard.agents.pattern_recognition.worth.statistics import (
    adjust,
    shrunk,
    spread_of_effects,
    two_sided_p,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("hits", "samples"), [(0, 10), (10, 10), (81, 263), (15, 148), (1, 29), (52, 100)]
)
def test_the_interval_is_wilsons(hits: int, samples: int) -> None:
    expected = stats.binomtest(hits, samples).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson_interval(hits, samples), [expected.low, expected.high])


def test_newcombes_published_interval() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263, method 3.
    np.testing.assert_allclose(wilson_interval(81, 263), [0.2553, 0.3662], atol=5e-5)


def test_there_is_no_interval_without_samples() -> None:
    assert np.isnan(wilson_interval(0, 0)).all()


def test_the_correction_is_benjamini_and_yekutielis() -> None:
    p = np.random.default_rng(1).uniform(0, 0.2, 200)
    np.testing.assert_allclose(adjust(p), stats.false_discovery_control(p, method="by"))
    assert len(adjust(np.empty(0))) == 0
    assert adjust(np.array([0.03])).tolist() == [0.03]


def test_the_p_value_is_students() -> None:
    expected = 2 * stats.t.sf(2.0, 11)
    np.testing.assert_allclose(two_sided_p([6.0, -6.0], [9.0, 9.0], [12, 12]), [expected] * 2)


def test_chance_alone_leaves_no_spread_and_true_effects_do() -> None:
    rng = np.random.default_rng(2)
    error = rng.uniform(0.01, 0.03, (2000, 1)) ** 2
    chance = rng.normal(0, np.sqrt(error))
    true = rng.normal(0, 0.05, (2000, 1))
    assert spread_of_effects(chance, error)[0] < 0.004**2
    assert spread_of_effects(chance + true, error)[0] == pytest.approx(0.05**2, rel=0.1)
    assert spread_of_effects(np.array([[0.1], [np.nan]]), np.ones((2, 1)))[0] == 0


def test_shrinking_brings_effects_nearer_to_the_truth() -> None:
    rng = np.random.default_rng(4)
    true, spread = rng.normal(0, 0.03, 3000), np.full(3000, 0.03**2)
    samples = rng.integers(30, 300, 3000).astype(float)
    hits = rng.binomial(samples.astype(int), 0.5 + true).astype(float)
    zero = np.zeros(3000)
    totals = Totals(samples, hits, samples / 2, zero, samples, samples / 4)
    raw = hits / samples - 0.5
    assert np.mean((shrunk(totals, spread) - true) ** 2) < 0.6 * np.mean((raw - true) ** 2)
    assert not shrunk(totals, zero).any()
