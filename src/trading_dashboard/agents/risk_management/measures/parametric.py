"""VaR and expected shortfall in closed form: normal, Student's t, Cornish-Fisher.

Each takes the moments or the fit of one day and answers for `horizon` days of independent returns
on unchanged holdings, in the unit of its arguments, losses above zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from trading_dashboard.agents.risk_management.measures.returns import Floats
from trading_dashboard.agents.risk_management.measures.student_t import StudentT
from trading_dashboard.models.risk.errors import NotEnoughData

_FAR_TAIL = 1e-3


@dataclass(frozen=True, slots=True)
class Moments:
    """Of one day.

    Attributes:
        mean: First moment.
        deviation: With n − 1.
        skewness: Third standardised moment, with n (biased).
        kurtosis: Fourth, less 3, with n (biased).
    """

    mean: float
    deviation: float
    skewness: float
    kurtosis: float


def moments_of(sample: Floats) -> Moments:
    """Return the moments of a sample that moves, shape ``(n,)``, n ≥ 2."""
    mean = float(np.mean(sample))
    centred = sample - mean
    second = float(np.mean(centred**2))
    return Moments(
        mean,
        math.sqrt(second * len(sample) / (len(sample) - 1)),
        float(np.mean(centred**3)) / second**1.5,
        float(np.mean(centred**4)) / second**2 - 3,
    )


def normal_tail(
    mean: float, deviation: float, confidence: float, horizon: float = 1
) -> tuple[float, float]:
    """Return VaR and expected shortfall of normal profits.

    ``VaR = −μh + σ√h z``, ``ES = −μh + σ√h φ(z)/(1 − α)``. McNeil, Frey and Embrechts (2015),
    "Quantitative Risk Management", 2nd ed., section 2.3.
    """
    z = float(special.ndtri(confidence))
    density = math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    wide = deviation * math.sqrt(horizon)
    return wide * z - mean * horizon, wide * density / (1 - confidence) - mean * horizon


def student_t_tail(fit: StudentT, confidence: float, horizon: float = 1) -> tuple[float, float]:
    """Return VaR and expected shortfall of profits by Student's t.

    ``ES = −μ + s (g(t)/(1 − α)) (ν + t²)/(ν − 1)`` with t the quantile and g the density. McNeil,
    Frey and Embrechts (2015), section 2.3. Over more than one day the scale grows by √h;
    a sum of t's is thinner in the far tail than that.
    """
    df = fit.df
    t = float(special.stdtrit(df, confidence))
    log_density = (
        math.lgamma((df + 1) / 2)
        - math.lgamma(df / 2)
        - 0.5 * math.log(math.pi * df)
        - (df + 1) / 2 * math.log1p(t**2 / df)
    )
    beyond = math.exp(log_density) / (1 - confidence) * (df + t**2) / (df - 1)
    wide, drift = fit.scale * math.sqrt(horizon), fit.location * horizon
    return wide * t - drift, wide * beyond - drift


def is_in_domain(skewness: float, kurtosis: float) -> bool:
    """Tell whether Cornish and Fisher's expansion rises everywhere, so is a quantile function.

    ``S²/9 − 4 (K/8 − S²/6)(1 − K/8 + 5S²/36) ≤ 0``. Maillard (2012), "A user's guide to the
    Cornish Fisher expansion".
    """
    bend, slope, level = _derivative(skewness, kurtosis)
    return slope**2 - 4 * bend * level <= 0 and level >= 0


def cornish_fisher_tail(
    moments: Moments, confidence: float, horizon: float = 1
) -> tuple[float, float]:
    """Return VaR and expected shortfall by Cornish and Fisher's fourth-order expansion.

    ``w(z) = z + (z² − 1)S/6 + (z³ − 3z)K/24 − (2z³ − 5z)S²/36`` at ``z = Φ⁻¹(1 − α)``; expected
    shortfall is the integral of w over the tail, in closed form:
    ``φ(z)/(1 − α) · (1 + zS/6 + (z² − 1)K/24 − (2z² − 1)S²/36)``. Over h days of independent
    returns skewness falls by √h and kurtosis by h. Cornish and Fisher (1938), "Moments and
    cumulants in the specification of distributions"; Maillard (2012).

    Raises:
        NotEnoughData: The expansion falls somewhere in the tail beyond VaR, so that what it says
            there is no quantile. (Its farthest thousandth does not count: with kurtosis just below
            zero any expansion falls at last.)
    """
    s, k = moments.skewness / math.sqrt(horizon), moments.kurtosis / horizon
    p = 1 - confidence
    z = float(special.ndtri(p))
    if not _rises_between(float(special.ndtri(p * _FAR_TAIL)), z, s, k):
        raise NotEnoughData(
            "The Cornish-Fisher expansion does not hold for these returns",
            observed=f"skewness {s:.2f}, excess kurtosis {k:.2f}",
            next_step="Use a longer window, or another method.",
        )
    quantile = z + (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s**2 / 36
    density = math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    beyond = 1 + z * s / 6 + (z**2 - 1) * k / 24 - (2 * z**2 - 1) * s**2 / 36
    wide, drift = moments.deviation * math.sqrt(horizon), moments.mean * horizon
    return -wide * quantile - drift, wide * density / p * beyond - drift


def _derivative(skewness: float, kurtosis: float) -> tuple[float, float, float]:
    """Return a, b, c of the expansion's derivative ``a z² + b z + c``."""
    square = skewness**2
    return kurtosis / 8 - square / 6, skewness / 3, 1 - kurtosis / 8 + 5 * square / 36


def _rises_between(low: float, high: float, skewness: float, kurtosis: float) -> bool:
    """Tell whether the expansion rises from `low` to `high`."""
    a, b, c = _derivative(skewness, kurtosis)
    points = [low, high]
    if a > 0 and low < -b / (2 * a) < high:
        points.append(-b / (2 * a))
    return all(a * z**2 + b * z + c >= 0 for z in points)
