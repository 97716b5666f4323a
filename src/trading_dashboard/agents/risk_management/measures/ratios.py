"""Return for risk: Sharpe, Sortino, Calmar. All annualised; NaN rows are left out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from trading_dashboard.agents.risk_management.measures.drawdown import drawdown
from trading_dashboard.agents.risk_management.measures.returns import (
    TRADING_DAYS,
    Floats,
    is_flat,
    observed,
)
from trading_dashboard.models.risk.errors import NotEnoughData


def sharpe(returns: ArrayLike, risk_free: float = 0.0, periods: float = TRADING_DAYS) -> float:
    """Return mean excess return over its standard deviation, with n − 1, times √periods.

    Sharpe (1994), "The Sharpe ratio", Journal of Portfolio Management 21(1), 49-58.

    Args:
        returns: Shape ``(T,)``, simple daily returns.
        risk_free: A year's simple rate, of which each session takes its part.
        periods: Sessions of a year.

    Raises:
        NotEnoughData: Fewer than two returns, or they do not move.
    """
    excess = observed(returns, 2, "The Sharpe ratio") - risk_free / periods
    if is_flat(excess):
        raise NotEnoughData("The Sharpe ratio needs returns that move", observed="all are the same")
    return float(excess.mean() / np.std(excess, ddof=1) * math.sqrt(periods))


def sortino(returns: ArrayLike, target: float = 0.0, periods: float = TRADING_DAYS) -> float:
    """Return mean return above a target over the root mean square of what fell short of it.

    The mean square is over all n returns, not only those that fell short. Sortino and Price (1994),
    "Performance measurement in a downside risk framework", Journal of Investing 3(3), 59-64.

    Args:
        returns: Shape ``(T,)``, simple daily returns.
        target: A year's, of which each session takes its part.
        periods: Sessions of a year.

    Raises:
        NotEnoughData: Fewer than two returns, or none fell short.
    """
    excess = observed(returns, 2, "The Sortino ratio") - target / periods
    short = _root_mean_square(np.minimum(excess, 0.0))
    if short == 0:
        raise NotEnoughData("The Sortino ratio needs a return below its target", observed="none is")
    return float(excess.mean() / short * math.sqrt(periods))


def calmar(returns: ArrayLike, periods: float = TRADING_DAYS) -> float:
    """Return compound growth of a year over the maximum drawdown, both of the whole window.

    Young (1991), "Calmar ratio: a smoother tool", Futures 20(1); he took three years.

    Raises:
        NotEnoughData: Fewer than two returns, or no drawdown.
    """
    sample = observed(returns, 2, "The Calmar ratio")
    deepest = drawdown(sample).maximum
    if deepest == 0:
        raise NotEnoughData("The Calmar ratio needs a drawdown", observed="there was none")
    ratio = annual_growth(sample, periods) / deepest
    if not math.isfinite(ratio):
        raise NotEnoughData("The Calmar ratio is too large to tell", observed=f"drawdown {deepest}")
    return ratio


def annual_growth(returns: Floats, periods: float = TRADING_DAYS) -> float:
    """Return the compound growth of a year, −1 after ruin.

    Raises:
        NotEnoughData: The window is so short that its growth for a year is no number.
    """
    if returns.min() <= -1:
        return -1.0
    exponent = float(np.log1p(returns).mean()) * periods
    if exponent > 700:
        raise NotEnoughData("Growth of a year is too large to tell", observed=exponent)
    return math.expm1(exponent)


def _root_mean_square(sample: Floats) -> float:
    return math.sqrt(float(np.mean(sample**2)))
