"""Shocks by hand: prices, volatilities, correlations.

Correlations are moved towards 1 as ``(1 - c) R + c 11'``. Both are correlation matrices and so is
every mixture of two: it has ones on its diagonal and no negative eigenvalue. With `c` = 1 all moves
are alike, and opposite positions cancel out: that is the worst case only of what is held one way.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from trading_dashboard.agents.risk_management.stress.holdings import Covariance, Stressed
from trading_dashboard.agents.risk_management.wording import listed, money, moved, share
from trading_dashboard.models.risk.errors import InvalidScenario
from trading_dashboard.models.risk.measures import Shock, StressRow

Floats = NDArray[np.float64]


def shock_row(
    number: int, shock: Shock, held: Stressed, covariance: Covariance | None, confidence: float
) -> StressRow:
    """Return what a shock does to prices, and to a day's VaR (normal, mean zero).

    Args:
        number: Of the shock in the question, from 1; its id.
        shock: What moves.
        held: The holdings.
        covariance: Of their returns; None if it is not known, and then VaR is not told.
        confidence: Of VaR.

    Raises:
        InvalidScenario: Nothing moves, or volatilities and correlations shall and are not known.
    """
    moves_prices = shock.all is not None or bool(shock.symbols)
    changes_risk = shock.volatility is not None or shock.correlation is not None
    if not (moves_prices or changes_risk):
        raise InvalidScenario(
            f"The scenario {shock.name!r} moves nothing.",
            subject=shock.name,
            next_step="Give a return for all or for symbols, or shock volatility or correlation.",
        )
    returns = _returns(shock, held)
    by_symbol = held.revalued(returns)
    pnl = sum(by_symbol.values()) if moves_prices else None
    before, after = _var(shock, held, returns, covariance, confidence)
    sentences = [*_prices_in_words(shock, held, by_symbol, pnl)] if pnl is not None else []
    sentences += _risk_in_words(shock, before, after, covariance, confidence)
    if changes_risk and before is None:
        sentences.append("VaR cannot be told: no holding has enough history.")
    return StressRow(
        id=f"shock.{number}",
        name=shock.name,
        kind="shock",
        pnl=pnl,
        pnl_fraction=held.fraction(pnl) if pnl is not None else None,
        var_before=before,
        var_after=after,
        by_symbol={symbol: by_symbol[symbol] for symbol in held.symbols},
        returns={symbol: returns[symbol] for symbol in held.symbols},
        # Prices move as was said, whatever is known of them.
        coverage=1.0 if held.symbols else None,
        explanation=" ".join(sentences),
    )


def shocked(covariance: Floats, volatility: float | None, correlation: float | None) -> Floats:
    """Return a covariance with volatilities times `volatility`, correlations moved towards 1.

    Args:
        covariance: Shape ``(N, N)``.
        volatility: Above zero; None leaves them.
        correlation: 0 leaves them, 1 makes all 1; None leaves them.
    """
    deviations = np.sqrt(np.diag(covariance))
    towards = correlation or 0.0
    # In covariances: D R D and D 11' D, so that a symbol that does not move needs no correlation.
    mixed = (1.0 - towards) * covariance + towards * np.outer(deviations, deviations)
    return np.asarray(mixed * (volatility or 1.0) ** 2)


def normal_var(values: Floats, covariance: Floats, confidence: float) -> float:
    """Return a day's VaR of jointly normal returns with mean zero, ``z √(v'Σv)``."""
    variance = max(float(values @ covariance @ values), 0.0)
    return float(special.ndtri(confidence)) * sqrt(variance)


# Private


def _returns(shock: Shock, held: Stressed) -> dict[str, float]:
    others = shock.all or 0.0
    return {symbol: shock.symbols.get(symbol, others) for symbol in held.symbols}


def _var(
    shock: Shock,
    held: Stressed,
    returns: dict[str, float],
    covariance: Covariance | None,
    confidence: float,
) -> tuple[float | None, float | None]:
    if covariance is None or not covariance.symbols:
        return None, None
    worth = dict(zip(held.symbols, held.values.tolist(), strict=True))
    values = np.array([worth[symbol] for symbol in covariance.symbols])
    later = values * np.array([1.0 + returns[symbol] for symbol in covariance.symbols])
    matrix = shocked(covariance.matrix, shock.volatility, shock.correlation)
    return (
        normal_var(values, covariance.matrix, confidence),
        normal_var(later, matrix, confidence),
    )


def _prices_in_words(
    shock: Shock, held: Stressed, by_symbol: dict[str, float], pnl: float
) -> list[str]:
    named = [f"{symbol} {moved(move)}" for symbol, move in shock.symbols.items()]
    others = "all others" if named else "Every symbol"
    said = [f"{listed(named)}."] if named else []
    if shock.all is not None:
        said.append(f"{others[0].upper()}{others[1:]} {moved(shock.all)}.")
    elif any(symbol not in shock.symbols for symbol in held.symbols):
        said.append("The others do not move.")
    not_held = [symbol for symbol in shock.symbols if symbol not in by_symbol]
    if not_held:
        said.append(f"Not held, so of no effect: {listed(not_held)}.")
    part = held.fraction(pnl)
    verb = "loses" if pnl < 0 else "gains"
    of_equity = f", {share(abs(part))} of equity" if part is not None else ""
    said.append(f"The portfolio {verb} {money(abs(pnl))}{of_equity}.")
    if part is not None and part <= -1:
        said.append("That is all of equity and more: the account would owe money.")
    return said


def _risk_in_words(
    shock: Shock,
    before: float | None,
    after: float | None,
    covariance: Covariance | None,
    confidence: float,
) -> list[str]:
    if before is None or after is None or covariance is None:
        return []
    changes = []
    if shock.volatility is not None:
        changes.append(f"volatilities times {shock.volatility:g}")
    if shock.correlation is not None:
        changes.append(
            "all correlations 1"
            if shock.correlation == 1
            else f"correlations moved {share(shock.correlation)} of the way to 1"
        )
    what = f"With {' and '.join(changes)}, a" if changes else "A"
    said = [
        (
            f"{what} day's VaR at {share(confidence)} goes from {money(before)} to {money(after)} "
            "(normal)."
        )
    ]
    if shock.correlation and after < before:
        said.append("It falls, because long and short positions then offset each other.")
    if covariance.missing:
        said.append(f"Not in VaR, too little history: {listed(covariance.missing)}.")
    return said
