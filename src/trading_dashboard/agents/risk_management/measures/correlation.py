"""Beta and correlation, sample and shrunk, and the repair of what is no correlation matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from trading_dashboard.agents.risk_management.measures.returns import Floats, is_flat
from trading_dashboard.models.risk.errors import NotEnoughData

Target = Literal["constant_correlation", "scaled_identity"]
CLIPPED_TO = 1e-10
"""Smallest eigenvalue after clipping; the largest of a correlation matrix is between 1 and N."""


@dataclass(frozen=True, slots=True, eq=False)
class Shrunk:
    """A shrunk covariance.

    Attributes:
        covariance: Shape ``(N, N)``, a day.
        intensity: Weight of the target, 0 to 1.
        target: What it was shrunk to.
    """

    covariance: Floats
    intensity: float
    target: Target


def beta(returns: ArrayLike, benchmark: ArrayLike, minimum: int = 2) -> float:
    """Return ``cov(r, b) / var(b)`` over days that both have; n − 1 or n cancels.

    Args:
        returns: Shape ``(T,)``, simple daily returns.
        benchmark: Shape ``(T,)``, of the same days.
        minimum: Days needed.

    Raises:
        NotEnoughData: Too few common days, or the benchmark does not move.
    """
    r, b = np.asarray(returns, np.float64), np.asarray(benchmark, np.float64)
    both = np.isfinite(r) & np.isfinite(b)
    if both.sum() < minimum:
        raise NotEnoughData(
            f"Beta needs {minimum} days that both series have", observed=int(both.sum())
        )
    r, b = r[both], b[both]
    if is_flat(b):
        raise NotEnoughData("Beta needs a benchmark that moves", observed="it does not")
    apart = b - b.mean()
    return float(apart @ (r - r.mean()) / (apart @ apart))


def sample_covariance(returns: Floats) -> Floats:
    """Return the covariance with n − 1, shape ``(N, N)``, of returns ``(T, N)`` without NaN.

    Raises:
        NotEnoughData: Fewer than two days.
    """
    if len(returns) < 2:
        raise NotEnoughData("Covariance needs at least two days", observed=len(returns))
    centred = returns - returns.mean(axis=0)
    return np.asarray(centred.T @ centred / (len(returns) - 1))


def sample_correlation(returns: Floats) -> Floats:
    """Return Pearson's correlation of complete days, shape ``(N, N)``.

    Args:
        returns: Shape ``(T, N)`` without NaN, T ≥ 2.

    Rows and columns of a series that does not move are NaN: it has no correlation.

    Raises:
        NotEnoughData: Fewer than two days.
    """
    return correlation_of(sample_covariance(returns), flat_columns(returns))


def correlation_of(covariance: Floats, flat: np.ndarray | None = None) -> Floats:
    """Return the correlations of a covariance; NaN where a variance is zero or `flat` says so."""
    deviations = np.sqrt(np.diag(covariance))
    known = deviations > 0 if flat is None else ~flat & (deviations > 0)
    scale = np.where(known, 1 / np.where(known, deviations, 1.0), np.nan)
    correlation = np.clip(covariance * np.outer(scale, scale), -1, 1)
    correlation[known, known] = 1.0
    return np.asarray(correlation)


def flat_columns(returns: Floats) -> np.ndarray:
    """Tell which columns of ``(T, N)`` do not move, shape ``(N,)``."""
    return np.array([is_flat(column) for column in returns.T], bool)


def ledoit_wolf(returns: Floats, target: Target = "constant_correlation") -> Shrunk:
    """Return the covariance shrunk to a target by the intensity that Ledoit and Wolf derive.

    The target is by default the sample's own variances with every correlation at their average:
    Ledoit and Wolf (2004), "Honey, I shrunk the sample covariance matrix", Journal of Portfolio
    Management 30(4), 110-119. ``scaled_identity`` is that of their (2004) "A well-conditioned
    estimator for large-dimensional covariance matrices", J. Multivariate Analysis 88(2), 365-411.
    Both use covariances with n, as there.

    Args:
        returns: Shape ``(T, N)`` without NaN; every column moves.
        target: Which of the two.

    Raises:
        NotEnoughData: Fewer than two days, or a column that does not move.
    """
    if len(returns) < 2 or flat_columns(returns).any():
        raise NotEnoughData(
            "Shrinkage needs two days and returns that move",
            observed=f"{len(returns)} days, {int(flat_columns(returns).sum())} flat",
        )
    centred = returns - returns.mean(axis=0)
    sample = centred.T @ centred / len(centred)
    if target == "scaled_identity":
        prior, covering = np.eye(len(sample)) * np.trace(sample) / len(sample), 0.0
    else:
        prior, covering = _constant_correlation(centred, sample)
    squares = centred**2
    noise = float((squares.T @ squares / len(centred) - sample**2).sum())
    distance = float(((sample - prior) ** 2).sum())
    # One symbol, or two with a common correlation: the target is the sample.
    is_apart = distance > 1e-24 * float((sample**2).sum())
    wanted = (noise - covering) / distance / len(centred) if is_apart else 0.0
    intensity = min(max(wanted, 0.0), 1.0)
    return Shrunk(intensity * prior + (1 - intensity) * sample, intensity, target)


def _constant_correlation(centred: Floats, sample: Floats) -> tuple[Floats, float]:
    """Return the target, and the sum of its covariances with the sample (rho hat)."""
    size, days = len(sample), len(centred)
    deviations = np.sqrt(np.diag(sample))
    products = np.outer(deviations, deviations)
    average = ((sample / products).sum() - size) / (size * (size - 1)) if size > 1 else 0.0
    prior = average * products
    np.fill_diagonal(prior, np.diag(sample))
    squares = centred**2
    diagonal = float((squares**2).sum() / days - (np.diag(sample) ** 2).sum())
    mixed = (centred**3).T @ centred / days - np.diag(sample)[:, None] * sample
    np.fill_diagonal(mixed, 0.0)
    around = float((mixed * np.outer(1 / deviations, deviations)).sum())
    return prior, diagonal + average * around


def clip_eigenvalues(correlation: Floats) -> tuple[Floats, bool]:
    """Return the nearest that is a correlation matrix, and whether it had to be changed.

    See `factor_of` for the method and arguments.
    """
    factor, is_clipped = factor_of(correlation)
    if not is_clipped:
        return correlation, False
    clipped = factor @ factor.T
    np.fill_diagonal(clipped, 1.0)
    return np.asarray(clipped), True


def factor_of(correlation: Floats) -> tuple[Floats, bool]:
    """Return L with ``L Lᵀ`` the correlation matrix, and whether eigenvalues were clipped for it.

    Eigenvalues below `CLIPPED_TO` are raised to it, and rows scaled back to a diagonal of ones:
    the spectral method of Rebonato and Jäckel (1999), "The most general methodology to create a
    valid correlation matrix for risk management and option pricing purposes", Journal of Risk 2(2).

    Args:
        correlation: Shape ``(N, N)``, symmetric, finite.
    """
    values, vectors = np.linalg.eigh((correlation + correlation.T) / 2)
    if not len(values) or values[0] >= CLIPPED_TO:
        return np.asarray(np.linalg.cholesky(correlation), np.float64), False
    factor = vectors * np.sqrt(np.maximum(values, CLIPPED_TO))
    return np.asarray(factor / np.linalg.norm(factor, axis=1, keepdims=True)), True
