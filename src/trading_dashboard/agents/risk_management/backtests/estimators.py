"""A day's VaR from the days before it, made cheap enough to ask for every day of thirteen years.

Owns which parts of a method are fitted anew each day and which are kept for some days. All methods
are those of `measures`; two of them fit what takes tens of milliseconds, and keep it:

- GARCH as a filter: mean, ω, α and β; the variance follows every day.
- The t copula: its correlations and ν; each holding's own history is today's.

An estimator sees only the returns it is handed, which end the day before the one it answers for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.risk_management.measures.copula import fit_copula
from trading_dashboard.agents.risk_management.measures.correlation import sample_covariance
from trading_dashboard.agents.risk_management.measures.filtered import Filter, filtered_losses
from trading_dashboard.agents.risk_management.measures.garch import fit_garch
from trading_dashboard.agents.risk_management.measures.monte_carlo import (
    copula_losses,
    normal_losses,
)
from trading_dashboard.agents.risk_management.measures.student_t import LARGEST_DF
from trading_dashboard.agents.risk_management.measures.tails import tail
from trading_dashboard.agents.risk_management.measures.var import PATHS, VarSettings, series_var
from trading_dashboard.models.risk.measures import VarMethod

Floats = NDArray[np.float64]

REFIT_DAYS = 20
"""About a month of trading."""

_FIRST_DAYS, _FIRST_DECAY = 75, 0.94


@dataclass(frozen=True, slots=True)
class WalkSettings:
    """What a walk leaves open.

    Attributes:
        paths: Of methods that draw; as many as the VaR that is shown has, since the same draws
            every day make the same error every day.
        seed: Of methods that draw.
        refit_days: Days a slow fit is kept for.
        var: What methods leave open.
    """

    paths: int = PATHS
    seed: int = 0
    refit_days: int = REFIT_DAYS
    var: VarSettings = field(default_factory=VarSettings)


class Estimator(Protocol):
    """Answers for the day after the returns it is given."""

    def parameters(self) -> dict[str, Any]:
        """Return what was set, for the reader."""

    def losses_at(self, past: Floats, day: int, confidences: Sequence[float]) -> list[float]:
        """Return VaR at each confidence, a fraction of what is held, losses above zero.

        Args:
            past: Returns before the day, shape ``(window, N)``, without NaN.
            day: Number of the day since the walk began, 0 for the first.
            confidences: Such as 0.95.

        Raises:
            NotEnoughData: The method cannot be fitted to these returns.
        """


def estimator_of(method: VarMethod, weights: Floats, settings: WalkSettings) -> Estimator:
    """Return the estimator of a method for holdings with these weights, shape ``(N,)``."""
    if method is VarMethod.MONTE_CARLO_T_COPULA:
        return _Copula(weights, settings)
    if method is VarMethod.MONTE_CARLO_NORMAL:
        return _DrawnNormal(weights, settings)
    if method is VarMethod.FILTERED_HISTORICAL and settings.var.filter == "garch":
        return _GarchFiltered(weights, settings)
    return _EveryDay(method, weights, settings)


class _EveryDay:
    """All is made anew each day, by `measures.var`."""

    def __init__(self, method: VarMethod, weights: Floats, settings: WalkSettings) -> None:
        self._method = method
        self._weights = weights
        self._settings = settings

    def parameters(self) -> dict[str, Any]:
        kept: dict[VarMethod, dict[str, Any]] = {
            VarMethod.AGE_WEIGHTED: {"decay": self._settings.var.age_decay},
            VarMethod.FILTERED_HISTORICAL: {
                "filter": "ewma",
                "decay": self._settings.var.ewma_decay,
            },
        }
        return {"refit_days": 1, **kept.get(self._method, {})}

    def losses_at(self, past: Floats, day: int, confidences: Sequence[float]) -> list[float]:
        del day
        series = past @ self._weights
        return [
            series_var(series, self._method, confidence, settings=self._settings.var)[0]
            for confidence in confidences
        ]


class _DrawnNormal:
    """Normal returns of all holdings, drawn once a day for all confidences."""

    def __init__(self, weights: Floats, settings: WalkSettings) -> None:
        self._weights = weights
        self._settings = settings

    def parameters(self) -> dict[str, Any]:
        return {"refit_days": 1, "paths": self._settings.paths, "seed": self._settings.seed}

    def losses_at(self, past: Floats, day: int, confidences: Sequence[float]) -> list[float]:
        del day
        settings = self._settings
        mean = past.mean(axis=0)
        if settings.var.mean == "zero":
            mean = np.zeros_like(mean)
        covariance = sample_covariance(past)
        losses, _ = normal_losses(mean, covariance, self._weights, settings.paths, settings.seed)
        return [tail(losses, confidence)[0] for confidence in confidences]


class _GarchFiltered:
    """Filtered historical simulation with a GARCH(1,1) that is fitted anew every some days."""

    def __init__(self, weights: Floats, settings: WalkSettings) -> None:
        self._weights = weights
        self._refit_days = settings.refit_days
        self._kept: tuple[float, float, float, float] | None = None

    def parameters(self) -> dict[str, Any]:
        return {"filter": "garch", "refit_days": self._refit_days}

    def losses_at(self, past: Floats, day: int, confidences: Sequence[float]) -> list[float]:
        series = past @ self._weights
        if self._kept is None or day % self._refit_days == 0:
            fit = fit_garch(series)
            self._kept = (fit.mean, fit.omega, fit.alpha, fit.beta)
        losses = filtered_losses(garch_through(series, *self._kept), 1, 1, 0)
        return [tail(losses, confidence)[0] for confidence in confidences]


class _Copula:
    """The t copula over the holdings, its correlations and ν fitted anew every some days.

    With them, which of its past days each holding repeats on each path is settled: it depends on
    the fit and the draws, which are the same every day, and not on the returns. So paths are drawn
    at a fit, and a day only looks its returns up.
    """

    def __init__(self, weights: Floats, settings: WalkSettings) -> None:
        self._weights = weights
        self._settings = settings
        self._ranks: list[NDArray[np.intp]] | None = None

    def parameters(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "refit_days": settings.refit_days,
            "paths": settings.paths,
            "seed": settings.seed,
        }

    def losses_at(self, past: Floats, day: int, confidences: Sequence[float]) -> list[float]:
        if self._ranks is None or day % self._settings.refit_days == 0:
            self._ranks = self._drawn(past)
        profits = (np.sort(past, axis=0) * self._weights).T
        losses = np.zeros(self._settings.paths)
        for profit, ranks in zip(profits, self._ranks, strict=True):
            losses -= profit[ranks]
        return [tail(losses, confidence)[0] for confidence in confidences]

    def _drawn(self, past: Floats) -> list[NDArray[np.intp]]:
        """Return the rank of the past day that each path repeats, of each holding."""
        settings = self._settings
        days, size = past.shape
        factor, df, _ = fit_copula(past, settings.var.copula_df)
        # A holding whose returns are 0, 1, 2, … loses the rank, with its sign turned.
        ranks = np.tile(np.arange(days, dtype=np.float64)[:, np.newaxis], size)
        return [
            -copula_losses(
                ranks, factor, df or LARGEST_DF, alone, settings.paths, settings.seed
            ).astype(np.intp)
            for alone in np.eye(size)
        ]


def garch_through(sample: Floats, mean: float, omega: float, alpha: float, beta: float) -> Filter:
    """Return the filter of given parameters run through a sample.

    The variance begins as `arch` begins it, with the first days' squares, the later the lighter,
    so that a fit run through its own sample is that fit.

    Args:
        sample: Daily returns, shape ``(T,)``.
        mean: μ.
        omega: ω.
        alpha: α.
        beta: β.
    """
    squares = (sample - mean) ** 2
    first = (sample[:_FIRST_DAYS] - sample.mean()) ** 2
    before = float(np.average(first, weights=_FIRST_DECAY ** np.arange(len(first))))
    variance = omega + (alpha + beta) * before
    variances = np.empty(len(sample) + 1)
    for day, square in enumerate(squares.tolist()):
        variances[day] = variance
        variance = omega + alpha * square + beta * variance
    variances[-1] = variance
    residuals = (sample - mean) / np.sqrt(variances[:-1])
    return Filter(residuals, variance, mean, omega, alpha, beta)
