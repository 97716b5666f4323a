"""When trades were made, told apart where an exchange's clock is too coarse to do so.

Owns one thing: two trades with numbers of their own that agree in millisecond, price and size are
two, and not one that came twice. The later one is a microsecond on, and so is what follows in that
millisecond: the order stays. A trade that comes again by its number is made when it was made.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from trading_dashboard.agents.market_data.sources.ccxt_exchange.answers import milliseconds

MAX_NUMBERS = 1_000
"""Trades of a symbol whose moment is remembered: exchanges tell the newest ones again."""
_MAX_STEPS = 999


class _Symbol:
    """One symbol's newest millisecond."""

    def __init__(self) -> None:
        self.known: OrderedDict[str, int] = OrderedDict()
        self.at = 0
        self.steps = 0
        self.seen: set[tuple[Any, Any]] = set()


class TradeMoments:
    """TradeMoments of the trades of one stream, in the order they come."""

    def __init__(self) -> None:
        self._symbols: dict[str, _Symbol] = {}

    def of(self, trade: Mapping[str, Any]) -> int:
        """Return the microsecond of a trade, `UNREADABLE` if it has none."""
        at = milliseconds(trade.get("timestamp"))
        number = trade.get("id")
        if at <= 0 or number is None:
            return at
        symbol = self._symbols.setdefault(str(trade.get("symbol")), _Symbol())
        known = symbol.known.get(str(number))
        if known is not None:
            return known
        moment = self._next(symbol, at, (trade.get("price"), trade.get("amount")))
        symbol.known[str(number)] = moment
        if len(symbol.known) > MAX_NUMBERS:
            symbol.known.popitem(last=False)
        return moment

    @staticmethod
    def _next(symbol: _Symbol, at: int, what: tuple[Any, Any]) -> int:
        # Not only a later one: a time that lies in the future must not end this for good.
        if at != symbol.at:
            symbol.at, symbol.steps, symbol.seen = at, 0, set()
        elif what in symbol.seen and symbol.steps < _MAX_STEPS:
            symbol.steps, symbol.seen = symbol.steps + 1, set()
        symbol.seen.add(what)
        return at + symbol.steps
