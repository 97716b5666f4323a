"""What the t copula is fitted to: rank correlations, and degrees of freedom by likelihood."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from trading_dashboard.agents.risk_management.measures.correlation import factor_of
from trading_dashboard.agents.risk_management.measures.returns import Floats
from trading_dashboard.agents.risk_management.measures.student_t import LARGEST_DF, SMALLEST_DF

FITTED_DAYS = 500
"""Newest days the copula is fitted to: Kendall's tau takes the square of them."""
FITTED_PAIRS = 200
"""Pairs of holdings in the likelihood."""
_TOO_ALIKE = 0.999


def kendall_tau(returns: Floats) -> Floats:
    """Return Kendall's tau-b of each pair, shape ``(N, N)``; 0 beside a series that does not move.

    Args:
        returns: Shape ``(T, N)``, complete days, at most 2²⁴ pairs of days.
    """
    days, size = returns.shape
    concordant = np.zeros((size, size))
    for lag in range(1, days):
        # Products of signs, summed: whole numbers, which float32 holds exactly below 2²⁴.
        signs = np.sign(returns[lag:] - returns[:-lag]).astype(np.float32)
        concordant += signs.T @ signs
    moves = np.sqrt(np.diag(concordant))
    scale = np.where(moves > 0, 1 / np.where(moves > 0, moves, 1.0), 0.0)
    tau = concordant * np.outer(scale, scale)
    np.fill_diagonal(tau, 1.0)
    return np.asarray(tau)


def fit_copula(returns: Floats, df: float | None = None) -> tuple[Floats, float | None, bool]:
    """Return the factor of the copula's correlations, its ν, and whether they were repaired.

    Correlations are ``sin(π τ / 2)`` of Kendall's tau, which needs no margins (McNeil, Frey and
    Embrechts 2015, section 7.5.1; repaired where they are no correlation matrix). ν maximises the
    likelihood of the ranks over pairs of holdings (composite likelihood: Varin, Reid and Firth
    2011, "An overview of composite likelihood methods", Statistica Sinica 21(1)), which works with
    more holdings than days. It is None for a single holding, which has no copula.

    Args:
        returns: Shape ``(T, N)``, complete days, of which the newest `FITTED_DAYS` are used.
        df: ν, if it shall not be fitted.
    """
    recent = returns[-FITTED_DAYS:]
    correlation = np.sin(np.pi / 2 * kendall_tau(recent))
    np.fill_diagonal(correlation, 1.0)
    factor, is_clipped = factor_of(correlation)
    if df is None:
        df = _fit_df(recent, correlation)
    return factor, df, is_clipped


def _fit_df(returns: Floats, correlation: Floats) -> float | None:
    pairs = _pairs(correlation)
    if not len(pairs):
        return None
    from scipy import optimize

    ranks, values = _ranks(returns)
    rho = correlation[pairs[:, 0], pairs[:, 1]]

    def cost(log_df: float) -> float:
        return -_log_likelihood(math.exp(log_df), ranks[:, pairs], values, rho)

    bounds = (math.log(SMALLEST_DF), math.log(LARGEST_DF))
    found = optimize.minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-5})
    return float(math.exp(found.x))


def _pairs(correlation: Floats) -> np.ndarray:
    """Return pairs of neighbours, then of those two apart, and so on, shape ``(pairs, 2)``."""
    size = len(correlation)
    pairs = [
        (i, i + apart)
        for apart in range(1, size)
        for i in range(size - apart)
        if abs(correlation[i, i + apart]) < _TOO_ALIKE
    ][:FITTED_PAIRS]
    return np.array(pairs, np.intp).reshape(-1, 2)


def _ranks(returns: Floats) -> tuple[np.ndarray, Floats]:
    """Return where each return's rank stands in the second, the distinct ``rank / (T + 1)``."""
    days = len(returns)
    ranks = np.empty(returns.shape)
    for column, series in enumerate(returns.T):
        ordered = np.sort(series)
        below = np.searchsorted(ordered, series, side="left")
        ranks[:, column] = (below + np.searchsorted(ordered, series, side="right") + 1) / 2
    values, places = np.unique(ranks, return_inverse=True)
    return places.reshape(returns.shape), values / (days + 1)


def _log_likelihood(df: float, places: np.ndarray, values: Floats, rho: Floats) -> float:
    """Return the log likelihood of pairs, `places` of shape ``(T, pairs, 2)``."""
    quantiles = special.stdtrit(df, values)
    margins = np.log1p(quantiles**2 / df)
    x, y = quantiles[places[..., 0]], quantiles[places[..., 1]]
    apart = 1 - rho**2
    form = (x**2 - 2 * rho * x * y + y**2) / apart
    joint = -(df + 2) / 2 * np.log1p(form / df) - 0.5 * np.log(apart)
    alone = -(df + 1) / 2 * (margins[places[..., 0]] + margins[places[..., 1]])
    level = math.lgamma(df / 2 + 1) + math.lgamma(df / 2) - 2 * math.lgamma((df + 1) / 2)
    return float(level * joint.size + (joint - alone).sum())
