"""Quantile and expected shortfall of a sample of losses.

One convention for every method that has a sample: VaR is the smallest loss whose distribution
function reaches the confidence (numpy's ``inverted_cdf``, no interpolation), expected shortfall the
mean of exactly the worst ``1 − confidence`` of probability, with the part of the observation at VaR
that belongs to it. So it is coherent and never below VaR.

Acerbi and Tasche (2002), "On the coherence of expected shortfall", J. Banking and Finance 26(7);
Rockafellar and Uryasev (2002), "Conditional value-at-risk for general loss distributions", same
journal and issue, proposition 8.
"""

from __future__ import annotations

import numpy as np

from trading_dashboard.agents.risk_management.measures.returns import Floats

_ROUNDING = 1e-12
"""``(1 − 0.9) × 10`` is one observation, whatever the last bit says."""


def tail(losses: Floats, confidence: float) -> tuple[float, float]:
    """Return VaR and expected shortfall of equally likely losses.

    Args:
        losses: Shape ``(n,)``, n ≥ 1, finite; above zero is lost.
        confidence: Between 0 and 1, such as 0.95.
    """
    size = len(losses)
    mass = (1 - confidence) * size
    rank = min(int(mass * (1 + _ROUNDING)), size - 1)
    ordered = -np.partition(-losses, rank)
    worst, at = ordered[:rank], float(ordered[rank])
    if mass <= rank:
        return at, max(float(worst.mean()), at) if rank else at
    shortfall = (worst.sum() + (mass - rank) * at) / mass
    return at, max(float(shortfall), at)


def weighted_tail(losses: Floats, weights: Floats, confidence: float) -> tuple[float, float]:
    """Return VaR and expected shortfall of losses that are not equally likely.

    Args:
        losses: Shape ``(n,)``, finite.
        weights: Shape ``(n,)``, not negative, in any unit.
        confidence: Between 0 and 1.
    """
    order = np.argsort(-losses, kind="stable")
    worst = losses[order]
    probability = weights[order] / weights.sum()
    reached = np.cumsum(probability)
    mass = 1 - confidence
    rank = int(np.searchsorted(reached, mass * (1 + _ROUNDING), side="right"))
    rank = min(rank, len(worst) - 1)
    at = float(worst[rank])
    before = float(reached[rank - 1]) if rank else 0.0
    shortfall = (probability[:rank] @ worst[:rank] + max(mass - before, 0.0) * at) / max(
        mass, before
    )
    return at, max(float(shortfall), at)


def sampling_errors(losses: Floats, confidence: float) -> tuple[float, float]:
    """Return the standard errors of VaR and expected shortfall of independent draws.

    VaR: half the distance between the order statistics one standard deviation of the binomial
    count to either side (Serfling 1980, "Approximation Theorems of Mathematical Statistics",
    section 2.6), which needs no density. Expected shortfall: Manistre and Hancock (2005),
    "Variance of the CTE estimator", North American Actuarial Journal 9(2).

    Args:
        losses: Shape ``(n,)``, draws.
        confidence: Between 0 and 1.
    """
    size = len(losses)
    at = confidence * size
    step = max(np.sqrt(at * (1 - confidence)), 1.0)
    low, high = (int(np.clip(round(at + k * step), 0, size - 1)) for k in (-1, 1))
    ordered = np.partition(losses, (low, high))
    var, shortfall = tail(losses, confidence)
    worst = losses[losses >= var]
    inside = float(np.var(worst)) + confidence * (shortfall - var) ** 2
    return (
        float(ordered[high] - ordered[low]) / 2,
        float(np.sqrt(inside / max((1 - confidence) * size, 1.0))),
    )
