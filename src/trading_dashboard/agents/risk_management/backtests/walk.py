"""A VaR walked through history: each day from the days before it, then held against what came.

Owns the walk and its verdict. A violation is a loss strictly larger than the VaR told for that day.
Days on which the method could not be fitted have no VaR; they are counted, and no test contains
them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trading_dashboard.agents.risk_management.backtests.estimators import (
    Estimator,
    WalkSettings,
    estimator_of,
)
from trading_dashboard.agents.risk_management.backtests.tests import (
    TRAFFIC_DAYS,
    christoffersen,
    kupiec,
    traffic_light,
)
from trading_dashboard.agents.risk_management.measures.returns import (
    Exposed,
    ReturnPanel,
    expose,
)
from trading_dashboard.agents.risk_management.wording import listed, share
from trading_dashboard.models.risk.errors import InvalidScenario, NotEnoughData
from trading_dashboard.models.risk.measures import VarBacktest, VarMethod

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]

MAX_DAYS = 5_000
"""Days walked at most, the newest: some twenty years."""
MIN_WINDOW, MAX_WINDOW = 60, 5_000
MAX_DRAWN = 50
"""Holdings that methods draw together; what a day costs grows with them."""
_DRAWN = (VarMethod.MONTE_CARLO_NORMAL, VarMethod.MONTE_CARLO_T_COPULA)
_LOOK_EVERY = 25


def go_on() -> None:
    """Stop nothing; the default of what a walk asks now and then."""


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """What was said each day, and what came.

    Attributes:
        dates: Of the days that were walked, shape ``(D,)``.
        returns: Of the holdings on each, as a fraction, shape ``(D,)``.
        var: Said the evening before, shape ``(D, confidences)``; NaN where it could not be told.
        left_out: Days of the history without a return of every holding that has a part.
        missing: Holdings with too little history, which have no part.
        coverage: Share of gross weight that has a part.
        untold: Why VaR could not be told on some days; None if it always could.
        parameters: What was set.
    """

    dates: Days
    returns: Floats
    var: Floats
    left_out: int
    missing: tuple[str, ...]
    coverage: float
    untold: str | None
    parameters: dict[str, Any]

    @property
    def violated(self) -> NDArray[np.bool_]:
        """Tell on which days the loss was larger than VaR, shape ``(D, confidences)``."""
        return -self.returns[:, np.newaxis] > self.var


def walk(
    returns: ArrayLike,
    dates: ArrayLike,
    method: VarMethod,
    confidences: Sequence[float],
    window: int,
    *,
    weights: ArrayLike | None = None,
    symbols: Sequence[str] | None = None,
    settings: WalkSettings | None = None,
    look: Callable[[], None] = go_on,
    estimator: Estimator | None = None,
) -> Walk:
    """Walk a method through history, one day ahead, in one go for several confidences.

    Args:
        returns: Simple daily returns, shape ``(T,)`` or ``(T, N)``. Only days on which every
            holding has one are walked; holdings with too short a history are left out and named.
        dates: Of the returns, rising, shape ``(T,)``.
        method: How VaR is computed.
        confidences: Such as ``[0.95, 0.99]``.
        window: Days that each VaR is made of.
        weights: Of the holdings, shape ``(N,)``, the same every day; 1 for a single series.
        symbols: Names of the holdings.
        settings: What is left open.
        look: Called every few days; what it raises ends the walk (a deadline, say).
        estimator: In the place of the method's own.

    Raises:
        InvalidScenario: An argument is out of bounds.
        NotEnoughData: There is no day after a first window.
    """
    exposure, left_out = _checked(returns, dates, weights, symbols, window)
    _refuse_too_many(method, len(exposure.values))
    table, held = exposure.returns, exposure.values
    chosen = settings or WalkSettings()
    asked = estimator or estimator_of(method, held, chosen)
    first = max(window, len(table) - MAX_DAYS)
    var = np.full((len(table) - first, len(confidences)), np.nan)
    untold = None
    for number, day in enumerate(range(first, len(table))):
        if number % _LOOK_EVERY == 0:
            look()
        try:
            # What is handed over ends the day before: nothing later can be seen.
            var[number] = asked.losses_at(table[day - window : day], number, confidences)
        except NotEnoughData as error:
            untold = error.message
    return Walk(
        exposure.dates[first:],
        table[first:] @ held,
        var,
        left_out,
        exposure.missing,
        exposure.coverage,
        untold,
        asked.parameters(),
    )


def backtest(
    returns: ArrayLike,
    dates: ArrayLike,
    method: VarMethod,
    confidence: float,
    window: int,
    *,
    subject: str = "portfolio",
    weights: ArrayLike | None = None,
    symbols: Sequence[str] | None = None,
    settings: WalkSettings | None = None,
    look: Callable[[], None] = go_on,
) -> VarBacktest:
    """Return a walk and its tests at one confidence; arguments and errors as of `walk`."""
    walked = walk(
        returns, dates, method, [confidence], window,
        weights=weights, symbols=symbols, settings=settings, look=look,
    )  # fmt: skip
    return judge(walked, 0, subject, method, confidence, window)


def judge(
    walked: Walk, column: int, subject: str, method: VarMethod, confidence: float, window: int
) -> VarBacktest:
    """Return what the tests say of one confidence of a walk."""
    var = walked.var[:, column]
    told = np.isfinite(var)
    violated = walked.violated[:, column]
    kept = violated[told]
    days, violations = len(kept), int(kept.sum())
    light = traffic_light(kept, confidence)
    dates: list[date] = walked.dates.astype(object).tolist()
    return VarBacktest(
        subject=subject,
        method=method,
        confidence=confidence,
        window=window,
        first=dates[0],
        last=dates[-1],
        days=days,
        violations=violations,
        expected=days * (1.0 - confidence),
        tests=[kupiec(violations, days, confidence), *christoffersen(kept, confidence)],
        traffic_light=light[0] if light else None,
        traffic_violations=light[1] if light else None,
        dates=dates,
        returns=walked.returns.tolist(),
        var=[float(one) if is_told else None for one, is_told in zip(var, told, strict=True)],
        violated=violated.tolist(),
        parameters=walked.parameters,
        missing=list(walked.missing),
        coverage=walked.coverage,
        notes=_notes(walked, int((~told).sum()), days),
    )


# Private


def _checked(
    returns: ArrayLike,
    dates: ArrayLike,
    weights: ArrayLike | None,
    symbols: Sequence[str] | None,
    window: int,
) -> tuple[Exposed, int]:
    """Return what is walked, and how many days are not whole."""
    if not MIN_WINDOW <= window <= MAX_WINDOW:
        raise InvalidScenario(
            f"The window of a back-test is {MIN_WINDOW} to {MAX_WINDOW} days.",
            subject="window",
            observed=window,
        )
    table = np.asarray(returns, np.float64)
    table = table[:, np.newaxis] if table.ndim == 1 else table
    held = np.ones(1) if weights is None else np.asarray(weights, np.float64)
    names = symbols or [f"holding {number}" for number in range(1, table.shape[-1] + 1)]
    panel = ReturnPanel(tuple(names), np.asarray(dates, "datetime64[D]"), table)
    if not held.any():
        raise InvalidScenario("Nothing is held, so there is no VaR to test.")
    exposure = _with_history(panel, held, window)
    return exposure, len(panel.dates) - len(exposure.dates)


def _refuse_too_many(method: VarMethod, holdings: int) -> None:
    if method in _DRAWN and holdings > MAX_DRAWN:
        raise InvalidScenario(
            f"A back-test draws at most {MAX_DRAWN} holdings together.",
            subject=method.value,
            observed=holdings,
            next_step="Choose a method that does not draw.",
        )


def _with_history(panel: ReturnPanel, held: Floats, window: int) -> Exposed:
    """Return the holdings with a year to test after the window, or at least a day."""
    for days in (TRAFFIC_DAYS, 1):
        try:
            return expose(panel, held, window + days)
        except NotEnoughData:
            continue
    longest = int(np.isfinite(panel.returns[:, held != 0]).sum(axis=0).max(initial=0))
    raise NotEnoughData(
        f"A back-test with a window of {window} days needs more than {window} daily returns.",
        observed=longest,
        next_step="Take a shorter window, or a symbol with more history.",
    )


def _notes(walked: Walk, untold: int, days: int) -> list[str]:
    notes = []
    if untold:
        notes.append(f"On {untold} days VaR could not be told: {walked.untold}")
    if walked.missing:
        notes.append(
            f"{listed(walked.missing)}: too little history, not in it; it covers "
            f"{share(walked.coverage)} of gross weight."
        )
    if walked.left_out:
        notes.append(f"{walked.left_out} days without a return of every holding were left out.")
    if days < TRAFFIC_DAYS:
        notes.append(f"The traffic light needs {TRAFFIC_DAYS} days; there are {days}.")
    return notes
