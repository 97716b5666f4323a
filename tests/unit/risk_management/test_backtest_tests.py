"""The tests of a VaR against published tables, scipy, and sequences counted by hand."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import comb

import numpy as np
import pytest
from scipy.stats import binom, chi2

from trading_dashboard.agents.risk_management.backtests.tests import (
    Transitions,
    binomial_at_most,
    chi_squared_above,
    christoffersen,
    kupiec,
    traffic_light,
    transitions,
    zone_of,
)

KUPIEC_TABLE = {
    # chance: violations not rejected at 5 % in 255, 510 and 1,000 days (Kupiec 1995, table 2).
    # His table keeps no violation in 255 days at 1 %, too; his ratio of it is 5.13, above 3.84.
    0.010: ((1, 6), (2, 10), (5, 16)),
    0.025: ((3, 11), (7, 20), (16, 35)),
    0.050: ((7, 20), (17, 35), (38, 64)),
    0.075: ((12, 27), (28, 50), (60, 91)),
    0.100: ((17, 35), (39, 64), (82, 119)),
}


def sequence(text: str) -> np.ndarray:
    return np.array([letter == "1" for letter in text], np.bool_)


@pytest.mark.parametrize("chance", KUPIEC_TABLE)
def test_kupiec_accepts_and_rejects_as_in_his_table(chance: float) -> None:
    for days, (first, last) in zip((255, 510, 1000), KUPIEC_TABLE[chance], strict=True):
        kept = [x for x in range(days) if not kupiec(x, days, 1 - chance).rejected]
        assert kept == list(range(first, last + 1))


def test_kupiec_against_the_likelihoods_of_scipy() -> None:
    for violations, days, confidence in ((9, 250, 0.99), (3, 250, 0.99), (31, 1000, 0.95)):
        found = kupiec(violations, days, confidence)
        said = binom.logpmf(violations, days, 1 - confidence)
        seen = binom.logpmf(violations, days, violations / days)
        assert found.statistic == pytest.approx(2 * (seen - said), rel=1e-9)
        assert found.p_value == pytest.approx(chi2.sf(found.statistic, 1), rel=1e-12)


def test_kupiec_without_and_with_nothing_but_violations() -> None:
    assert kupiec(0, 250, 0.99).statistic == pytest.approx(-2 * 250 * np.log(0.99))
    assert kupiec(0, 250, 0.99).rejected
    assert kupiec(250, 250, 0.99).statistic == pytest.approx(-2 * 250 * np.log(0.01))
    exact = kupiec(5, 100, 0.95)
    assert exact.statistic == pytest.approx(0.0, abs=1e-12)
    assert exact.p_value == pytest.approx(1.0)


def test_kupiec_of_no_day_is_untold() -> None:
    found = kupiec(0, 0, 0.99)
    assert (found.statistic, found.p_value, found.rejected) == (None, None, None)
    assert found.note


def test_a_rough_p_value_is_said_to_be_rough() -> None:
    assert "rough" in (kupiec(1, 250, 0.99).note or "")
    assert kupiec(10, 500, 0.99).note is None


def test_closed_forms_are_the_chi_squared_distribution() -> None:
    for statistic in (0.0, 1e-9, 0.3, 3.841458820694124, 25.0, 700.0):
        assert chi_squared_above(statistic, 1) == pytest.approx(chi2.sf(statistic, 1), rel=1e-10)
        assert chi_squared_above(statistic, 2) == pytest.approx(chi2.sf(statistic, 2), rel=1e-10)


def test_transitions_counted_by_hand() -> None:
    assert transitions(sequence("0011101")) == Transitions(n00=1, n01=2, n10=1, n11=2)
    assert transitions(sequence("1")) == Transitions(0, 0, 0, 0)


def test_christoffersen_against_the_likelihoods_of_scipy() -> None:
    violated = sequence("0" * 40 + "110" + "0" * 50 + "1" + "0" * 30 + "111" + "0" * 73)
    independence, conditional = christoffersen(violated, 0.95)
    pairs = list(pairwise(violated))
    after_none = [after for before, after in pairs if not before]
    after_one = [after for before, after in pairs if before]
    everything = [after for _, after in pairs]

    def likelihood(days: list[np.bool_], chance: float) -> float:
        return float(sum(binom.logpmf(int(day), 1, chance) for day in days))

    expected = 2 * (
        likelihood(after_none, float(np.mean(after_none)))
        + likelihood(after_one, float(np.mean(after_one)))
        - likelihood(everything, float(np.mean(everything)))
    )
    assert independence.statistic == pytest.approx(expected, rel=1e-10)
    assert independence.p_value == pytest.approx(chi2.sf(expected, 1), rel=1e-9)
    assert independence.rejected
    coverage = kupiec(6, len(violated), 0.95).statistic
    assert coverage is not None
    assert conditional.statistic == pytest.approx(expected + coverage, rel=1e-10)
    assert conditional.p_value == pytest.approx(chi2.sf(expected + coverage, 2), rel=1e-9)


def test_clusters_are_rejected_and_the_same_days_apart_are_not() -> None:
    clustered = sequence("0" * 95 + "1" * 5 + "0" * 100)
    spread = sequence("0" * 19 + "1" + ("0" * 39 + "1") * 4 + "0" * 20)
    assert clustered.sum() == spread.sum() == 5
    assert christoffersen(clustered, 0.975)[0].rejected
    assert not christoffersen(spread, 0.975)[0].rejected


def test_no_two_violations_in_a_row() -> None:
    violated = sequence("0001000010")
    independence, _ = christoffersen(violated, 0.8)
    # After a violation there was none: its part of the likelihood is 1.
    one_chance = 2 * np.log(2 / 9) + 7 * np.log(7 / 9)
    two_chances = 2 * np.log(2 / 7) + 5 * np.log(5 / 7)
    assert independence.statistic == pytest.approx(2 * (two_chances - one_chance))
    assert "in a row" in (independence.note or "")


@pytest.mark.parametrize("text", ["0" * 250, "0" * 249 + "1", "1" * 250, "1" * 249 + "0", "0", "1"])
def test_dependence_that_cannot_be_seen_is_not_told(text: str) -> None:
    violated = sequence(text)
    independence, conditional = christoffersen(violated, 0.99)
    assert independence.statistic is None
    assert independence.rejected is None
    assert independence.note
    coverage = kupiec(int(violated.sum()), len(violated), 0.99).statistic
    assert conditional.statistic == coverage
    assert conditional.p_value == pytest.approx(chi2.sf(coverage, 2))


def test_christoffersen_of_no_day_is_untold() -> None:
    assert [one.statistic for one in christoffersen(sequence(""), 0.99)] == [None, None]


def test_zones_are_the_committees() -> None:
    zones = [zone_of(x, 250, 0.99) for x in range(13)]
    assert zones == ["green"] * 5 + ["yellow"] * 5 + ["red"] * 3


def test_binomial_against_exact_fractions() -> None:
    for successes, trials, chance in ((4, 250, Fraction(1, 100)), (20, 250, Fraction(1, 20))):
        exact = sum(
            comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(successes + 1)
        )
        assert binomial_at_most(successes, trials, float(chance)) == pytest.approx(
            float(exact), rel=1e-12
        )
    assert binomial_at_most(250, 250, 0.01) == pytest.approx(1.0)


def test_the_light_looks_at_the_last_250_days() -> None:
    old = np.ones(300, np.bool_)
    assert traffic_light(np.concatenate([old, np.zeros(250, np.bool_)]), 0.99) == ("green", 0)
    recent = np.zeros(250, np.bool_)
    recent[-7:] = True
    assert traffic_light(recent, 0.99) == ("yellow", 7)
    assert traffic_light(recent[1:], 0.99) is None
