"""Recognising columns by their headings, as exports of brokers and providers name them.

Owns the names. Adjusted closes are passed over: what is served is unadjusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

Kind = Literal["bars", "trades"]

_MOMENT = (
    "timestamp", "datetime", "dateandtime", "opentime", "starttime", "start", "gmttime", "ts", "t",
)  # fmt: skip
_DATE = ("date", "day", "tradingday", "tradedate", "dtyyyymmdd")
_TIME = ("time", "timeofday")
_SYMBOL = ("symbol", "ticker", "sym", "instrument")
_BARS: Mapping[str, Sequence[str]] = {
    "open": ("open", "openprice", "o", "first"),
    "high": ("high", "highprice", "h", "max"),
    "low": ("low", "lowprice", "l", "min"),
    "close": ("close", "closeprice", "closingprice", "c", "last"),
    "volume": ("volume", "vol", "v", "tickvol", "tradedvolume"),
}
_TRADES: Mapping[str, Sequence[str]] = {
    "price": ("price", "tradeprice", "last", "lastprice", "p"),
    "size": ("size", "quantity", "qty", "volume", "vol", "amount", "tradesize"),
}


class Headings(NamedTuple):
    """Which column holds what.

    Attributes:
        kind: What a row is.
        time: Index of the column with the time, or of those with the date and the time of day.
        symbol: None if the whole file is of one symbol.
        values: Indices by `records` name; a column that may be missing is not in it.
    """

    kind: Kind
    time: tuple[int, ...]
    symbol: int | None
    values: Mapping[str, int]

    @property
    def used(self) -> list[int]:
        """Return every index that is read."""
        return sorted({*self.time, *self.values.values(), *self._symbols})

    @property
    def _symbols(self) -> tuple[int, ...]:
        return () if self.symbol is None else (self.symbol,)


class Unrecognised(ValueError):
    """The headings do not say enough; the text says what is missing."""


def recognise(names: Sequence[str]) -> Headings:
    """Return what the columns of these names hold. Raises `Unrecognised`."""
    plain: dict[str, int] = {}
    for index, name in enumerate(names):
        plain.setdefault("".join(letter for letter in name.casefold() if letter.isalnum()), index)
    time = _time_in(plain)
    if not time:
        raise Unrecognised("no column holds the time, such as 'timestamp' or 'date'")
    symbol = _first(plain, _SYMBOL)
    bars = _found(plain, _BARS)
    missing = [name for name in ("open", "high", "low", "close") if name not in bars]
    if not missing:
        return Headings("bars", time, symbol, bars)
    trades = _found(plain, _TRADES)
    if "price" in trades and "open" not in bars:
        return Headings("trades", time, symbol, trades)
    raise Unrecognised(f"no column holds {', '.join(missing)}")


def _time_in(plain: Mapping[str, int]) -> tuple[int, ...]:
    moment, date, time = (_first(plain, names) for names in (_MOMENT, _DATE, _TIME))
    if moment is not None:
        return (moment,)
    return tuple(index for index in (date, time) if index is not None)


def _found(plain: Mapping[str, int], roles: Mapping[str, Sequence[str]]) -> dict[str, int]:
    found = {role: _first(plain, names) for role, names in roles.items()}
    return {role: index for role, index in found.items() if index is not None}


def _first(plain: Mapping[str, int], names: Sequence[str]) -> int | None:
    return next((plain[name] for name in names if name in plain), None)
