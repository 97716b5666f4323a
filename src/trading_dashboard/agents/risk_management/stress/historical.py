"""Today's holdings taken through history: named windows, and the worst days of what is loaded.

Holdings are bought at their value now at a window's first close and kept to its last. Prices are
adjusted closes, so that splits and dividends are no moves. A holding without a close at both ends
has no part in the result: it is named, and what share of the exposure the result covers is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trading_dashboard.agents.risk_management.stress.holdings import Stressed
from trading_dashboard.agents.risk_management.stress.windows import (
    NEAR_DAYS,
    WINDOWS,
    Window,
    find,
)
from trading_dashboard.agents.risk_management.wording import listed, money, moved, share
from trading_dashboard.models.risk.errors import InvalidScenario
from trading_dashboard.models.risk.measures import StressRow

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]

WORST_DAYS = (1, 10)
MINIMUM_COVERAGE = 0.5
"""A worst stretch with less of the exposure would be worst of a few holdings, not of the whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Closes:
    """Daily closes, adjusted for splits and dividends.

    Attributes:
        symbols: One a column.
        dates: Shape ``(T,)``, rising.
        closes: Shape ``(T, N)``; a gap of a few days holds the close before it, NaN elsewhere.
    """

    symbols: tuple[str, ...]
    dates: Days
    closes: Floats

    @classmethod
    def of(cls, symbols: Sequence[str], dates: ArrayLike, closes: ArrayLike) -> Closes:
        """Return closes with small gaps filled; not finite or not positive is missing.

        Raises:
            InvalidScenario: Shapes or dates contradict themselves.
        """
        days = np.asarray(dates, "datetime64[D]")
        prices = np.array(closes, np.float64, ndmin=2)
        if not prices.size:
            prices = np.empty((len(days), len(symbols) if not len(days) else prices.shape[1]))
        if prices.shape != (len(days), len(symbols)) or not np.all(days[1:] > days[:-1]):
            raise InvalidScenario(
                "Closes, dates and symbols do not fit each other.",
                observed=f"{prices.shape} for {len(days)} dates and {len(symbols)} symbols",
            )
        prices[~(np.isfinite(prices) & (prices > 0))] = np.nan
        return cls(tuple(symbols), days, _filled(prices, days))

    def of_holdings(self, held: Stressed) -> Floats:
        """Return the closes of holdings, shape ``(T, len(held.symbols))``; NaN if there are none.

        Args:
            held: In their order.
        """
        places = {symbol: i for i, symbol in enumerate(self.symbols)}
        table = np.full((len(self.dates), len(held.symbols)), np.nan)
        for column, symbol in enumerate(held.symbols):
            if symbol in places:
                table[:, column] = self.closes[:, places[symbol]]
        return table


def historical_rows(
    held: Stressed, closes: Closes, windows: Sequence[Window] = WINDOWS
) -> list[StressRow]:
    """Return what the windows, then the worst days of the data, would do to holdings."""
    table = closes.of_holdings(held)
    rows = [_named(held, closes, table, window) for window in windows]
    return [*rows, *(_worst(held, closes, table, days) for days in WORST_DAYS)]


# Private


def _filled(prices: Floats, dates: Days) -> Floats:
    known = np.isfinite(prices)
    last = np.maximum.accumulate(np.where(known, np.arange(len(prices))[:, np.newaxis], -1), axis=0)
    rows = np.maximum(last, 0)
    filled = np.take_along_axis(prices, rows, axis=0)
    age = dates[:, np.newaxis] - dates[rows]
    filled[(last < 0) | (age > np.timedelta64(NEAR_DAYS, "D"))] = np.nan
    return np.asarray(filled)


def _named(held: Stressed, closes: Closes, table: Floats, window: Window) -> StressRow:
    found = find(window, closes.dates) if len(closes.dates) else None
    if found is None:
        there = (
            f"The data loaded run from {closes.dates[0]} to {closes.dates[-1]}"
            if len(closes.dates)
            else "No data are loaded"
        )
        return _untold(
            f"historical.{window.id}",
            window.name,
            held,
            f"{there}; this window, {window.start} to {window.end}, is not in them.",
        )
    return _through(
        held,
        closes.dates,
        table,
        found,
        f"historical.{window.id}",
        window.name,
        f"{window.start} to {window.end}, {window.what}.",
    )


