"""The returns everything is made of.

Owns their shape, their window, and what is missing: a return that is not known is NaN and stays so,
a row is used only where every holding has one, and a symbol with too little history is named. Owns
no measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trading_dashboard.models.risk.errors import InvalidScenario, NotEnoughData
from trading_dashboard.models.risk.measures import DataWindow

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]

TRADING_DAYS = 252
"""A year's sessions, by which daily numbers are annualised."""
MINIMUM_OBSERVATIONS = 30
"""Fewer returns than this tell nothing of a tail."""
LARGEST_RETURN = 1e6
"""A day's return beyond this is damaged data, not a market."""
_SMALLEST_MOVE = 1e-140


@dataclass(frozen=True, slots=True, eq=False)
class ReturnPanel:
    """Simple daily returns of several symbols.

    Attributes:
        symbols: One a column, each once.
        dates: Shape ``(T,)``, ``datetime64[D]``, rising; the day a return ends on.
        returns: Shape ``(T, N)``, float64, as fractions: 0.01 is one percent. NaN where missing.

    Raises:
        InvalidScenario: Shapes, dates or symbols contradict themselves, or a return is beyond
            `LARGEST_RETURN` or below a total loss of -1.
    """

    symbols: tuple[str, ...]
    dates: Days
    returns: Floats

    def __post_init__(self) -> None:
        returns = np.array(self.returns, np.float64)
        dates = np.array(self.dates, "datetime64[D]")
        if returns.shape != (len(dates), len(self.symbols)):
            raise InvalidScenario(
                "The returns have another shape than their dates and symbols",
                observed=f"{returns.shape} for {len(dates)} dates and {len(self.symbols)} symbols",
            )
        if len(set(self.symbols)) != len(self.symbols):
            raise InvalidScenario("A symbol stands twice among the returns")
        if not np.all(dates[1:] > dates[:-1]):
            raise InvalidScenario("The dates of the returns do not rise")
        returns[~np.isfinite(returns)] = np.nan
        self._refuse_damage(dates, returns)
        returns.flags.writeable = dates.flags.writeable = False
        object.__setattr__(self, "symbols", tuple(self.symbols))
        object.__setattr__(self, "dates", dates)
        object.__setattr__(self, "returns", returns)

    def _refuse_damage(self, dates: Days, returns: Floats) -> None:
        rows, columns = np.nonzero((returns > LARGEST_RETURN) | (returns < -1))
        if len(rows):
            symbol, value = self.symbols[columns[0]], returns[rows[0], columns[0]]
            raise InvalidScenario(
                f"The return of {symbol} on {dates[rows[0]]} is none that a price can make",
                subject=symbol,
                observed=float(value),
                next_step="Look at the symbol's bars in the market data agent's quality report.",
            )

    @classmethod
    def from_closes(
        cls, symbols: Sequence[str], dates: ArrayLike, closes: ArrayLike
    ) -> ReturnPanel:
        """Return the panel of closes, which must be adjusted for splits and dividends.

        Args:
            symbols: One a column.
            dates: Shape ``(T,)``, days, rising.
            closes: Shape ``(T, N)``; NaN, infinite or not positive where missing.

        A missing close makes both returns beside it missing: no return spans two days.
        """
        prices = np.array(closes, np.float64, ndmin=2)
        prices[~(np.isfinite(prices) & (prices > 0))] = np.nan
        with np.errstate(over="ignore"):
            returns = prices[1:] / prices[:-1] - 1
        return cls(tuple(symbols), np.asarray(dates, "datetime64[D]")[1:], returns)

    def tail(self, rows: int) -> ReturnPanel:
        """Return the last `rows` days; all of them if they are fewer."""
        first = max(len(self.dates) - rows, 0)
        return ReturnPanel(self.symbols, self.dates[first:], self.returns[first:])

    def until(self, day: date) -> ReturnPanel:
        """Return the days up to `day`, and it."""
        rows = int(np.searchsorted(self.dates, np.datetime64(day, "D"), side="right"))
        return ReturnPanel(self.symbols, self.dates[:rows], self.returns[:rows])

    def series(self, symbol: str) -> Floats:
        """Return one symbol's returns, shape ``(T,)``, NaN where missing.

        Raises:
            NotEnoughData: The panel has no such symbol.
        """
        if symbol not in self.symbols:
            raise NotEnoughData(f"There are no returns of {symbol}", subject=symbol)
        return self.returns[:, self.symbols.index(symbol)]


