"""What is stressed, and what a scenario makes of it.

Owns revaluation: the profit of a scenario is what the holdings are worth in it less what they are
worth now, whatever way the scenario was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trading_dashboard.agents.risk_management.measures.correlation import sample_covariance
from trading_dashboard.agents.risk_management.measures.returns import ReturnPanel, expose
from trading_dashboard.models.risk.errors import InvalidScenario

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Stressed:
    """Holdings at their value now.

    Attributes:
        symbols: Each once.
        values: Of each, currency, short below zero, shape ``(N,)``.
        equity: Of the account, cash included; None if it is not known or not above zero, and then
            nothing is told as a fraction of it.
    """

    symbols: tuple[str, ...]
    values: Floats
    equity: float | None

    @property
    def gross(self) -> float:
        """Return the exposure, both sides added."""
        return float(np.abs(self.values).sum())

    @property
    def net(self) -> float:
        """Return the exposure, short taken from long."""
        return float(self.values.sum())

    def fraction(self, amount: float) -> float | None:
        """Return an amount as a fraction of equity."""
        return None if self.equity is None else amount / self.equity

    def revalued(self, returns: Mapping[str, float]) -> dict[str, float]:
        """Return the profit of each symbol that has a return in the scenario."""
        return {
            symbol: float(value * (1.0 + returns[symbol]) - value)
            for symbol, value in zip(self.symbols, self.values, strict=True)
            if symbol in returns
        }

    def covered(self, symbols: Sequence[str]) -> float:
        """Return the share of gross exposure that these symbols are; 1 if nothing is held."""
        if not self.gross:
            return 1.0
        within = frozenset(symbols)
        part = sum(
            abs(float(value))
            for symbol, value in zip(self.symbols, self.values, strict=True)
            if symbol in within
        )
        return part / self.gross


@dataclass(frozen=True, slots=True, eq=False)
class Covariance:
    """How the returns of a day move together.

    Attributes:
        symbols: Those with enough history.
        matrix: Shape ``(N, N)``, of fractions.
        missing: Holdings that have too little, which nothing made of it contains.
    """

    symbols: tuple[str, ...]
    matrix: Floats
    missing: tuple[str, ...] = ()


def stressed(symbols: Sequence[str], values: ArrayLike, equity: float | None) -> Stressed:
    """Return holdings to stress; those of no value are left out.

    Raises:
        InvalidScenario: A value is not finite, or a symbol is there twice.
    """
    amounts = np.asarray(values, np.float64)
    if amounts.shape != (len(symbols),) or not np.isfinite(amounts).all():
        raise InvalidScenario(
            "Every holding needs a value to be stressed.",
            observed=f"{len(symbols)} symbols, values of shape {amounts.shape}",
            next_step="Leave out holdings without a price.",
        )
    if len(set(symbols)) < len(symbols):
        raise InvalidScenario("A symbol is held twice.", next_step="Add the two up.")
    held = [int(i) for i in np.flatnonzero(amounts)]
    known = equity if equity is not None and isfinite(equity) and equity > 0 else None
    return Stressed(tuple(symbols[i] for i in held), amounts[held], known)


def covariance_of(panel: ReturnPanel, held: Stressed) -> Covariance:
    """Return the sample covariance of the holdings' returns on days that all of them have.

    Raises:
        NotEnoughData: No holding has enough history.
    """
    worth = dict(zip(held.symbols, held.values.tolist(), strict=True))
    exposure = expose(panel, [worth.get(symbol, 0.0) for symbol in panel.symbols])
    absent = tuple(symbol for symbol in held.symbols if symbol not in panel.symbols)
    matrix = sample_covariance(exposure.returns) if exposure.symbols else np.empty((0, 0))
    return Covariance(exposure.symbols, matrix, (*absent, *exposure.missing))
