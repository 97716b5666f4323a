"""GARCH(1,1) with a constant mean and normal errors, through `arch`.

Owns the late import: `arch` brings pandas and statsmodels, one to two seconds and some 100 MB once,
and a fit takes tens of milliseconds. So nothing here is called for every tick, nor on an event
loop.

Bollerslev (1986), "Generalized autoregressive conditional heteroskedasticity", Journal of
Econometrics 31(3), 307-327. Fitted by quasi maximum likelihood.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from trading_dashboard.agents.risk_management.measures.returns import Floats, is_flat, observed
from trading_dashboard.models.risk.errors import NotEnoughData

MINIMUM_GARCH = 250
"""Three parameters of a slow process; from fewer days they are noise."""


@dataclass(frozen=True, slots=True, eq=False)
class GarchFit:
    """``σ²(t+1) = ω + α ε²(t) + β σ²(t)``, with ``ε = r − μ``, in the units of the returns.

    Attributes:
        mean: μ, a day.
        omega: ω.
        alpha: α.
        beta: β; α + β is the persistence.
        variances: Shape ``(T,)``, conditional, of each day as seen the day before.
        residuals: Shape ``(T,)``, ``(r − μ) / σ``.
        next_variance: Of the day after the last.
    """

    mean: float
    omega: float
    alpha: float
    beta: float
    variances: Floats
    residuals: Floats
    next_variance: float


def fit_garch(returns: ArrayLike) -> GarchFit:
    """Return the fit to a series of daily returns, shape ``(T,)``; NaN rows are left out.

    Raises:
        NotEnoughData: Fewer than `MINIMUM_GARCH` returns, they do not move, or the fit does not
            converge.
    """
    sample = observed(returns, MINIMUM_GARCH, "GARCH")
    if is_flat(sample):
        raise NotEnoughData("GARCH needs returns that move", observed="all are the same")
    scale = float(np.std(sample))
    # The optimiser is at its best near a variance of one; everything is scaled back below.
    scaled = sample / scale
    from arch import arch_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = arch_model(scaled, mean="Constant", vol="GARCH", p=1, q=1, rescale=False)
        fit = model.fit(disp="off", show_warning=False, options={"maxiter": 500})
    if fit.convergence_flag != 0:
        raise NotEnoughData(
            "GARCH does not converge on these returns",
            observed=f"optimiser's flag {fit.convergence_flag}",
            next_step="Use a longer window, or EWMA.",
        )
    mean, omega, alpha, beta = (float(value) for value in np.asarray(fit.params))
    variances = np.asarray(fit.conditional_volatility, np.float64) ** 2
    errors = scaled - mean
    following = omega + alpha * errors[-1] ** 2 + beta * variances[-1]
    return GarchFit(
        mean * scale,
        omega * scale**2,
        alpha,
        beta,
        variances * scale**2,
        errors / np.sqrt(variances),
        float(following) * scale**2,
    )
