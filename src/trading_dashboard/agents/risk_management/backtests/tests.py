"""Is a VaR right? Three answers from the days on which the loss was larger than it.

Owns the statistics: Kupiec's test of how often, Christoffersen's of whether in clusters and of both
at once, and the Basel Committee's zones. Pure; how the days came about is `walk`'s part.

Likelihoods use 0 · ln 0 = 0, the limit. Their ratios are chi-squared for many days; where few
violations are expected, a note says that the p-value is rough.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.models.risk.measures import BacktestTest

SIGNIFICANCE = 0.05
TRAFFIC_DAYS = 250
GREEN_BELOW, YELLOW_BELOW = 0.95, 0.9999
"""Chance of as many violations or fewer; from these on a VaR is yellow, then red."""
FEW_EXPECTED = 5.0
"""Fewer violations expected than these make a chi-squared p-value rough (Cochran's rule)."""

Zone = Literal["green", "yellow", "red"]
Violations = NDArray[np.bool_]
TestName = Literal["kupiec", "christoffersen_independence", "christoffersen_conditional"]


@dataclass(frozen=True, slots=True)
class Transitions:
    """How many days followed which: `n01` days with a violation came after one without."""

    n00: int
    n01: int
    n10: int
    n11: int


def kupiec(violations: int, days: int, confidence: float) -> BacktestTest:
    """Test that the share of violations is ``1 - confidence``.

    ``LR = -2 ln[(1 - p)^(T - x) p^x / ((1 - x/T)^(T - x) (x/T)^x)]``, chi-squared with 1 degree of
    freedom; Kupiec, "Techniques for verifying the accuracy of risk measurement models", Journal of
    Derivatives 3 (1995), 73-84.
    """
    if days == 0:
        return _untestable("kupiec", "No day has a VaR to compare with.")
    statistic = _coverage_ratio(violations, days, confidence)
    return _judged("kupiec", statistic, 1, _rough(days, confidence))


def christoffersen(violated: Violations, confidence: float) -> tuple[BacktestTest, BacktestTest]:
    """Test that violations are independent of the day before, and that and their share at once.

    Independence: the likelihood ratio of one chance of violation against two, after a day with and
    after one without. Conditional coverage: that ratio plus Kupiec's, with 2 degrees of freedom;
    Christoffersen, "Evaluating interval forecasts", International Economic Review 39 (1998),
    841-862.

    Args:
        violated: Day by day in order, shape ``(T,)``.
        confidence: Of the VaR, such as 0.99.
    """
    name: TestName = "christoffersen_independence"
    both: TestName = "christoffersen_conditional"
    if len(violated) == 0:
        nothing = "No day has a VaR to compare with."
        return _untestable(name, nothing), _untestable(both, nothing)
    seen = transitions(violated)
    coverage = _coverage_ratio(int(violated.sum()), len(violated), confidence)
    if seen.n10 + seen.n11 == 0 or seen.n00 + seen.n01 == 0:
        which = "with" if seen.n10 + seen.n11 == 0 else "without"
        nothing = f"No day {which} a violation was followed by another: dependence cannot be seen."
        joint = _judged(both, coverage, 2, f"{nothing} Only the share of violations counts here.")
        return _untestable(name, nothing), joint
    apart = _independence_ratio(seen)
    note = _rough(len(violated), confidence)
    if seen.n11 == 0:
        note = " ".join(filter(None, ("No two violations in a row.", note)))
    return _judged(name, apart, 1, note), _judged(both, coverage + apart, 2, note)


def transitions(violated: Violations) -> Transitions:
    """Count what followed what; shape ``(T,)``."""
    before, after = violated[:-1], violated[1:]
    return Transitions(
        n00=int((~before & ~after).sum()),
        n01=int((~before & after).sum()),
        n10=int((before & ~after).sum()),
        n11=int((before & after).sum()),
    )


def zone_of(violations: int, days: int, confidence: float) -> Zone:
    """Return the zone of so many violations in so many days.

    Green while the chance of as many or fewer is below 95 %, red from 99.99 % on. For 250 days at
    99 % these are the Basel Committee's 0-4, 5-9 and 10 or more ("Supervisory framework for the use
    of backtesting in conjunction with the internal models approach", 1996, table 2).
    """
    at_most = binomial_at_most(violations, days, 1.0 - confidence)
    if at_most < GREEN_BELOW:
        return "green"
    return "yellow" if at_most < YELLOW_BELOW else "red"


def traffic_light(violated: Violations, confidence: float) -> tuple[Zone, int] | None:
    """Return the zone of the last 250 days and their violations; None if there are fewer days."""
    if len(violated) < TRAFFIC_DAYS:
        return None
    violations = int(violated[-TRAFFIC_DAYS:].sum())
    return zone_of(violations, TRAFFIC_DAYS, confidence), violations


def binomial_at_most(successes: int, trials: int, chance: float) -> float:
    """Return the probability of at most so many successes."""
    logs = (math.log(chance), math.log1p(-chance))
    whole = math.lgamma(trials + 1)
    return min(
        1.0,
        math.fsum(
            math.exp(
                whole
                - math.lgamma(k + 1)
                - math.lgamma(trials - k + 1)
                + k * logs[0]
                + (trials - k) * logs[1]
            )
            for k in range(successes + 1)
        ),
    )


def chi_squared_above(statistic: float, freedom: Literal[1, 2]) -> float:
    """Return the chance of a larger value; for 1 and 2 degrees of freedom it has closed forms."""
    if freedom == 1:
        return math.erfc(math.sqrt(statistic / 2.0))
    return math.exp(-statistic / 2.0)


# Private


def _coverage_ratio(violations: int, days: int, confidence: float) -> float:
    said = _log_likelihood(violations, days, 1.0 - confidence)
    seen = _log_likelihood(violations, days, violations / days)
    # Rounding can leave a ratio of equal likelihoods a hair below zero.
    return max(0.0, 2.0 * (seen - said))


def _independence_ratio(seen: Transitions) -> float:
    after_none, after_one = seen.n00 + seen.n01, seen.n10 + seen.n11
    violations, days = seen.n01 + seen.n11, after_none + after_one
    one_chance = _log_likelihood(violations, days, violations / days)
    two_chances = _log_likelihood(seen.n01, after_none, seen.n01 / after_none) + _log_likelihood(
        seen.n11, after_one, seen.n11 / after_one
    )
    return max(0.0, 2.0 * (two_chances - one_chance))


def _log_likelihood(successes: int, trials: int, chance: float) -> float:
    failures = trials - successes
    log_likelihood = 0.0
    if successes:
        log_likelihood += successes * math.log(chance)
    if failures:
        log_likelihood += failures * math.log1p(-chance)
    return log_likelihood


def _rough(days: int, confidence: float) -> str | None:
    expected = days * (1.0 - confidence)
    if expected >= FEW_EXPECTED:
        return None
    return f"Only {expected:.1f} violations are expected in {days} days: the p-value is rough."


def _judged(
    name: TestName, statistic: float, freedom: Literal[1, 2], note: str | None
) -> BacktestTest:
    p_value = chi_squared_above(statistic, freedom)
    return BacktestTest(
        name=name,
        statistic=statistic,
        p_value=p_value,
        rejected=p_value < SIGNIFICANCE,
        note=note,
    )


def _untestable(name: TestName, note: str) -> BacktestTest:
    return BacktestTest(name=name, statistic=None, p_value=None, rejected=None, note=note)
