"""Yesterday's returns on today's positions: VaR before and after an order, in microseconds.

Historical simulation, kept as one vector of profits and losses a day: a position that changes by
`d` adds ``d * returns[:, symbol]`` to it. The VaR of an order's outcome is then one quantile of a
vector, however many positions there are, and the same number as the historical VaR of the whole
portfolio; nothing is assumed to be normal, and no covariance is inverted.

Source: P. Jorion, Value at Risk, 3rd ed., McGraw-Hill 2007, ch. 10 (historical simulation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

MIN_DAYS = 30
"""Fewer common days of history tell nothing of a tail; nor do fewer than half of all there are."""
_ROUNDING = 1e-12
"""``(1 - 0.9) * 10`` is one day, whatever the last bit says."""
REFRESH = 10_000
"""Changes after which the vector is computed anew: rounding errors do not add up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VarTerms:
    """Which VaR is bounded.

    Attributes:
        confidence: Between 0.5 and 1.
        horizon_days: The 1-day VaR times its square root.
    """

    confidence: float = 0.95
    horizon_days: int = 1


class History:
    """Past returns, laid out for `LossVector`. Made once a day; it never changes.

    Attributes:
        columns: Row of each symbol in the arrays below.
        returns: float64 of shape (N, T), 0 where there is none.
        missing: bool of shape (N, T).
        has_gaps: Whether a row misses anything.
    """

    def __init__(self, symbols: Sequence[str], returns: NDArray[np.float64]) -> None:
        """Take over returns.

        Args:
            symbols: N names.
            returns: float64 of shape (T, N), simple daily returns, oldest first, NaN where there is
                none. A day counts where every symbol that is held has one.

        Raises:
            ValueError: Shapes differ.
        """
        if returns.ndim != 2 or returns.shape[1] != len(symbols):
            raise ValueError(f"returns of shape {returns.shape} for {len(symbols)} symbols")
        missing = ~np.isfinite(returns)
        self.columns = {symbol: column for column, symbol in enumerate(symbols)}
        # One row a symbol, so that what is added is contiguous.
        self.returns = np.ascontiguousarray(np.where(missing, 0.0, returns).T)
        self.missing = np.ascontiguousarray(missing.T)
        self.has_gaps = [bool(row.any()) for row in self.missing]


class LossVector:
    """The profit and loss of today's positions on each past day. Used from one thread."""

    def __init__(self, history: History, terms: VarTerms) -> None:
        """Begin without positions."""
        days = history.returns.shape[1]
        self.terms = terms
        self._history = history
        self._values: dict[str, float] = {}
        self._pnl = np.zeros(days)
        self._gaps = np.zeros(days, dtype=np.int32)
        self._gapped = 0
        self._unknown: set[str] = set()
        self._changes = 0
        self._var: float | None = 0.0
        self._is_var_known = False

    def set_value(self, symbol: str, value: float) -> None:
        """Say what a position is worth, signed; NaN if that is not known."""
        before = self._values.get(symbol, 0.0)
        if value == before:
            return
        self._is_var_known = False
        if value:
            self._values[symbol] = value
        else:
            self._values.pop(symbol, None)
        column = self._history.columns.get(symbol)
        if value and (column is None or isnan(value)):
            self._unknown.add(symbol)
        else:
            self._unknown.discard(symbol)
        if column is None:
            return
        self._changes += 1
        if self._changes >= REFRESH:
            self._refresh()
            return
        self._pnl += (_finite(value) - _finite(before)) * self._history.returns[column]
        if bool(value) != bool(before):
            self._gaps, self._gapped = self._gaps_with(column, is_held=bool(value))

    def var(self) -> float | None:
        """Return the VaR of the positions in currency, 0 or above; None if it cannot be told."""
        if not self._is_var_known:
            gaps = self._gaps if self._gapped else None
            self._var = None if self._unknown else self._quantile(self._pnl, gaps)
            self._is_var_known = True
        return self._var

    def var_with(self, symbol: str, value: float) -> float | None:
        """Return the VaR if one position were worth `value`; changes nothing."""
        before = self._values.get(symbol, 0.0)
        if value == before:
            return self.var()
        column = self._history.columns.get(symbol)
        if self._unknown - {symbol} or (value and (column is None or isnan(value))):
            return None
        gaps, gapped, pnl = self._gaps, self._gapped, self._pnl
        if column is not None:
            pnl = pnl + (value - _finite(before)) * self._history.returns[column]
            if bool(value) != bool(before):
                gaps, gapped = self._gaps_with(column, is_held=bool(value))
        return self._quantile(pnl, gaps if gapped else None)

    @property
    def unknown(self) -> frozenset[str]:
        """Return the positions that cannot be judged: without history, or without a price."""
        return frozenset(self._unknown)

    def _gaps_with(self, column: int, *, is_held: bool) -> tuple[NDArray[np.int32], int]:
        """Return how many positions miss each day, and how many positions miss any."""
        if not self._history.has_gaps[column]:
            return self._gaps, self._gapped
        step = self._history.missing[column].astype(np.int32)
        if is_held:
            return self._gaps + step, self._gapped + 1
        return self._gaps - step, self._gapped - 1

    def _quantile(self, pnl: NDArray[np.float64], gaps: NDArray[np.int32] | None) -> float | None:
        days = pnl if gaps is None else pnl[gaps == 0]
        if days.size < max(MIN_DAYS, pnl.size // 2):
            return None  # a holding listed lately would choose the days all are judged by
        day = max(0.0, sample_var(days, self.terms.confidence))
        return day * float(self.terms.horizon_days**0.5)

    def _refresh(self) -> None:
        """Add everything up anew."""
        self._changes, self._gapped = 0, 0
        self._pnl[:] = 0.0
        self._gaps = np.zeros_like(self._gaps)
        for symbol, value in self._values.items():
            column = self._history.columns.get(symbol)
            if column is not None:
                self._pnl += _finite(value) * self._history.returns[column]
                self._gaps, self._gapped = self._gaps_with(column, is_held=True)


def sample_var(pnl: NDArray[np.float64], confidence: float) -> float:
    """Return the smallest loss whose distribution function reaches the confidence; below 0 a gain.

    The convention of `measures.tails`: an order statistic, nothing interpolated.

    Args:
        pnl: float64 of shape (T,), T >= 1, finite; below zero is lost.
        confidence: Between 0 and 1.
    """
    rank = min(int((1 - confidence) * pnl.size * (1 + _ROUNDING)), pnl.size - 1)
    return -float(np.partition(pnl, rank)[rank])


def _finite(value: float) -> float:
    return 0.0 if isnan(value) else value
