"""How far below its peak a value is, how long, and how bad on average.

Fractions of the peak, above zero; the value before the first return counts as a peak.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from trading_dashboard.agents.risk_management.measures.returns import Floats, observed
from trading_dashboard.agents.risk_management.measures.tails import tail
from trading_dashboard.models.risk.errors import NotEnoughData


@dataclass(frozen=True, slots=True)
class Drawdown:
    """Of one series.

    Attributes:
        current: Below the peak so far, 0 to 1.
        maximum: The deepest.
        peak: Observation of the peak before the deepest; 0 is the value before the first return.
        trough: Observation of the deepest; 0 if there is none.
        current_days: Observations since the last peak.
        longest_days: Longest stretch below a peak, until it was reached again or the end.
        average: CDaR: mean of the worst ``1 − confidence`` of all days' drawdowns.
        ulcer: Root of the mean squared drawdown.
    """

    current: float
    maximum: float
    peak: int
    trough: int
    current_days: int
    longest_days: int
    average: float
    ulcer: float


def wealth_of(returns: ArrayLike) -> Floats:
    """Return what one unit became, shape ``(T + 1,)``, starting with the unit itself.

    A return of −1 or below is ruin: nothing comes after it. NaN rows are left out.

    Raises:
        NotEnoughData: No return.
    """
    sample = observed(returns, 1, "Drawdown")
    growth = np.maximum(1 + sample, 0.0)
    # Far above any value that matters, so that a product of absurd returns stays a number.
    with np.errstate(divide="ignore"):
        logs = np.cumsum(np.log(growth))
    return np.concatenate([[1.0], np.exp(np.minimum(logs, 700.0))])


def drawdowns_of(values: ArrayLike) -> Floats:
    """Return each observation's fall from the highest before it, shape ``(T,)``, 0 to 1.

    Args:
        values: Shape ``(T,)``, such as equity; the first is above zero. A value below zero has
            fallen by all of its peak and more, which counts as all.

    Raises:
        NotEnoughData: A value is missing, or none is above zero at the start.
    """
    series = np.asarray(values, np.float64)
    if not len(series) or not np.isfinite(series).all() or series[0] <= 0:
        raise NotEnoughData(
            "Drawdown needs values without gaps that start above zero",
            observed=float(series[0]) if len(series) else None,
        )
    peaks = np.maximum.accumulate(series)
    return np.asarray(np.clip(1 - series / peaks, 0.0, 1.0))


def drawdown(returns: ArrayLike, confidence: float = 0.95) -> Drawdown:
    """Return the drawdown of compounded returns, shape ``(T,)``; NaN rows are left out.

    Raises:
        NotEnoughData: No return.
    """
    return drawdown_of_values(wealth_of(returns), confidence)


def drawdown_of_values(values: ArrayLike, confidence: float = 0.95) -> Drawdown:
    """Return the drawdown of values such as equity, shape ``(T + 1,)``.

    CDaR is expected shortfall of the T drawdowns after the first value: Chekhlov, Uryasev and
    Zabarankin (2005), "Drawdown measure in portfolio optimization", Int. J. of Theoretical and
    Applied Finance 8(1). Ulcer index: Martin and McCann (1989), "The Investor's Guide to Fidelity
    Funds"; here a fraction, not percent.

    Raises:
        NotEnoughData: See `drawdowns_of`, or there is only one value.
    """
    falls = drawdowns_of(values)
    if len(falls) < 2:
        raise NotEnoughData("Drawdown needs two values", observed=len(falls))
    trough = int(np.argmax(falls))
    at_peak = np.flatnonzero(falls == 0)
    last = len(falls) - 1
    between = np.diff(at_peak) - 1
    longest = int(max(between.max(initial=0), last - at_peak[-1]))
    after = falls[1:]
    return Drawdown(
        float(falls[-1]),
        float(falls[trough]),
        int(at_peak[at_peak <= trough][-1]),
        trough,
        int(last - at_peak[-1]),
        longest,
        tail(after, confidence)[1],
        float(np.sqrt(np.mean(after**2))),
    )
