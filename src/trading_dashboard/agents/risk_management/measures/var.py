"""Value at risk and expected shortfall, by every method, under one signature.

Owns which method is asked, the scaling that keeps numbers in range, and what is said beside an
answer. Holdings are unchanged over the horizon and profits add up: ``P&L = Σ value × return``.
VaR is not clamped at zero: below it, even the bad case is a gain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from trading_dashboard.agents.risk_management.measures.methods import (
    OF_HOLDINGS,
    OF_SERIES,
    Asked,
    Tail,
    VarSettings,
)
from trading_dashboard.agents.risk_management.measures.returns import (
    Exposed,
    ReturnPanel,
    expose,
    is_flat,
    observed,
)
from trading_dashboard.models.risk.errors import InvalidScenario
from trading_dashboard.models.risk.measures import DataWindow, VarMethod

__all__ = ["VarResult", "VarSettings", "exposure_var", "series_var", "value_at_risk"]

PATHS = 20_000
LONGEST_HORIZON = 252


@dataclass(frozen=True, slots=True)
class VarResult:
    """VaR and expected shortfall, losses above zero, in the unit of the values.

    Attributes:
        method: By which they were computed.
        confidence: Such as 0.95.
        horizon_days: Trading days.
        var: Value at risk.
        es: Expected shortfall, not below `var`.
        standard_error: Of `var`, if it was drawn.
        es_standard_error: Of `es`, if it was drawn.
        window: The days used, with the holdings left `missing`.
        coverage: Share of gross exposure that the numbers contain.
        parameters: Fitted and set ones, for the reader.
        note: What the reader must know of them.
    """

    method: VarMethod
    confidence: float
    horizon_days: int
    var: float
    es: float
    standard_error: float | None = None
    es_standard_error: float | None = None
    window: DataWindow | None = None
    coverage: float = 1.0
    parameters: dict[str, Any] = field(default_factory=dict)
    note: str | None = None


def value_at_risk(
    panel: ReturnPanel,
    values: ArrayLike,
    method: VarMethod,
    confidence: float = 0.95,
    horizon_days: int = 1,
    *,
    paths: int = PATHS,
    seed: int = 0,
    settings: VarSettings | None = None,
) -> VarResult:
    """Return VaR and expected shortfall of holdings.

    Args:
        panel: Daily returns.
        values: Shape ``(N,)``, currency, in the order of `panel.symbols`; short below zero.
        method: By which.
        confidence: Between 0.5 and 1.
        horizon_days: Trading days, 1 to `LONGEST_HORIZON`.
        paths: Of methods that draw.
        seed: Of methods that draw.
        settings: What methods leave open.

    Raises:
        InvalidScenario: An argument is out of bounds or not finite.
        NotEnoughData: No holding has enough history, or the method cannot be fitted.
    """
    chosen = settings or VarSettings()
    exposure = expose(panel, values, chosen.minimum)
    return exposure_var(
        exposure, method, confidence, horizon_days, paths=paths, seed=seed, settings=chosen
    )


def exposure_var(
    exposure: Exposed,
    method: VarMethod,
    confidence: float = 0.95,
    horizon_days: int = 1,
    *,
    paths: int = PATHS,
    seed: int = 0,
    settings: VarSettings | None = None,
) -> VarResult:
    """Return what `value_at_risk` does, of holdings whose history is at hand; raises the same."""
    asked = _check(confidence, horizon_days, paths, seed, settings or VarSettings())
    found = _measure(exposure, method, asked) if exposure.symbols else _NOTHING_HELD
    notes = [found.note] if found.note else []
    if exposure.missing:
        notes.append(
            f"{', '.join(exposure.missing)}: too little history, not in this number; "
            f"it covers {exposure.coverage:.1%} of gross exposure."
        )
    error, es_error = found.errors or (None, None)
    return VarResult(
        method,
        confidence,
        horizon_days,
        found.var,
        found.es,
        error,
        es_error,
        exposure.window,
        exposure.coverage,
        dict(found.parameters),
        " ".join(notes) or None,
    )


def series_var(
    returns: ArrayLike,
    method: VarMethod,
    confidence: float = 0.95,
    horizon_days: int = 1,
    *,
    paths: int = PATHS,
    seed: int = 0,
    settings: VarSettings | None = None,
) -> tuple[float, float]:
    """Return VaR and expected shortfall of one unit held in one series.

    Args:
        returns: Shape ``(T,)``; NaN rows are left out.
        method: By which; ``garch`` as a filter is the only slow one.
        confidence: Between 0.5 and 1.
        horizon_days: Trading days.
        paths: Of methods that draw.
        seed: Of methods that draw.
        settings: What methods leave open.

    Raises:
        InvalidScenario: An argument is out of bounds.
        NotEnoughData: Too few returns, or the method cannot be fitted to them.
    """
    chosen = settings or VarSettings()
    asked = _check(confidence, horizon_days, paths, seed, chosen)
    sample = observed(returns, chosen.minimum, "Value at risk")
    days = np.arange(len(sample)).astype("datetime64[D]")
    alone = Exposed(("",), np.ones(1), days, sample[:, None], (), 1.0)
    found = _measure(alone, method, asked)
    return found.var, found.es


def _check(confidence: float, horizon: int, paths: int, seed: int, settings: VarSettings) -> Asked:
    bounds = {
        "confidence": (confidence, 0.5 <= confidence < 1),
        "horizon_days": (horizon, 1 <= horizon <= LONGEST_HORIZON and horizon == int(horizon)),
        "minimum": (settings.minimum, settings.minimum >= 2),
        "paths": (paths, 100 <= paths <= 10_000_000),
        "age_decay": (settings.age_decay, 0 < settings.age_decay < 1),
        "ewma_decay": (settings.ewma_decay, 0 < settings.ewma_decay < 1),
        "copula_df": (settings.copula_df, settings.copula_df is None or settings.copula_df > 1),
    }
    for name, (value, is_sound) in bounds.items():
        if not is_sound:
            raise InvalidScenario(
                f"Value at risk cannot be computed with this {name}", observed=value
            )
    return Asked(confidence, int(horizon), paths, seed, settings)


def _measure(exposure: Exposed, method: VarMethod, asked: Asked) -> Tail:
    pnl = exposure.pnl
    # Near one, no square or cube of a holding of any size overflows; a power of two rounds nothing.
    scale = math.ldexp(1.0, math.frexp(float(np.abs(pnl).max()))[1] - 1)
    drawn = OF_HOLDINGS.get(method)
    if is_flat(pnl):
        loss = -float(pnl[-1]) / scale * asked.horizon
        found = Tail(loss, loss, {}, "The value does not move in the window; that is not safety.")
    elif drawn:
        found = drawn(replace(exposure, values=exposure.values / scale), asked)
    else:
        found = OF_SERIES[method](pnl / scale, asked)
    errors = (found.errors[0] * scale, found.errors[1] * scale) if found.errors else None
    numbers = (found.var * scale, found.es * scale, *(errors or ()))
    if not all(math.isfinite(number) for number in numbers):
        raise InvalidScenario("The holdings are too large to measure", observed=scale)
    return replace(found, var=numbers[0], es=numbers[1], errors=errors)


_NOTHING_HELD = Tail(0.0, 0.0, {}, "Nothing is held.")
