"""Filtered historical simulation: yesterday's surprises at today's volatility.

Barone-Adesi, Giannopoulos and Vosper (1999), "VaR without correlations for portfolios of derivative
securities", Journal of Futures Markets 19(5), 583-602; with an EWMA filter also Hull and White
(1998), "Incorporating volatility updating into the historical simulation method for value at risk",
Journal of Risk 1(1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trading_dashboard.agents.risk_management.measures.garch import fit_garch
from trading_dashboard.agents.risk_management.measures.returns import Floats, is_flat
from trading_dashboard.models.risk.errors import NotEnoughData


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """A variance that follows returns: ``σ²(t+1) = ω + α (r − μ)² + β σ²(t)``.

    Attributes:
        residuals: Shape ``(T,)``, ``(r − μ) / σ``, the surprises.
        next_variance: Of the day after the last.
        mean: μ; zero for EWMA.
        omega: ω; zero for EWMA.
        alpha: 1 − λ for EWMA.
        beta: λ for EWMA.
    """

    residuals: Floats
    next_variance: float
    mean: float
    omega: float
    alpha: float
    beta: float


def ewma_filter(sample: Floats, decay: float) -> Filter:
    """Return RiskMetrics' filter, started from the mean square of the window.

    Args:
        sample: Shape ``(T,)``, returns or profits, which move.
        decay: λ, between 0 and 1.

    Raises:
        NotEnoughData: Nothing moved for so long that no volatility is left.
    """
    squares = sample**2
    variances = np.empty(len(sample) + 1)
    variance = float(squares.mean())
    for day, square in enumerate(squares.tolist()):
        variances[day] = variance
        variance = decay * variance + (1 - decay) * square
    variances[-1] = variance
    if is_flat(sample) or not variances.min() > 0:
        raise NotEnoughData(
            "The EWMA filter needs returns that move", observed="no volatility left"
        )
    residuals = sample / np.sqrt(variances[:-1])
    return Filter(residuals, variance, 0.0, 0.0, 1 - decay, decay)


def garch_filter(sample: Floats) -> Filter:
    """Return GARCH(1,1)'s filter; slow, see `garch`."""
    fit = fit_garch(sample)
    return Filter(fit.residuals, fit.next_variance, fit.mean, fit.omega, fit.alpha, fit.beta)


def filtered_losses(kept: Filter, horizon: int, paths: int, seed: int) -> Floats:
    """Return losses of the days ahead, each a path of surprises drawn from history.

    For one day these are all the surprises, once each, and nothing is drawn: shape ``(T,)``. For
    more, `paths` paths are drawn with the variance following each of them: shape ``(paths,)``.
    """
    if horizon == 1:
        return -(kept.mean + math.sqrt(kept.next_variance) * kept.residuals)
    draws = np.random.default_rng(seed)
    variance = np.full(paths, kept.next_variance)
    total = np.zeros(paths)
    for _ in range(horizon):
        surprise = np.sqrt(variance) * draws.choice(kept.residuals, paths)
        total += kept.mean + surprise
        variance = kept.omega + kept.alpha * surprise**2 + kept.beta * variance
    return -total
