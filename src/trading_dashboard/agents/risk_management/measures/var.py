"""Value at risk and expected shortfall, by every method, under one signature.

Owns which method is asked, the scaling that keeps numbers in range, and what is said beside an
answer. Holdings are unchanged over the horizon and profits add up: ``P&L = Σ value × return``.
VaR is not clamped at zero: below it, even the bad case is a gain.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from trading_dashboard.agents.risk_management.measures.copula import fit_copula
from trading_dashboard.agents.risk_management.measures.correlation import sample_covariance
from trading_dashboard.agents.risk_management.measures.filtered import (
    ewma_filter,
    filtered_losses,
    garch_filter,
)
from trading_dashboard.agents.risk_management.measures.monte_carlo import (
    copula_losses,
    normal_losses,
)
from trading_dashboard.agents.risk_management.measures.parametric import (
    cornish_fisher_tail,
    is_in_domain,
    moments_of,
    normal_tail,
    student_t_tail,
)
from trading_dashboard.agents.risk_management.measures.returns import (
    MINIMUM_OBSERVATIONS,
    Exposure,
    Floats,
    ReturnPanel,
    expose,
    is_flat,
    observed,
)
from trading_dashboard.agents.risk_management.measures.student_t import LARGEST_DF, fit_student_t
from trading_dashboard.agents.risk_management.measures.tails import (
    sampling_errors,
    tail,
    weighted_tail,
)
from trading_dashboard.models.risk.errors import InvalidScenario
from trading_dashboard.models.risk.measures import DataWindow, VarMethod

PATHS = 20_000
LONGEST_HORIZON = 252


@dataclass(frozen=True, slots=True)
class VarSettings:
    """What methods leave open.

    Attributes:
        minimum: Complete days needed.
        age_decay: λ of the age-weighted method.
        ewma_decay: λ of the EWMA filter.
        filter: What filtered historical simulation filters with; ``garch`` is slow.
        mean: Of the normal, Cornish-Fisher and Monte Carlo normal: the sample's, or zero, since a
            mean of so few days is mostly noise.
        copula_df: ν of the t copula; fitted if None.
    """

    minimum: int = MINIMUM_OBSERVATIONS
    age_decay: float = 0.98
    ewma_decay: float = 0.94
    filter: Literal["ewma", "garch"] = "ewma"
    mean: Literal["sample", "zero"] = "sample"
    copula_df: float | None = None


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


@dataclass(frozen=True, slots=True)
class _Asked:
    confidence: float
    horizon: int
    paths: int
    seed: int
    settings: VarSettings


@dataclass(frozen=True, slots=True)
class _Tail:
    var: float
    es: float
    parameters: dict[str, Any]
    note: str | None = None
    errors: tuple[float, float] | None = None


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
    exposure: Exposure,
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
    alone = Exposure(("",), np.ones(1), days, sample[:, None], (), 1.0)
    found = _measure(alone, method, asked)
    return found.var, found.es


def _check(confidence: float, horizon: int, paths: int, seed: int, settings: VarSettings) -> _Asked:
    bounds = {
        "confidence": (confidence, 0.5 <= confidence < 1),
        "horizon_days": (horizon, horizon == int(horizon) and 1 <= horizon <= LONGEST_HORIZON),
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
    return _Asked(confidence, int(horizon), paths, seed, settings)


def _measure(exposure: Exposure, method: VarMethod, asked: _Asked) -> _Tail:
    pnl = exposure.pnl
    if is_flat(pnl):
        loss = -float(pnl.mean()) * asked.horizon
        return _Tail(loss, loss, {}, "The value does not move in the window; that is not safety.")
    # Near one, no square or cube of a holding of any size overflows; a power of two rounds nothing.
    scale = math.ldexp(1.0, math.frexp(float(np.abs(pnl).max()))[1] - 1)
    drawn = _DRAWN.get(method)
    if drawn:
        found = drawn(replace(exposure, values=exposure.values / scale), asked)
    else:
        found = _SERIES[method](pnl / scale, asked)
    errors = (found.errors[0] * scale, found.errors[1] * scale) if found.errors else None
    numbers = (found.var * scale, found.es * scale, *(errors or ()))
    if not all(math.isfinite(number) for number in numbers):
        raise InvalidScenario("The holdings are too large to measure", observed=scale)
    return replace(found, var=numbers[0], es=numbers[1], errors=errors)


def _historical(sample: Floats, asked: _Asked) -> _Tail:
    return _of_days(-sample, {}, asked)


def _age_weighted(sample: Floats, asked: _Asked) -> _Tail:
    decay = asked.settings.age_decay
    weights = decay ** np.arange(len(sample) - 1, -1, -1, dtype=np.float64)
    var, es = weighted_tail(-sample, weights, asked.confidence)
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    return _over(_Tail(var, es, {"decay": decay, "effective_days": effective}), asked)


def _filtered(sample: Floats, asked: _Asked) -> _Tail:
    settings = asked.settings
    is_garch = settings.filter == "garch"
    kept = garch_filter(sample) if is_garch else ewma_filter(sample, settings.ewma_decay)
    parameters: dict[str, Any] = {"filter": settings.filter}
    if is_garch:
        parameters |= {"alpha": kept.alpha, "beta": kept.beta}
    else:
        parameters["decay"] = kept.beta
    losses = filtered_losses(kept, asked.horizon, asked.paths, asked.seed)
    if asked.horizon == 1:
        return _of_days(losses, parameters, asked)
    parameters |= {"paths": asked.paths, "seed": asked.seed}
    var, es = tail(losses, asked.confidence)
    return _Tail(var, es, parameters, errors=sampling_errors(losses, asked.confidence))


def _of_days(losses: Floats, parameters: dict[str, Any], asked: _Asked) -> _Tail:
    """Return the tail of days that are equally likely."""
    var, es = tail(losses, asked.confidence)
    note = None
    if (1 - asked.confidence) * len(losses) < 1 - 1e-9:
        note = f"The tail holds less than one of {len(losses)} days: it is the worst of them."
    return _over(_Tail(var, es, parameters, note), asked)


def _over(day: _Tail, asked: _Asked) -> _Tail:
    """Return a day's tail over the horizon, by its root."""
    if asked.horizon == 1:
        return day
    root = math.sqrt(asked.horizon)
    note = "One day's number times the root of the horizon."
    note = f"{day.note} {note}" if day.note else note
    return replace(day, var=day.var * root, es=day.es * root, note=note)


