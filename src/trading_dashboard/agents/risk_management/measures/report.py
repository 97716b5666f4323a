"""Every measure of one portfolio, as it travels.

Owns the order of the answer and its notes. Computes nothing itself. Takes some tens of milliseconds
for 50 holdings, but for the t copula (tenths of a second) and GARCH (only if asked for): call it
off the event loop.
"""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np

from trading_dashboard.agents.risk_management.measures.catalogue import CATALOGUE
from trading_dashboard.agents.risk_management.measures.contributions import contributions
from trading_dashboard.agents.risk_management.measures.correlation import (
    correlation_of,
    flat_columns,
    ledoit_wolf,
    sample_correlation,
)
from trading_dashboard.agents.risk_management.measures.question import (
    PortfolioQuestion,
    PortfolioReport,
)
from trading_dashboard.agents.risk_management.measures.returns import (
    Exposed,
    Floats,
    ReturnPanel,
    expose,
)
from trading_dashboard.agents.risk_management.measures.sections import (
    Writing,
    said,
    write_account,
    write_holdings,
    write_returns,
    write_symbols,
)
from trading_dashboard.agents.risk_management.measures.var import VarResult, exposure_var
from trading_dashboard.models.risk.errors import NotEnoughData
from trading_dashboard.models.risk.measures import (
    Contribution,
    CorrelationMatrix,
    Measure,
    VarMethod,
    VarRow,
)


def portfolio_risk(question: PortfolioQuestion) -> PortfolioReport:
    """Return every measure of a portfolio.

    A measure that cannot be told has no value and a note; nothing is NaN.

    Raises:
        InvalidScenario: A value is not finite, or an argument is out of bounds.
    """
    panel = question.panel.tail(question.window)
    exposure, lacking = _expose(panel, question)
    of_returns, of_holdings = Writing(exposure.window), Writing(None)
    write_returns(of_returns, exposure, question, lacking)
    write_symbols(of_returns, panel, question)
    write_holdings(of_holdings, question)
    if question.equity_curve is not None:
        write_account(of_holdings, question.equity_curve)
    rows = [_var_row(exposure, method, question, lacking) for method in question.methods]
    return PortfolioReport(
        of_returns.measures + of_holdings.measures,
        rows,
        _contributions(exposure, question),
        question.contributions_method,
        correlation_matrix(exposure),
        _notes(exposure, lacking),
    )


def correlation_matrix(exposure: Exposed) -> CorrelationMatrix | None:
    """Return the correlations of holdings with history; None without any.

    Entries beside a holding that does not move are None.
    """
    if not exposure.symbols or len(exposure.dates) < 2:
        return None
    moving = np.flatnonzero(~flat_columns(exposure.returns))
    shrunk = np.full((len(exposure.symbols),) * 2, np.nan)
    intensity = None
    if len(moving):
        found = ledoit_wolf(exposure.returns[:, moving])
        shrunk[np.ix_(moving, moving)] = correlation_of(found.covariance)
        intensity = found.intensity
    return CorrelationMatrix(
        symbols=list(exposure.symbols),
        sample=_rows(sample_correlation(exposure.returns)),
        shrunk=_rows(shrunk),
        shrinkage=intensity,
        window=exposure.window,
    )


def _expose(panel: ReturnPanel, question: PortfolioQuestion) -> tuple[Exposed, str | None]:
    """Return what has history, and why nothing has."""
    minimum = question.settings.minimum
    # A holding listed lately must not cut everybody's window to its own days: it is left out, and
    # named, unless all are as young.
    most = min(question.window, len(panel.dates)) // 2
    if most > minimum:
        with suppress(NotEnoughData):
            return expose(panel, question.values, most), None
    try:
        return expose(panel, question.values, minimum), None
    except NotEnoughData as error:
        held = tuple(panel.symbols[i] for i in np.flatnonzero(question.values))
        none = np.zeros((0, 0))
        return Exposed((), np.zeros(0), panel.dates[:0], none, held, 0.0), said(error)


def _var_row(
    exposure: Exposed, method: VarMethod, question: PortfolioQuestion, lacking: str | None
) -> VarRow:
    confidence, horizon = question.confidence, question.horizon_days
    found, why = None, lacking
    if not lacking:
        try:
            found = exposure_var(
                exposure, method, confidence, horizon,
                paths=question.paths, seed=question.seed, settings=question.settings,
            )  # fmt: skip
        except NotEnoughData as error:
            why = said(error)
    facts = {"confidence": confidence, "horizon_days": horizon, "window": exposure.window}
    if found is None:
        var, shortfall = (
            CATALOGUE[f"{kind}.{method.value}"].measure(None, note=why, **facts)
            for kind in ("var", "es")
        )
    else:
        var, shortfall = _measures(found, facts)
    return VarRow(
        method=method,
        confidence=confidence,
        horizon_days=horizon,
        var=var,
        expected_shortfall=shortfall,
    )


def _measures(found: VarResult, facts: dict[str, object]) -> tuple[Measure, Measure]:
    facts = facts | {"note": found.note, "parameters": found.parameters}
    var, shortfall = (CATALOGUE[f"{kind}.{found.method.value}"] for kind in ("var", "es"))
    return (
        var.measure(found.var, standard_error=found.standard_error, **facts),
        shortfall.measure(found.es, standard_error=found.es_standard_error, **facts),
    )


def _contributions(exposure: Exposed, question: PortfolioQuestion) -> list[Contribution]:
    """Return a row for each holding; those without history have no numbers."""
    held = np.flatnonzero(question.values)
    found = contributions(
        exposure, question.contributions_method, question.confidence, question.horizon_days
    )
    place = {symbol: i for i, symbol in enumerate(exposure.symbols)}
    rows = []
    for column in held:
        symbol, value = question.panel.symbols[column], float(question.values[column])
        i = place.get(symbol)
        rows.append(
            Contribution(
                symbol=symbol,
                weight=_weight(value, question.equity),
                value=value,
                marginal=None if i is None else float(found.marginal[i]),
                component=None if i is None else float(found.component[i]),
                incremental=None if i is None else float(found.incremental[i]),
            )
        )
    return rows


def _weight(value: float, equity: float | None) -> float | None:
    """Return the share of equity, signed; None where there is no equity to share."""
    weight = value / equity if equity is not None and equity > 0 else math.nan
    return weight if math.isfinite(weight) else None


def _notes(exposure: Exposed, lacking: str | None) -> list[str]:
    if lacking:
        return [lacking]
    if not exposure.missing:
        return []
    return [
        (
            f"{', '.join(exposure.missing)}: too little history. Numbers made of returns cover "
            f"{exposure.coverage:.1%} of gross exposure."
        )
    ]


def _rows(matrix: Floats) -> list[list[float | None]]:
    return [[None if np.isnan(v) else v for v in row] for row in matrix.tolist()]
