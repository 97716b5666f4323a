"""The newest price of each symbol by each source, as the checked stream and quotes told it.

Owns what is newest. Bounded: the price that was renewed longest ago makes room.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np

from trading_dashboard.agents.market_data.records import Ticks
from trading_dashboard.agents.market_data.sources.contract import Quote

MAX_PRICES = 10_000


@dataclass(frozen=True, slots=True)
class Newest:
    """A price that was believed; `seq` grows with each that is taken over."""

    quote: Quote
    seq: int
    is_cached: bool = False


class PriceBook:
    """Newest prices by source and symbol."""

    def __init__(self, max_prices: int = MAX_PRICES) -> None:
        self._newest: OrderedDict[tuple[str, str], Newest] = OrderedDict()
        self._max_prices = max_prices
        self._seq = 0

    def newest(self, source: str, symbol: str) -> Newest | None:
        """Return the newest price, None if there is none."""
        return self._newest.get((source, symbol))

    def take_quote(self, quote: Quote, *, is_cached: bool = False) -> Newest:
        """Take a quote over unless a newer price is known; return the newest."""
        key = (quote.source, quote.symbol)
        known = self._newest.get(key)
        if known is not None and known.quote.at > quote.at:
            return known
        return self._put(key, quote, is_cached=is_cached)

    def take_ticks(self, ticks: Ticks) -> None:
        """Take the newest tick of each symbol over; a late one changes nothing."""
        for last in _newest(ticks):
            symbol = ticks.symbols[int(ticks.symbol[last])]
            key = (ticks.source, symbol)
            known = self._newest.get(key)
            at, price = int(ticks.at[last]), float(ticks.price[last])
            if known is not None and known.quote.at > at:
                continue
            received = int(ticks.received[last])
            if known is None:
                quote = Quote(
                    source=ticks.source, symbol=symbol, price=price, at=at, received=received
                )
            else:
                # What came with an older quote (bid, ask) does not belong to this price.
                quote = replace(
                    known.quote, price=price, at=at, received=received, bid=None, ask=None
                )
            self._put(key, quote)

    def _put(self, key: tuple[str, str], quote: Quote, *, is_cached: bool = False) -> Newest:
        self._seq += 1
        newest = Newest(quote, self._seq, is_cached)
        self._newest[key] = newest
        self._newest.move_to_end(key)
        while len(self._newest) > self._max_prices:
            self._newest.popitem(last=False)
        return newest


def _newest(ticks: Ticks) -> list[int]:
    """Return the newest tick of each symbol; of equally new ones the last to arrive."""
    order = np.lexsort((ticks.at, ticks.symbol))  # keeps the order of arrival among equals
    symbol = ticks.symbol[order]
    found: list[int] = order[np.append(symbol[1:] != symbol[:-1], len(symbol) > 0)].tolist()
    return found
