"""Reverse stress: what does it take to lose so much?

Owns finding scenarios that lose a given amount: the most likely one, a fall of everything alike,
and single symbols. Each is verified by revaluing the holdings in it.

The most likely scenario of returns x with covariance Σ is the one nearest to no move in
Mahalanobis' distance, ``min x'Σ⁻¹x`` subject to ``v'x = -loss``; without bounds it is
``x = -loss Σv / (v'Σv)`` at distance ``loss / √(v'Σv)`` (Breuer, Jandačka, Rheinberger and Summer,
"How to find plausible, severe, and useful stress scenarios", International Journal of Central
Banking 5(3), 2009, 205-224). Prices do not fall below zero: where the formula wants that, the
problem with ``x ≥ -1`` is solved exactly as one of least distance (Lawson and Hanson, "Solving
Least Squares Problems", 1974, chapter 23), which also tells if there is no such scenario.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.risk_management.stress.holdings import Covariance, Stressed
from trading_dashboard.agents.risk_management.wording import listed, money, moved, share
from trading_dashboard.models.risk.errors import InvalidScenario
from trading_dashboard.models.risk.measures import StressRow

Floats = NDArray[np.float64]

MOST_SINGLE = 10
"""Symbols told one by one: the largest."""
VERIFIED_TO = 1e-6
"""Relative difference of what a scenario loses from what it shall lose."""


def reverse_rows(held: Stressed, loss: float, covariance: Covariance | None) -> list[StressRow]:
    """Return scenarios that lose a fraction of equity.

    Args:
        held: The holdings.
        loss: Fraction of equity, above zero.
        covariance: Of a day's returns; without it there is no most likely scenario.

    Raises:
        InvalidScenario: There is no equity to lose a part of, or nothing is held.
    """
    if held.equity is None:
        raise InvalidScenario(
            "What loses a part of equity cannot be asked: equity is not above zero or not known.",
            next_step="Ask when every holding has a price.",
        )
    if not held.symbols:
        raise InvalidScenario("Nothing is held, so nothing can be lost.", next_step="Buy first.")
    amount = loss * held.equity
    rows = [_uniform(held, amount), *_singles(held, amount)]
    if covariance is not None and covariance.symbols:
        rows.insert(0, _most_likely(held, amount, covariance))
    return rows


def most_likely(values: Floats, covariance: Floats, loss: float) -> tuple[Floats, float] | None:
    """Return the likeliest returns that lose an amount, and how far they are from no move.

    Args:
        values: Holdings, currency, shape ``(N,)``.
        covariance: Of returns, shape ``(N, N)``; may be singular.
        loss: Currency, above zero.

    Returns:
        Returns of at least -1, shape ``(N,)``, and their distance in standard deviations; None if
        there are none.
    """
    # In units of the loss and of its own deviation: numbers near one, whatever the currency.
    exposures = values / loss
    variance = float(exposures @ covariance @ exposures)
    if variance <= 1e-24 * float(np.square(exposures) @ np.diag(covariance)):
        return None
    free = -(covariance @ exposures) / variance
    if free.min() >= -1.0:
        return np.asarray(free), 1.0 / math.sqrt(variance)
    return _bounded(exposures, covariance)


# Private


def _bounded(exposures: Floats, covariance: Floats) -> tuple[Floats, float] | None:
    """Return the same with no return below -1, by least distance programming."""
    from scipy import optimize

    factor = _factor(covariance)
    # min |z| with G z >= h: what is lost is at least 1, and no return x = factor z is below -1.
    rows = np.vstack([-(exposures @ factor), factor])
    bounds = np.concatenate([[1.0], np.full(len(factor), -1.0)])
    scale = np.linalg.norm(rows, axis=1)
    scale[scale == 0] = 1.0
    system = np.vstack([(rows / scale[:, np.newaxis]).T, bounds / scale])
    target = np.zeros(len(system))
    target[-1] = 1.0
    weights, residual = optimize.nnls(system, target, maxiter=50 * system.shape[1])
    left = system @ weights - target
    if residual < 1e-7 or not left[-1] < 0:
        return None
    z = -left[:-1] / left[-1]
    returns = np.maximum(factor @ z, -1.0)
    return np.asarray(returns), float(np.linalg.norm(z))


def _factor(covariance: Floats) -> Floats:
    """Return F with ``F F' = Σ``; directions that do not move are left out."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    kept = values > 1e-12 * values[-1]
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))


