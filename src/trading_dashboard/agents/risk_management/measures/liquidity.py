"""How long it takes to leave at a share of what is traded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from trading_dashboard.agents.risk_management.measures.returns import Floats
from trading_dashboard.models.risk.errors import InvalidScenario

VOLUME_DAYS = 20
"""A month of sessions, whose mean volume is what a day trades."""
PARTICIPATION = 0.1
"""Share of a day's volume that is sold without leading the market."""


@dataclass(frozen=True, slots=True, eq=False)
class Liquidity:
    """Of holdings, each sold side by side.

    Attributes:
        days: Shape ``(N,)``, trading days for each; NaN where its volume is not known, infinite
            where nothing was traded.
        longest: Days until all with a known volume are left; None if none is known.
        after_one_day: Share of gross exposure that is left in a day; None without exposure.
        unknown: Which holdings have no known volume.
    """

    days: Floats
    longest: float | None
    after_one_day: float | None
    unknown: tuple[int, ...]


def average_volume(volumes: ArrayLike, days: int = VOLUME_DAYS) -> float:
    """Return the mean of the last `days` known volumes, shape ``(T,)``; NaN if none is known."""
    series = np.asarray(volumes, np.float64)
    known = series[np.isfinite(series) & (series >= 0)][-days:]
    return float(known.mean()) if len(known) else float("nan")


def days_to_leave(
    quantities: ArrayLike,
    volumes: ArrayLike,
    values: ArrayLike,
    participation: float = PARTICIPATION,
) -> Liquidity:
    """Return how long it takes to leave holdings at a share of their volume.

    ``days = |quantity| / (participation × average daily volume)``, not rounded up. Market impact is
    not in it; see Almgren and Chriss (2001), "Optimal execution of portfolio transactions", Journal
    of Risk 3(2), for what a faster way would cost.

    Args:
        quantities: Shape ``(N,)``, shares or coins; short below zero.
        volumes: Shape ``(N,)``, average a day, in the same unit; NaN where not known.
        values: Shape ``(N,)``, currency, for the share of exposure.
        participation: Above 0, at most 1.

    Raises:
        InvalidScenario: `participation` is out of bounds, or a quantity or value is not finite.
    """
    held, traded = np.abs(np.asarray(quantities, np.float64)), np.asarray(volumes, np.float64)
    sizes = np.abs(np.asarray(values, np.float64))
    if not 0 < participation <= 1:
        raise InvalidScenario(
            "The share of volume lies above 0 and at most 1", observed=participation
        )
    if not (np.isfinite(held).all() and np.isfinite(sizes).all()):
        raise InvalidScenario("A holding's quantity or value is not finite")
    known = np.isfinite(traded) & (traded >= 0)
    rate = np.where(known, traded, np.nan) * participation
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        days = np.where(held == 0, 0.0, held / rate)
    missing = np.isnan(days)
    leaving = np.where(missing, 0.0, 1 / np.maximum(days, 1.0))
    largest = sizes.max(initial=0)
    shares = sizes / largest if largest else sizes
    return Liquidity(
        days,
        float(days[~missing].max()) if (~missing).any() else None,
        float(1 - shares @ leaving / shares.sum()) if largest else None,
        tuple(int(i) for i in np.flatnonzero(missing)),
    )
