"""Volatility of one series: close-to-close, EWMA, and from a bar's range.

Each returns a fraction for a year (`periods` sessions; 1 for a day). NaN rows are left out, never
taken for zero. GARCH is in `garch`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from trading_dashboard.agents.risk_management.measures.garch import fit_garch
from trading_dashboard.agents.risk_management.measures.returns import (
    TRADING_DAYS,
    Floats,
    observed,
)
from trading_dashboard.models.risk.errors import InvalidScenario, NotEnoughData

EWMA_DECAY = 0.94
"""RiskMetrics' for daily returns."""


def close_to_close(returns: ArrayLike, periods: float = TRADING_DAYS) -> float:
    """Return the sample standard deviation, with n − 1, times the root of `periods`.

    Args:
        returns: Shape ``(T,)``, simple daily returns.
        periods: Sessions of a year.

    Raises:
        NotEnoughData: Fewer than two returns.
    """
    sample = observed(returns, 2, "Volatility")
    return _annual(float(np.var(sample, ddof=1)), periods)


def ewma(returns: ArrayLike, decay: float = EWMA_DECAY, periods: float = TRADING_DAYS) -> float:
    """Return volatility whose weights fall by `decay` a day, about a mean of zero.

    ``σ² = Σ λ^i r²(T−i) / Σ λ^i``: the weights of a finite window are normed, so no value to start
    from is needed. J.P. Morgan/Reuters (1996), "RiskMetrics: Technical Document", 4th ed., 5.2.

    Raises:
        NotEnoughData: No return.
        InvalidScenario: `decay` is not between 0 and 1.
    """
    if not 0 < decay < 1:
        raise InvalidScenario("The decay of EWMA lies between 0 and 1", observed=decay)
    sample = observed(returns, 1, "EWMA volatility")
    weights = decay ** np.arange(len(sample) - 1, -1, -1, dtype=np.float64)
    return _annual(float(weights @ sample**2 / weights.sum()), periods)


def garch(returns: ArrayLike, periods: float = TRADING_DAYS) -> float:
    """Return the volatility that GARCH(1,1) sees for the next day. Slow; see `garch`.

    Raises:
        NotEnoughData: The fit needs more returns, or does not converge.
    """
    return _annual(fit_garch(returns).next_variance, periods)


def parkinson(high: ArrayLike, low: ArrayLike, periods: float = TRADING_DAYS) -> float:
    """Return volatility from the range of each bar; it does not see what happens overnight.

    ``σ² = Σ ln(H/L)² / (4 n ln 2)``. Parkinson (1980), "The extreme value method for estimating the
    variance of the rate of return", Journal of Business 53(1), 61-65.

    Args:
        high: Shape ``(T,)``.
        low: Shape ``(T,)``; rows that are not ``high ≥ low > 0`` are left out.
        periods: Sessions of a year.

    Raises:
        NotEnoughData: Fewer than two bars.
    """
    highs, lows = _sound(high, low, what="Parkinson's volatility", minimum=2)
    return _annual(float(np.mean(np.log(highs / lows) ** 2)) / (4 * math.log(2)), periods)


def yang_zhang(
    open_: ArrayLike,
    high: ArrayLike,
    low: ArrayLike,
    close: ArrayLike,
    periods: float = TRADING_DAYS,
) -> float:
    """Return volatility from bars with their gaps, free of drift.

    ``σ² = σ²(overnight) + k σ²(open to close) + (1 − k) σ²(Rogers-Satchell)`` with
    ``k = 0.34 / (1.34 + (n + 1)/(n − 1))``, variances with n − 1. Yang and Zhang (2000),
    "Drift-independent volatility estimation based on high, low, open, and close prices", Journal of
    Business 73(3), 477-491.

    Args:
        open_: Shape ``(T,)``; all four adjusted alike for splits and dividends.
        high: Shape ``(T,)``.
        low: Shape ``(T,)``.
        close: Shape ``(T,)``. A bar that is missing or contradicts itself is left out, and with it
            the gap after it.
        periods: Sessions of a year.

    Raises:
        NotEnoughData: Fewer than three bars with the one before them.
    """
    o, h, l, c = (np.asarray(a, np.float64) for a in (open_, high, low, close))  # noqa: E741
    sound = _is_bar(o, h, l, c)
    rows = np.flatnonzero(sound[1:] & sound[:-1]) + 1
    count = len(rows)
    if count < 3:
        raise NotEnoughData(
            "Yang and Zhang's volatility needs three bars with the one before them", observed=count
        )
    overnight = np.log(o[rows] / c[rows - 1])
    up, down, day = (np.log(a[rows] / o[rows]) for a in (h, l, c))
    within = float(np.mean(up * (up - day) + down * (down - day)))
    share = 0.34 / (1.34 + (count + 1) / (count - 1))
    variance = np.var(overnight, ddof=1) + share * np.var(day, ddof=1) + (1 - share) * within
    return _annual(float(variance), periods)


def _is_bar(o: Floats, h: Floats, l: Floats, c: Floats) -> np.ndarray:  # noqa: E741
    bars = np.stack([o, h, l, c])
    sound = np.isfinite(bars).all(axis=0) & (l > 0)
    return np.asarray(sound & (h >= np.maximum(o, c)) & (l <= np.minimum(o, c)))


def _sound(high: ArrayLike, low: ArrayLike, *, what: str, minimum: int) -> tuple[Floats, Floats]:
    highs, lows = np.asarray(high, np.float64), np.asarray(low, np.float64)
    sound = np.isfinite(highs) & np.isfinite(lows) & (lows > 0) & (highs >= lows)
    if sound.sum() < minimum:
        raise NotEnoughData(f"{what} needs at least {minimum} bars", observed=int(sound.sum()))
    return highs[sound], lows[sound]


def _annual(variance: float, periods: float) -> float:
    volatility = math.sqrt(max(variance, 0.0) * periods)
    if not math.isfinite(volatility):
        raise InvalidScenario("The returns are too large to measure", observed=variance)
    return volatility
