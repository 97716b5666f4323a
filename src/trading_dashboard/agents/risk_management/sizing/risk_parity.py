"""Risk parity: each symbol adds the same to the portfolio's risk.

Maillard, Roncalli and Teïletche, "The properties of equally weighted risk contribution portfolios",
Journal of Portfolio Management 36 (2010), 60-70. Solved as Spinu's convex problem ("An algorithm
for computing risk parity weights", 2013), ``min ½ y'Cy − Σ ln y / N``, by cyclical coordinate
descent (Griveau-Billion, Richard and Roncalli, "A fast algorithm for computing high-dimensional
risk parity portfolios", 2013), on correlations, so that scales do not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.risk_management.sizing.sizing import (
    WHOLE,
    Budget,
    Sizing,
    rounded,
    size_row,
    too_small,
)
from trading_dashboard.agents.risk_management.wording import counted, money, share
from trading_dashboard.models.risk.errors import InvalidScenario, NotEnoughData

Floats = NDArray[np.float64]
TRADING_DAYS = 252
TOLERANCE = 1e-10
"""Largest difference of a share of risk from 1/N."""
MAX_ROUNDS = 5_000
_CITATION = (
    "Maillard, Roncalli and Teïletche (2010), The properties of equally weighted risk contribution "
    "portfolios, Journal of Portfolio Management 36, 60-70"
)
_FORMULA = "w_i (Σw)_i / w'Σw = 1/N for every i"


def equal_risk_weights(covariance: Floats, symbols: Sequence[str]) -> Floats:
    """Return weights above zero that add up to 1 and carry equal shares of risk, shape ``(N,)``.

    Args:
        covariance: Of returns, shape ``(N, N)``, any scale.
        symbols: Their names, in order, for messages.

    Raises:
        NotEnoughData: A covariance is not known.
        InvalidScenario: A symbol has no volatility, or no weights have equal risk contributions
            (symbols that cancel each other out).
    """
    if not np.isfinite(covariance).all():
        unknown = [s for s, row in zip(symbols, covariance, strict=True) if np.isnan(row).all()]
        raise NotEnoughData(
            "Covariances are not known for all symbols.",
            observed=", ".join(unknown) or None,
            next_step="Leave out symbols with too little history.",
        )
    deviations = np.sqrt(np.diag(covariance))
    for symbol, deviation in zip(symbols, deviations, strict=True):
        if not deviation > 0:
            raise InvalidScenario(
                f"The volatility of {symbol} is 0: all of the budget would go into it.",
                subject=symbol,
                observed=float(deviation),
                next_step="Leave it out.",
            )
    correlation = covariance / np.outer(deviations, deviations)
    scaled = _descend(correlation) / deviations
    return np.asarray(scaled / scaled.sum())


def risk_shares(covariance: Floats, weights: Floats) -> Floats:
    """Return each symbol's share of the portfolio's variance, shape ``(N,)``, adding up to 1."""
    parts = weights * (covariance @ weights)
    return np.asarray(parts / parts.sum())


def risk_parity(
    covariance: Floats,
    symbols: Sequence[str],
    prices: Mapping[str, float],
    equity: float,
    budget: float,
    lots: Mapping[str, Decimal],
) -> Sizing:
    """Return sizes that spread a budget so that each symbol carries the same risk.

    Args:
        covariance: Of a day's returns, shape ``(N, N)``.
        symbols: In its order.
        prices: Newest, for each symbol.
        equity: Of the account.
        budget: Currency to spread.
        lots: Smallest parts, whole units where none is said.

    Raises:
        NotEnoughData: A covariance is not known.
        InvalidScenario: There are no such weights.
    """
    weights = equal_risk_weights(covariance, symbols)
    quantities = []
    sizes = []
    warnings = []
    for symbol, weight in zip(symbols, weights.tolist(), strict=True):
        lot = lots.get(symbol, WHOLE)
        amount = budget * weight
        quantity, _ = rounded(amount, prices[symbol], Budget(amount, lot))
        quantities.append(float(quantity) * prices[symbol])
        warnings += too_small(symbol, quantity, prices[symbol], lot)
        sizes.append((symbol, quantity))
    held = np.array(quantities)
    shares = risk_shares(covariance, held) if held.any() else np.zeros(len(held))
    volatility = float(np.sqrt(weights @ covariance @ weights * TRADING_DAYS))
    deviations = np.sqrt(np.diag(covariance) * TRADING_DAYS)
    lines = zip(sizes, weights.tolist(), deviations.tolist(), shares.tolist(), strict=True)
    first = (
        f"A budget of {money(budget)} is spread over {len(symbols)} symbols so that each carries "
        f"{share(1 / len(symbols))} of the risk; together they move by {share(volatility)} a year."
    )
    steps = [
        f"{symbol} moves by {share(deviation)} a year: {share(weight)} of the budget, "
        f"{money(budget * weight)} / {money(prices[symbol])} = {counted(quantity)}, rounded down; "
        f"then it carries {share(carried)} of the risk."
        for (symbol, quantity), weight, deviation, carried in lines
    ]
    rows = [
        size_row(symbol, quantity, prices[symbol], equity, carried)
        for (symbol, quantity), carried in zip(sizes, shares.tolist(), strict=True)
    ]
    return Sizing(rows, [first, *steps], _FORMULA, _CITATION, warnings)


def _descend(correlation: Floats) -> Floats:
    """Return y with ``y_i (Cy)_i = 1/N``, or say that there is none."""
    size = len(correlation)
    wanted = 1.0 / size
    y = np.full(size, 1.0 / size)
    rows = list(correlation)
    for _ in range(MAX_ROUNDS):
        for i, row in enumerate(rows):
            others = float(row @ y) - y[i]
            y[i] = 0.5 * (-others + np.sqrt(others * others + 4.0 * wanted))
        reached = y * (correlation @ y)
        if float(np.abs(reached - wanted).max()) < TOLERANCE:
            return y
        if not np.isfinite(y).all() or y.max() > 1e8:
            break
    raise InvalidScenario(
        "No weights give these symbols equal shares of risk.",
        observed=f"smallest correlation {float(correlation.min()):.3f}",
        next_step="Leave out one of two symbols that cancel each other out.",
    )