@dataclass(frozen=True, slots=True, eq=False)
class Exposed:
    """What of a portfolio has history: the complete days of the holdings that have enough.

    Attributes:
        symbols: Holdings with history.
        values: Shape ``(N,)``, currency; short below zero.
        dates: Shape ``(T,)``.
        returns: Shape ``(T, N)``, without NaN.
        missing: Holdings without enough history, which no number below contains.
        coverage: Share of gross exposure that has history, 0 to 1; 1 without any exposure.
    """

    symbols: tuple[str, ...]
    values: Floats
    dates: Days
    returns: Floats
    missing: tuple[str, ...]
    coverage: float

    @property
    def pnl(self) -> Floats:
        """Return what today's holdings would have made each day, shape ``(T,)``, currency.

        Raises:
            InvalidScenario: The numbers are too large to add.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            pnl = self.returns @ self.values
        if not np.all(np.isfinite(pnl)):
            raise InvalidScenario("The holdings are too large to add up")
        return np.asarray(pnl)

    @property
    def window(self) -> DataWindow:
        """Return the window as it travels."""
        return window_of(self.dates, self.missing)


def expose(panel: ReturnPanel, values: ArrayLike, minimum: int = MINIMUM_OBSERVATIONS) -> Exposed:
    """Return the part of a portfolio that has history.

    Only days on which every holding has a return are used. Where those are fewer than `minimum`,
    the holding with the shortest history is left out and named, until they suffice.

    Args:
        panel: Returns.
        values: Shape ``(N,)``, currency, in the order of `panel.symbols`; NaN is not allowed.
        minimum: Days needed.

    Raises:
        InvalidScenario: A value is not finite, or their number is wrong.
        NotEnoughData: There are holdings, and none has `minimum` returns.
    """
    amounts = np.array(values, np.float64)
    if amounts.shape != (len(panel.symbols),) or not np.all(np.isfinite(amounts)):
        raise InvalidScenario(
            "The holdings' values must be finite, one for each symbol",
            observed=f"shape {amounts.shape} for {len(panel.symbols)} symbols",
        )
    held = np.flatnonzero(amounts)
    known = np.isfinite(panel.returns)
    counts = known.sum(axis=0)
    kept = [int(i) for i in held]
    while kept and int(known[:, kept].all(axis=1).sum()) < minimum:
        kept.remove(min(kept, key=lambda i: (counts[i], -i)))
    missing = tuple(panel.symbols[i] for i in held if i not in kept)
    if missing and not kept:
        raise NotEnoughData(
            f"No holding has {minimum} daily returns",
            observed=f"at most {int(counts[held].max(initial=0))}, of {', '.join(missing[:5])}",
            next_step="Use a longer window, or wait for more history.",
        )
    rows = known[:, kept].all(axis=1) if kept else np.zeros(len(panel.dates), bool)
    chosen = amounts[kept]
    return Exposed(
        tuple(panel.symbols[i] for i in kept),
        chosen,
        panel.dates[rows],
        panel.returns[rows][:, kept],
        missing,
        _coverage(chosen, amounts),
    )


def _coverage(chosen: Floats, amounts: Floats) -> float:
    largest = np.abs(amounts).max(initial=0)
    if largest == 0:
        return 1.0
    return float(np.abs(chosen / largest).sum() / np.abs(amounts / largest).sum())


def window_of(dates: Days, missing: Sequence[str] = ()) -> DataWindow:
    """Return the window of `dates`, shape ``(T,)``."""
    first, last = (dates[0].item(), dates[-1].item()) if len(dates) else (None, None)
    return DataWindow(start=first, end=last, observations=len(dates), missing=list(missing))


def observed(series: ArrayLike, minimum: int, what: str) -> Floats:
    """Return the finite numbers of a series, in order.

    Raises:
        NotEnoughData: They are fewer than `minimum`; `what` names the measure that needs them.
    """
    values = np.asarray(series, np.float64).ravel()
    values = values[np.isfinite(values)]
    if len(values) < minimum:
        raise NotEnoughData(
            f"{what} needs at least {minimum} observations",
            observed=len(values),
            next_step="Use a longer window, or wait for more history.",
        )
    return values


def is_flat(series: Floats) -> bool:
    """Tell whether the numbers do not move, beyond rounding or so little that squares vanish."""
    with np.errstate(over="ignore"):
        span = np.ptp(series)
    return bool(span <= max(1e-13 * np.abs(series).max(initial=0), _SMALLEST_MOVE))
