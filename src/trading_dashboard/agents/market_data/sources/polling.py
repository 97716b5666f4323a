"""Live prices of a provider that does not push them: its quotes, asked for again and again.

Owns the loop and what is new in it. Failures pass through.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import numpy as np

from trading_dashboard.agents.market_data.records import Ticks
from trading_dashboard.agents.market_data.sources.contract import Quote

Ask = Callable[[Sequence[str]], Awaitable[Sequence[Quote]]]


async def polled(
    source: str, ask: Ask, symbols: frozenset[str], seconds: float
) -> AsyncIterator[Ticks]:
    """Yield what is new of the quotes, asked for every so many seconds; 0 is their size."""
    last: dict[str, tuple[int, str]] = {}
    wanted = sorted(symbols)
    while True:
        quotes = await ask(wanted)
        news = [quote for quote in quotes if last.get(quote.symbol) != _told(quote)]
        last.update((quote.symbol, _told(quote)) for quote in news)
        if news:
            yield indications(source, news)
        await asyncio.sleep(seconds)


def indications(source: str, quotes: Sequence[Quote]) -> Ticks:
    """Return quotes as ticks of size 0: prices told, not trades."""
    count = len(quotes)
    return Ticks(
        source=source,
        symbols=tuple(quote.symbol for quote in quotes),
        symbol=np.arange(count, dtype=np.int32),
        at=np.array([quote.at for quote in quotes], dtype=np.int64),
        price=np.array([quote.price for quote in quotes], dtype=np.float64),
        size=np.zeros(count, dtype=np.float64),
        received=np.array([quote.received for quote in quotes], dtype=np.int64),
    )


def _told(quote: Quote) -> tuple[int, str]:
    return quote.at, repr(quote.price)  # NaN is not equal to itself