def _most_likely(held: Stressed, amount: float, covariance: Covariance) -> StressRow:
    worth = dict(zip(held.symbols, held.values.tolist(), strict=True))
    values = np.array([worth[symbol] for symbol in covariance.symbols])
    id_, name = "reverse.most_likely", "The likeliest way"
    found = most_likely(values, covariance.matrix, amount)
    if found is None:
        why = "No moves of these prices lose it: they offset each other, or even zero is not enough"
        return _impossible(held, id_, name, f"{why}.", covariance.missing)
    returns, distance = found
    moves = dict(zip(covariance.symbols, returns.tolist(), strict=True))
    chance = 0.5 * math.erfc(distance / math.sqrt(2.0))
    often = f"one day in {1 / chance:,.0f}" if chance > 1e-12 else "practically never"
    ordered = sorted(moves, key=lambda symbol: worth[symbol] * moves[symbol])
    said = listed([f"{symbol} {moved(moves[symbol])}" for symbol in ordered])
    explanation = (
        f"Of all scenarios that lose {money(amount)}, the nearest to an ordinary day: {said}. "
        f"It is {distance:.1f} standard deviations away; if returns were normal, as much would be "
        f"lost {often}. Real days are wilder than that."
    )
    return _verified(held, amount, moves, id_, name, explanation, covariance.missing, distance)


def _uniform(held: Stressed, amount: float) -> StressRow:
    id_, name = "reverse.uniform", "Everything moves alike"
    if abs(held.net) < 1e-9 * held.gross:
        why = "Long and short positions are equal: no common move of all prices loses anything."
        return _impossible(held, id_, name, why)
    move = -amount / held.net
    if move < -1.0:
        why = f"Even if all prices fell to zero, only {money(held.net)} would be lost."
        return _impossible(held, id_, name, why)
    verb = "falls" if move < 0 else "rises"
    why = f"If every price {verb} by {share(abs(move))}, {money(amount)} is lost."
    return _verified(held, amount, dict.fromkeys(held.symbols, move), id_, name, why)


def _singles(held: Stressed, amount: float) -> list[StressRow]:
    values = dict(zip(held.symbols, held.values.tolist(), strict=True))
    largest = sorted(values, key=lambda symbol: -abs(values[symbol]))[:MOST_SINGLE]
    return [_single(held, amount, symbol, values[symbol]) for symbol in largest]


def _single(held: Stressed, amount: float, symbol: str, value: float) -> StressRow:
    id_, name = f"reverse.symbol.{symbol}", f"{symbol} alone"
    move = -amount / value
    if move < -1.0:
        why = f"{symbol} alone cannot lose it: at a price of zero, {money(value)} is lost."
        return _impossible(held, id_, name, why)
    verb = "falls" if move < 0 else "rises"
    why = (
        f"If {symbol} {verb} by {share(abs(move))} and nothing else moves, {money(amount)} is lost."
    )
    moves = dict.fromkeys(held.symbols, 0.0) | {symbol: move}
    return _verified(held, amount, moves, id_, name, why)


def _verified(
    held: Stressed,
    amount: float,
    moves: dict[str, float],
    id_: str,
    name: str,
    explanation: str,
    missing: Sequence[str] = (),
    distance: float | None = None,
) -> StressRow:
    """Return a scenario with what it loses by revaluation, which must be what was asked for."""
    by_symbol = held.revalued(moves)
    pnl = math.fsum(by_symbol.values())
    if abs(pnl + amount) > VERIFIED_TO * max(amount, 1e-9 * held.gross):
        why = f"A scenario was found, but revalued it makes {money(pnl)}, not {money(-amount)}."
        return _impossible(held, id_, name, why, missing)
    if missing:
        explanation += f" Not moved, too little history: {listed(missing)}."
    return StressRow(
        id=id_,
        name=name,
        kind="reverse",
        pnl=pnl,
        pnl_fraction=held.fraction(pnl),
        by_symbol={symbol: by_symbol.get(symbol) for symbol in held.symbols},
        returns={symbol: moves.get(symbol) for symbol in held.symbols},
        distance=distance,
        missing=list(missing),
        coverage=held.covered(list(moves)),
        explanation=explanation,
    )


def _impossible(
    held: Stressed, id_: str, name: str, why: str, missing: Sequence[str] = ()
) -> StressRow:
    return StressRow(
        id=id_,
        name=name,
        kind="reverse",
        pnl=None,
        pnl_fraction=None,
        by_symbol=dict.fromkeys(held.symbols),
        missing=list(missing),
        coverage=None,
        explanation=why,
    )