def _worst(held: Stressed, closes: Closes, table: Floats, days: int) -> StressRow:
    id_ = "historical.worst_day" if days == 1 else f"historical.worst_{days}_days"
    name = "Worst day loaded" if days == 1 else f"Worst {days} days loaded"
    start = _worst_start(held, table, days)
    if start is None:
        why = (
            f"There is no stretch of {days + 1} closes in which at least "
            f"{share(MINIMUM_COVERAGE)} of the exposure has data."
        )
        return _untold(id_, name, held, why)
    dates = closes.dates
    what = (
        f"{dates[start]} to {dates[start + days]}, the worst of all such stretches in the data "
        f"loaded, {dates[0]} to {dates[-1]}, for what is held now; chosen because it is the worst."
    )
    return _through(held, dates, table, (start, start + days), id_, name, what)


def _worst_start(held: Stressed, table: Floats, days: int) -> int | None:
    if len(table) <= days or not held.gross:
        return None
    returns = table[days:] / table[:-days] - 1
    known = np.isfinite(returns)
    pnl = np.where(known, returns, 0.0) @ held.values
    coverage = known @ np.abs(held.values) / held.gross
    pnl[coverage < MINIMUM_COVERAGE] = np.inf
    place = int(np.argmin(pnl))
    return place if np.isfinite(pnl[place]) else None


def _through(
    held: Stressed,
    dates: Days,
    table: Floats,
    rows: tuple[int, int],
    id_: str,
    name: str,
    what: str,
) -> StressRow:
    path = table[rows[0] : rows[1] + 1]
    known = np.isfinite(path[0]) & np.isfinite(path[-1])
    symbols = [
        symbol for symbol, is_known in zip(held.symbols, known.tolist(), strict=True) if is_known
    ]
    missing = [symbol for symbol in held.symbols if symbol not in symbols]
    if not symbols:
        why = "No holding has data in it." if held.symbols else "Nothing is held."
        return _untold(id_, name, held, f"{what} {why}")
    moves = path[:, known] / path[0, known] - 1
    profits = _bridged(moves) @ held.values[known]
    returns = dict(zip(symbols, moves[-1].tolist(), strict=True))
    by_symbol = held.revalued(returns)
    pnl = sum(by_symbol.values())
    coverage = held.covered(symbols)
    return StressRow(
        id=id_,
        name=name,
        kind="historical",
        start=dates[rows[0]].item(),
        end=dates[rows[1]].item(),
        pnl=pnl,
        pnl_fraction=held.fraction(pnl),
        worst_day=held.fraction(float(np.diff(profits).min())),
        worst_drawdown=_drawdown(profits, held.equity),
        by_symbol={symbol: by_symbol.get(symbol) for symbol in held.symbols},
        returns={symbol: returns.get(symbol) for symbol in held.symbols},
        missing=missing,
        coverage=coverage,
        explanation=_explained(held, what, pnl, returns, by_symbol, missing, coverage),
    )


def _bridged(moves: Floats) -> Floats:
    """Return moves with the one before in the place of those unknown in between."""
    known = np.isfinite(moves)
    rows = np.maximum.accumulate(np.where(known, np.arange(len(moves))[:, np.newaxis], 0), axis=0)
    return np.asarray(np.take_along_axis(moves, rows, axis=0))


def _drawdown(profits: Floats, equity: float | None) -> float | None:
    if equity is None:
        return None
    path = equity + profits
    peaks = np.maximum.accumulate(path)
    return float(((peaks - path) / peaks).max())


def _explained(
    held: Stressed,
    what: str,
    pnl: float,
    returns: dict[str, float],
    by_symbol: dict[str, float],
    missing: Sequence[str],
    coverage: float,
) -> str:
    verb = "lose" if pnl < 0 else "gain"
    part = held.fraction(pnl)
    of_equity = f", {share(abs(part))} of equity" if part is not None else ""
    most = min(by_symbol, key=lambda symbol: by_symbol[symbol])
    sentences = [what, f"Today's holdings would {verb} {money(abs(pnl))}{of_equity}."]
    if by_symbol[most] < 0:
        lost = money(-by_symbol[most])
        sentences.append(f"Most is lost in {most}, which moved by {moved(returns[most])}: {lost}.")
    if missing:
        sentences.append(
            f"{listed(missing)} had no prices then and are not in it; it covers {share(coverage)} "
            "of the exposure."
        )
    return " ".join(sentences)


def _untold(id_: str, name: str, held: Stressed, why: str) -> StressRow:
    return StressRow(
        id=id_,
        name=name,
        kind="historical",
        pnl=None,
        pnl_fraction=None,
        by_symbol=dict.fromkeys(held.symbols),
        missing=list(held.symbols),
        coverage=0.0 if held.symbols else None,
        explanation=why,
    )
