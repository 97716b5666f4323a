"""Monte Carlo: correlated normal draws, and the t copula with each holding's own history.

Owns drawing in chunks, so that 500 holdings × 100,000 paths take tens of megabytes and not the
gigabytes of all draws at once. All is float64, and the same seed gives the same losses, whatever
the size of a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import special

from trading_dashboard.agents.risk_management.measures.correlation import (
    correlation_of,
    factor_of,
)
from trading_dashboard.agents.risk_management.measures.returns import Floats

CHUNK_BYTES = 16 * 2**20
"""Of draws at once; as much again for their product."""


def draw_correlated(
    factor: Floats, paths: int, generator: np.random.Generator
) -> Iterator[tuple[slice, Floats]]:
    """Yield standard normal outcomes with the correlation of `factor`, chunk by chunk.

    Args:
        factor: Shape ``(N, N)``, L with ``L Lᵀ`` the correlation.
        paths: In all.
        generator: Where draws come from, path by path.

    Yields:
        The paths of the chunk, and outcomes of shape ``(N, paths of the chunk)``, which are valid
        until the next chunk.
    """
    size = len(factor)
    rows = _rows(size, paths)
    draws = np.empty((rows, size))
    outcomes = np.empty(size * rows)
    for start in range(0, paths, rows):
        count = min(rows, paths - start)
        drawn = generator.standard_normal(out=draws[:count])
        product = outcomes[: size * count].reshape(size, count)
        yield slice(start, start + count), np.matmul(factor, drawn.T, out=product)


def normal_losses(
    mean: Floats, covariance: Floats, values: Floats, paths: int, seed: int
) -> tuple[Floats, bool]:
    """Return losses of holdings whose returns are jointly normal, and whether R was repaired.

    A path's loss is ``−v·(μ + D L z)`` with D the deviations and L the factor of the correlations.
    The sum over holdings is drawn in, as ``(Lᵀ D v)·z``: the same draws and losses without the
    outcomes of each holding.

    Args:
        mean: Shape ``(N,)``, of the horizon.
        covariance: Shape ``(N, N)``, of the horizon.
        values: Shape ``(N,)``, currency.
        paths: How many.
        seed: Of numpy's PCG64.
    """
    deviations = np.sqrt(np.diag(covariance))
    moving = deviations > 0
    factor, is_clipped = factor_of(correlation_of(covariance[np.ix_(moving, moving)]))
    weights = factor.T @ (deviations * values)[moving]
    losses = np.empty(paths)
    generator = np.random.default_rng(seed)
    size = len(weights)
    rows = _rows(size, paths)
    draws = np.empty((rows, size))
    for start in range(0, paths, rows):
        drawn = generator.standard_normal(out=draws[: min(rows, paths - start)])
        np.matmul(drawn, weights, out=losses[start : start + len(drawn)])
    # A loss is a profit with its sign turned, and the draws are symmetric only in distribution.
    np.negative(losses, out=losses)
    losses -= mean @ values
    return losses, is_clipped


def copula_losses(
    returns: Floats, factor: Floats, df: float, values: Floats, paths: int, seed: int
) -> Floats:
    """Return a day's losses: ranks by a t copula, returns by each holding's own history.

    A path draws ``t = L z / √(w/ν)``, w of χ²(ν); holding i returns the quantile of its empirical
    distribution (``inverted_cdf``) at ``T_ν(t_i)``. Demarta and McNeil (2005), "The t copula and
    related copulas", International Statistical Review 73(1), 111-129.

    Args:
        returns: Shape ``(T, N)``, complete days.
        factor: Shape ``(N, N)``, of the copula's correlations.
        df: ν.
        values: Shape ``(N,)``, currency.
        paths: How many.
        seed: Of numpy's PCG64.
    """
    days = len(returns)
    # Where T_ν passes k/T: a comparison with these is exactly the quantile of T_ν(t).
    thresholds = special.stdtrit(df, np.arange(1, days) / days)
    profits = np.ascontiguousarray((np.sort(returns, axis=0) * values).T)
    generator, mixing = np.random.default_rng(seed).spawn(2)
    losses = np.zeros(paths)
    for chunk, outcomes in draw_correlated(factor, paths, generator):
        mixture = np.sqrt(mixing.chisquare(df, outcomes.shape[1]) / df)
        for holding, outcome in zip(profits, outcomes, strict=True):
            losses[chunk] -= holding[np.searchsorted(thresholds, outcome / mixture)]
    return losses


def _rows(size: int, paths: int) -> int:
    return max(1, min(paths, CHUNK_BYTES // (8 * max(size, 1))))
