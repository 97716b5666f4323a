"""Who makes the portfolio's VaR: component, marginal and incremental VaR.

Components add up to VaR exactly (Euler: VaR is homogeneous of degree one in the holdings). A
marginal is the change for one more unit of currency held long, so a component is value × marginal.
Incremental VaR is the whole less the portfolio without the holding, measured again.

Tasche (1999), "Risk contributions and performance measurement"; Garman (1996), "Improving on VaR",
Risk 9(5); McNeil, Frey and Embrechts (2015), section 8.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from trading_dashboard.agents.risk_management.measures.correlation import sample_covariance
from trading_dashboard.agents.risk_management.measures.returns import Exposed, Floats
from trading_dashboard.agents.risk_management.measures.tails import tail
from trading_dashboard.models.risk.errors import InvalidScenario
from trading_dashboard.models.risk.measures import VarMethod

_BANDWIDTH = 2.575
"""Epperlein and Smillie's, in standard deviations of losses over the fifth root of their number."""


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """Of holdings in the order of the exposure, all shape ``(N,)``.

    Attributes:
        var: The whole.
        component: Currency; their sum is `var`.
        marginal: Currency of VaR per unit of currency held.
        incremental: Currency; below zero for what hedges.
    """

    var: float
    component: Floats
    marginal: Floats
    incremental: Floats


def contributions(
    exposure: Exposed, method: VarMethod, confidence: float = 0.95, horizon_days: int = 1
) -> Contributions:
    """Return each holding's part of VaR, by the normal or the historical method.

    Args:
        exposure: Holdings with history, at least two days.
        method: ``normal`` (in closed form) or ``historical`` (conditional expectation).
        confidence: Between 0.5 and 1.
        horizon_days: Trading days.

    Raises:
        InvalidScenario: Another method, or numbers too large.
    """
    if method not in CONTRIBUTION_METHODS:
        raise InvalidScenario(
            "Contributions are told by the normal and the historical method",
            observed=method.value,
        )
    largest = float(np.abs(exposure.values).max(initial=0))
    if largest == 0:
        none = np.zeros(0)
        return Contributions(0.0, none, none, none)
    # A power of two: rounds nothing, and keeps squares of any size of holding in range.
    scale = math.ldexp(1.0, math.frexp(largest)[1] - 1)
    values = exposure.values / scale
    by = _normal if method is VarMethod.NORMAL else _historical
    found = by(exposure.returns, values, confidence, horizon_days)
    with np.errstate(over="ignore"):
        whole = Contributions(
            found.var * scale, found.component * scale, found.marginal, found.incremental * scale
        )
    if not (math.isfinite(whole.var) and np.isfinite(whole.incremental).all()):
        raise InvalidScenario("The holdings are too large to measure", observed=largest)
    return whole


def _normal(returns: Floats, values: Floats, confidence: float, horizon: int) -> Contributions:
    """``∂VaR/∂v = −μh + z√h Σv / √(v'Σv)``; without one, ``v'Σv − 2 v_i (Σv)_i + v_i² Σ_ii``."""
    covariance = sample_covariance(returns)
    mean = returns.mean(axis=0) * horizon
    z = float(special.ndtri(confidence)) * math.sqrt(horizon)
    shared = covariance @ values
    variance = max(float(values @ shared), 0.0)
    deviation = math.sqrt(variance)
    slope = shared / deviation if deviation > 0 else np.zeros(len(values))
    marginal = z * slope - mean
    component = values * marginal
    var = z * deviation - float(mean @ values)
    without = variance - 2 * values * shared + values**2 * np.diag(covariance)
    reduced = z * np.sqrt(np.maximum(without, 0.0)) - (float(mean @ values) - mean * values)
    return Contributions(var, _closed(component, var), marginal, var - reduced)


def _historical(returns: Floats, values: Floats, confidence: float, horizon: int) -> Contributions:
    """``−E[v_i r_i | loss = VaR]``, over days near VaR, weighted by how near.

    A single day at VaR would say more of that day than of the holdings; a triangular kernel over
    losses (Epperlein and Smillie 2006, "Cracking VaR with kernels", Risk 19(8)) takes its
    neighbours in. What the weighting leaves between the sum and VaR is spread in proportion to the
    size of the components.
    """
    root = math.sqrt(horizon)
    parts = -returns * values
    losses = parts.sum(axis=1)
    var = tail(losses, confidence)[0]
    width = _BANDWIDTH * float(np.std(losses)) * len(losses) ** -0.2
    weights = np.maximum(1 - np.abs(losses - var) / width, 0.0) if width > 0 else losses == var
    if not weights.sum() > 0:
        weights = (np.abs(losses - var) == np.abs(losses - var).min()).astype(np.float64)
    weights = weights / weights.sum()
    component = _closed(weights @ parts, var)
    marginal = np.divide(component, values, out=-(weights @ returns), where=values != 0)
    without = np.array([tail(losses - part, confidence)[0] for part in parts.T])
    return Contributions(var * root, component * root, marginal * root, (var - without) * root)


def _closed(component: Floats, var: float) -> Floats:
    """Return components whose sum is `var`, what was left spread by their sizes."""
    sizes = np.abs(component)
    left = var - float(component.sum())
    total = float(sizes.sum())
    return np.asarray(component + left * (sizes / total if total > 0 else 1 / len(sizes)))


CONTRIBUTION_METHODS = (VarMethod.NORMAL, VarMethod.HISTORICAL)
