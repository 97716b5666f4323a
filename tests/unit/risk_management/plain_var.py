"""VaR of a day and counts of violations in plain loops, written apart from the product's code."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist, fmean, stdev

from trading_dashboard.models.risk.measures import VarMethod

PlainVar = Callable[[Sequence[float], float], float]


def historical(past: Sequence[float], confidence: float) -> float:
    """Return the smallest loss that at least `confidence` of the days do not pass."""
    losses = sorted(-one for one in past)
    needed = math.ceil(confidence * len(losses) - 1e-9)
    return losses[max(needed, 1) - 1]


def age_weighted(past: Sequence[float], confidence: float, decay: float = 0.98) -> float:
    """Return the same with weights that fall by `decay` a day."""
    weighted = sorted(
        ((-one, decay**age) for age, one in enumerate(reversed(past))), key=lambda pair: pair[0]
    )
    whole = math.fsum(weight for _, weight in weighted)
    reached = 0.0
    for loss, weight in weighted:
        reached += weight / whole
        if reached >= confidence - 1e-12:
            return loss
    return weighted[-1][0]


def filtered(past: Sequence[float], confidence: float, decay: float = 0.94) -> float:
    """Return that of surprises at the volatility of tomorrow, by EWMA."""
    variance = fmean(one**2 for one in past)
    surprises = []
    for one in past:
        surprises.append(one / math.sqrt(variance))
        variance = decay * variance + (1 - decay) * one**2
    return historical(surprises, confidence) * math.sqrt(variance)


def normal(past: Sequence[float], confidence: float) -> float:
    """Return the quantile of a normal distribution."""
    return stdev(past) * NormalDist().inv_cdf(confidence) - fmean(past)


def cornish_fisher(past: Sequence[float], confidence: float) -> float:
    """Return the quantile by Cornish and Fisher's expansion."""
    mean = fmean(past)
    second, third, fourth = (fmean((one - mean) ** n for one in past) for n in (2, 3, 4))
    skewness, excess = third / second**1.5, fourth / second**2 - 3
    z = NormalDist().inv_cdf(1 - confidence)
    w = (
        z
        + (z**2 - 1) * skewness / 6
        + (z**3 - 3 * z) * excess / 24
        - (2 * z**3 - 5 * z) * skewness**2 / 36
    )
    return float(-(mean + w * stdev(past)))


PLAIN: dict[VarMethod, PlainVar] = {
    VarMethod.HISTORICAL: historical,
    VarMethod.AGE_WEIGHTED: age_weighted,
    VarMethod.FILTERED_HISTORICAL: filtered,
    VarMethod.NORMAL: normal,
    VarMethod.CORNISH_FISHER: cornish_fisher,
}


def count_violations(
    returns: Sequence[float], window: int, confidence: float, var: PlainVar
) -> int:
    """Return on how many days more was lost than was said the evening before."""
    count = 0
    for today in range(window, len(returns)):
        past = [returns[day] for day in range(today - window, today)]
        if returns[today] < -var(past, confidence):
            count += 1
    return count
