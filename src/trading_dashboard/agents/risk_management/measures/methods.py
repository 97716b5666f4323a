"""One function a method: from profits, or from holdings and their returns, to a tail.

Owns what each method is made of and what it says beside its numbers. Profits come scaled to near
one; `var` checks the arguments and scales back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

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
    Exposed,
    Floats,
)
from trading_dashboard.agents.risk_management.measures.student_t import LARGEST_DF, fit_student_t
from trading_dashboard.agents.risk_management.measures.tails import (
    sampling_errors,
    tail,
    weighted_tail,
)
from trading_dashboard.models.risk.measures import VarMethod


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
class Asked:
    """The arguments, checked."""

    confidence: float
    horizon: int
    paths: int
    seed: int
    settings: VarSettings


@dataclass(frozen=True, slots=True)
class Tail:
    """A tail, and what is said beside it; `errors` are the standard errors of what was drawn."""

    var: float
    es: float
    parameters: dict[str, Any]
    note: str | None = None
    errors: tuple[float, float] | None = None


def _historical(sample: Floats, asked: Asked) -> Tail:
    return _of_days(-sample, {}, asked)


def _age_weighted(sample: Floats, asked: Asked) -> Tail:
    decay = asked.settings.age_decay
    weights = decay ** np.arange(len(sample) - 1, -1, -1, dtype=np.float64)
    var, es = weighted_tail(-sample, weights, asked.confidence)
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    return _over(Tail(var, es, {"decay": decay, "effective_days": effective}), asked)


def _filtered(sample: Floats, asked: Asked) -> Tail:
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
    return Tail(var, es, parameters, errors=sampling_errors(losses, asked.confidence))


def _of_days(losses: Floats, parameters: dict[str, Any], asked: Asked) -> Tail:
    """Return the tail of days that are equally likely."""
    var, es = tail(losses, asked.confidence)
    note = None
    if (1 - asked.confidence) * len(losses) < 1 - 1e-9:
        note = f"The tail holds less than one of {len(losses)} days: it is the worst of them."
    return _over(Tail(var, es, parameters, note), asked)


def _over(day: Tail, asked: Asked) -> Tail:
    """Return a day's tail over the horizon, by its root."""
    if asked.horizon == 1:
        return day
    root = math.sqrt(asked.horizon)
    note = "One day's number times the root of the horizon."
    note = f"{day.note} {note}" if day.note else note
    return replace(day, var=day.var * root, es=day.es * root, note=note)


def _normal(sample: Floats, asked: Asked) -> Tail:
    mean = _mean(sample, asked)
    var, es = normal_tail(mean, float(np.std(sample, ddof=1)), asked.confidence, asked.horizon)
    return Tail(var, es, {"mean": asked.settings.mean})


def _student_t(sample: Floats, asked: Asked) -> Tail:
    fit = fit_student_t(sample)
    var, es = student_t_tail(fit, asked.confidence, asked.horizon)
    note = f"Degrees of freedom are at a bound, {fit.df:g}." if fit.at_bound else None
    return Tail(var, es, {"df": fit.df}, note)


def _cornish_fisher(sample: Floats, asked: Asked) -> Tail:
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
    return Tail(var, es, parameters, note)


def _monte_carlo_normal(exposure: Exposed, asked: Asked) -> Tail:
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


def _monte_carlo_t_copula(exposure: Exposed, asked: Asked) -> Tail:
    factor, df, is_clipped = fit_copula(exposure.returns, asked.settings.copula_df)
    losses = copula_losses(
        exposure.returns, factor, df or LARGEST_DF, exposure.values, asked.paths, asked.seed
    )
    losses *= math.sqrt(asked.horizon)
    parameters = {"paths": asked.paths, "seed": asked.seed, "df": df}
    return _drawn(losses, parameters, asked, is_clipped)


def _drawn(losses: Floats, parameters: dict[str, Any], asked: Asked, is_clipped: bool) -> Tail:
    var, es = tail(losses, asked.confidence)
    note = None
    if is_clipped:
        note = "The correlations are singular; eigenvalues were clipped (Rebonato and Jäckel 1999)."
    parameters["eigenvalues_clipped"] = is_clipped
    return Tail(var, es, parameters, note, sampling_errors(losses, asked.confidence))


def _mean(sample: Floats, asked: Asked) -> float:
    return float(sample.mean()) if asked.settings.mean == "sample" else 0.0


OF_SERIES: dict[VarMethod, Callable[[Floats, Asked], Tail]] = {
    VarMethod.HISTORICAL: _historical,
    VarMethod.AGE_WEIGHTED: _age_weighted,
    VarMethod.FILTERED_HISTORICAL: _filtered,
    VarMethod.NORMAL: _normal,
    VarMethod.STUDENT_T: _student_t,
    VarMethod.CORNISH_FISHER: _cornish_fisher,
}
OF_HOLDINGS: dict[VarMethod, Callable[[Exposed, Asked], Tail]] = {
    VarMethod.MONTE_CARLO_NORMAL: _monte_carlo_normal,
    VarMethod.MONTE_CARLO_T_COPULA: _monte_carlo_t_copula,
}