def _normal(sample: Floats, asked: _Asked) -> _Tail:
    mean = _mean(sample, asked)
    var, es = normal_tail(mean, float(np.std(sample, ddof=1)), asked.confidence, asked.horizon)
    return _Tail(var, es, {"mean": asked.settings.mean})


def _student_t(sample: Floats, asked: _Asked) -> _Tail:
    fit = fit_student_t(sample)
    var, es = student_t_tail(fit, asked.confidence, asked.horizon)
    note = f"Degrees of freedom are at a bound, {fit.df:g}." if fit.at_bound else None
    return _Tail(var, es, {"df": fit.df}, note)


def _cornish_fisher(sample: Floats, asked: _Asked) -> _Tail:
    moments = replace(moments_of(sample), mean=_mean(sample, asked))
    var, es = cornish_fisher_tail(moments, asked.confidence, asked.horizon)
    skewness, kurtosis = moments.skewness, moments.kurtosis
    inside = is_in_domain(skewness / math.sqrt(asked.horizon), kurtosis / asked.horizon)
    parameters = {
        "skewness": skewness,
        "excess_kurtosis": kurtosis,
        "in_domain": inside,
        "mean": asked.settings.mean,
    }
    note = None if inside else (
        "Skewness and kurtosis are outside the domain where the expansion is a distribution "
        "(Maillard 2012); it still rises in this tail, but is rough."
    )  # fmt: skip
    return _Tail(var, es, parameters, note)


def _monte_carlo_normal(exposure: Exposure, asked: _Asked) -> _Tail:
    returns, horizon = exposure.returns, asked.horizon
    mean = returns.mean(axis=0) if asked.settings.mean == "sample" else np.zeros(returns.shape[1])
    losses, is_clipped = normal_losses(
        mean * horizon,
        sample_covariance(returns) * horizon,
        exposure.values,
        asked.paths,
        asked.seed,
    )
    parameters = {"paths": asked.paths, "seed": asked.seed, "mean": asked.settings.mean}
    return _drawn(losses, parameters, asked, is_clipped)


def _monte_carlo_t_copula(exposure: Exposure, asked: _Asked) -> _Tail:
    factor, df, is_clipped = fit_copula(exposure.returns, asked.settings.copula_df)
    losses = copula_losses(
        exposure.returns, factor, df or LARGEST_DF, exposure.values, asked.paths, asked.seed
    )
    losses *= math.sqrt(asked.horizon)
    parameters = {"paths": asked.paths, "seed": asked.seed, "df": df}
    return _drawn(losses, parameters, asked, is_clipped)


def _drawn(losses: Floats, parameters: dict[str, Any], asked: _Asked, is_clipped: bool) -> _Tail:
    var, es = tail(losses, asked.confidence)
    note = None
    if is_clipped:
        note = "The correlations are singular; eigenvalues were clipped (Rebonato and Jäckel 1999)."
    parameters["eigenvalues_clipped"] = is_clipped
    return _Tail(var, es, parameters, note, sampling_errors(losses, asked.confidence))


def _mean(sample: Floats, asked: _Asked) -> float:
    return float(sample.mean()) if asked.settings.mean == "sample" else 0.0


_NOTHING_HELD = _Tail(0.0, 0.0, {}, "Nothing is held.")
_SERIES: dict[VarMethod, Callable[[Floats, _Asked], _Tail]] = {
    VarMethod.HISTORICAL: _historical,
    VarMethod.AGE_WEIGHTED: _age_weighted,
    VarMethod.FILTERED_HISTORICAL: _filtered,
    VarMethod.NORMAL: _normal,
    VarMethod.STUDENT_T: _student_t,
    VarMethod.CORNISH_FISHER: _cornish_fisher,
}
_DRAWN: dict[VarMethod, Callable[[Exposure, _Asked], _Tail]] = {
    VarMethod.MONTE_CARLO_NORMAL: _monte_carlo_normal,
    VarMethod.MONTE_CARLO_T_COPULA: _monte_carlo_t_copula,
}
