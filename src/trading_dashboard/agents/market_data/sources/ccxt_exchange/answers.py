"""What ccxt makes of an exchange's answers, translated: rows, tickers, trades, markets.

Owns the reading of its unified structures. No row is repaired, sorted or left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from trading_dashboard.agents.market_data.records import Ticks
from trading_dashboard.agents.market_data.sources.contract import AssetClass, Instrument, Quote
from trading_dashboard.agents.market_data.sources.readings import (
    UNREADABLE,
    Row,
    epoch_seconds,
    number,
    optional,
)


def rows_in(told: Sequence[object]) -> list[Row]:
    """Return rows of [milliseconds, open, high, low, close, volume] as they are."""
    return [_row(one) for one in told]


def quotes_in(
    tickers: Mapping[str, Any], source: str, symbols: Sequence[str], received: int
) -> Iterator[Quote]:
    """Yield the quotes of those asked for; a ticker without a time was made when it arrived."""
    for symbol in symbols:
        told = tickers.get(symbol)
        if not isinstance(told, Mapping):
            continue
        at = told.get("timestamp")
        yield Quote(
            source=source,
            symbol=symbol,
            price=number(told.get("last")),
            at=received if at is None else milliseconds(at),
            received=received,
            volume=optional(told.get("baseVolume")),
            bid=optional(told.get("bid")),
            ask=optional(told.get("ask")),
            previous_close=optional(told.get("previousClose")),
            day_open=optional(told.get("open")),
            day_high=optional(told.get("high")),
            day_low=optional(told.get("low")),
            currency=symbol.partition("/")[2].partition(":")[2] or symbol.partition("/")[2],
        )


def trades_in(
    told: Sequence[Mapping[str, Any]],
    source: str,
    received: int,
    moment_of: Callable[[Mapping[str, Any]], int],
) -> Ticks:
    """Return trades as ticks, in the order they came; `moment_of` says when one was made."""
    names = tuple(dict.fromkeys(str(trade.get("symbol")) for trade in told))
    places = {name: place for place, name in enumerate(names)}
    return Ticks(
        source=source,
        symbols=names,
        symbol=np.array([places[str(trade.get("symbol"))] for trade in told], dtype=np.int32),
        at=np.array([moment_of(trade) for trade in told], dtype=np.int64),
        price=np.array([number(trade.get("price")) for trade in told], dtype=np.float64),
        size=np.array([number(trade.get("amount")) for trade in told], dtype=np.float64),
        received=np.full(len(told), received, dtype=np.int64),
    )


def instrument_of(market: Mapping[str, Any], exchange: str) -> Instrument:
    """Return what a market is. Exchanges of coins never close, for states' money neither."""
    settle = market.get("settle")
    return Instrument(
        symbol=str(market["symbol"]),
        name=f"{market.get('base')} in {market.get('quote')}",
        asset_class=AssetClass.FUTURE if market.get("contract") else AssetClass.CRYPTO,
        exchange=exchange,
        calendar="24/7",
        time_zone="UTC",
        currency=str(settle if market.get("contract") and settle else market.get("quote")),
    )


def milliseconds(value: object) -> int:
    """Return the microsecond of a Unix time in milliseconds, `UNREADABLE` if it is none."""
    return epoch_seconds(number(value) / 1000)


def _row(told: object) -> Row:
    if not isinstance(told, (list, tuple)) or len(told) < 6:
        return Row(UNREADABLE, math.nan, math.nan, math.nan, math.nan, math.nan)
    return Row(milliseconds(told[0]), *(number(value) for value in told[1:6]))
