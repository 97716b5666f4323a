"""The real daily history that ships as a dependency, and what can be derived from it.

Owns reading `bokeh_sampledata` (public domain, Quandl WIKI, 2000-03-01 to 2013-03-01), judging its
rows, and deriving splits and dividends. Stores nothing.

How the data set adjusts (checked against known amounts, such as Microsoft's $3.08 of 2004-11-15):
going back over an ex-date, the ratio ``adjusted_close / close`` shrinks by ``1 / q`` with
``q = split ratio`` for a split and ``q = 1 + dividend / close(ex-date)`` for a dividend. A factor
that is the same in all rows, such as Google's, comes from actions after the data and is no action.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

SOURCE = "demo"
DATASET_VERSION = "2026.1"
CALENDAR = "XNYS"
TIME_ZONE = "America/New_York"

_NO_CHANGE = 1e-7
"""Relative change of the ratio below which it is rounding; the smallest dividend shows as 1e-3."""
_SPLIT_TOLERANCE = 1e-6
_SMALLEST_SPLIT = Fraction(5, 4)
_LARGEST_SPLIT_TERM = 50


@dataclass(frozen=True, slots=True)
class Listing:
    """What is known of a symbol besides its prices."""

    symbol: str
    name: str
    exchange: str


LISTINGS = (
    Listing("AAPL", "Apple Inc.", "NASDAQ"),
    Listing("FB", "Facebook, Inc.", "NASDAQ"),
    Listing("GOOG", "Google Inc.", "NASDAQ"),
    Listing("IBM", "International Business Machines Corporation", "NYSE"),
    Listing("MSFT", "Microsoft Corporation", "NASDAQ"),
)


@dataclass(frozen=True, slots=True)
class DailyRow:
    """One real trading day: prices in dollars as traded, volume in shares.

    Attributes:
        session: ISO date.
        flaws: What is wrong with the row, empty for a sound one.
    """

    symbol: str
    session: str
    open: float
    high: float
    low: float
    close: float
    volume: int
    adjusted_close: float
    flaws: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """A split or dividend, effective before the open of `ex_date` (ISO).

    Attributes:
        ratio: New shares per old share, splits only.
        amount: Dollars per share, dividends only.
        factor: What earlier closes are multiplied with in the data set's own adjustment. For a
            dividend it contains the close of the ex-date, so it must not be used before then.
    """

    symbol: str
    ex_date: str
    kind: str
    ratio: float | None
    amount: float | None
    factor: float


def read_rows() -> Iterator[DailyRow]:
    """Yield every row of the data set, by symbol, then date."""
    from bokeh_sampledata import stocks

    for listing in LISTINGS:
        columns: Mapping[str, Sequence[Any]] = getattr(stocks, listing.symbol)
        yield from rows_from_columns(listing.symbol, columns)


def rows_from_columns(symbol: str, columns: Mapping[str, Sequence[Any]]) -> Iterator[DailyRow]:
    """Yield rows of one symbol from columns named as in `bokeh_sampledata`, judged."""
    for i, session in enumerate(columns["date"]):
        open_, high, low, close, adjusted = (
            float(columns[name][i]) for name in ("open", "high", "low", "close", "adj_close")
        )
        volume = int(columns["volume"][i])
        flaws = find_flaws(open_, high, low, close, volume)
        yield DailyRow(symbol, session, open_, high, low, close, volume, adjusted, flaws)


def find_flaws(open_: float, high: float, low: float, close: float, volume: int) -> tuple[str, ...]:
    """Return what is wrong with a daily row, in words; an empty tuple for a sound one."""
    prices = {"open": open_, "high": high, "low": low, "close": close}
    flaws = [
        f"{name} {price} is not a positive number"
        for name, price in prices.items()
        if not (math.isfinite(price) and price > 0)
    ]
    if low > high:
        flaws.append(f"low {low} is above high {high}")
    flaws += [
        f"{name} {prices[name]} is outside {low} to {high}"
        for name in ("open", "close")
        if not low <= prices[name] <= high
    ]
    if volume <= 0:
        flaws.append(f"volume {volume} is not positive")
    return tuple(flaws)


def derive_actions(rows: Sequence[DailyRow]) -> list[Action]:
    """Return the splits and dividends that the adjusted closes of one symbol's rows imply."""
    actions = []
    for before, after in pairwise(rows):
        q = _ratio(after) / _ratio(before)
        if abs(q - 1.0) > _NO_CHANGE:
            actions.append(_classify(after, q, _looks_split(before, after, q)))
    return actions


def _ratio(row: DailyRow) -> float:
    return row.adjusted_close / row.close


def _looks_split(before: DailyRow, after: DailyRow, q: float) -> Fraction | None:
    """Return the split ratio if `q` is a simple fraction that the open confirms."""
    ratio = Fraction(q).limit_denominator(_LARGEST_SPLIT_TERM)
    is_simple = ratio > 0 and abs(q / ratio - 1.0) <= _SPLIT_TOLERANCE
    is_large = ratio >= _SMALLEST_SPLIT or (ratio > 0 and 1 / ratio >= _SMALLEST_SPLIT)
    if not (is_simple and is_large):
        return None
    # A split moves the traded price by its ratio overnight; a huge dividend has no such ratio.
    moved = before.close / after.open
    return ratio if abs(math.log(moved / q)) < abs(math.log(moved)) else None


def _classify(row: DailyRow, q: float, split: Fraction | None) -> Action:
    if split is not None:
        return Action(row.symbol, row.session, "split", float(split), None, float(1 / split))
    amount = round((q - 1.0) * row.close, 6)
    return Action(row.symbol, row.session, "dividend", None, amount, 1.0 / q)
