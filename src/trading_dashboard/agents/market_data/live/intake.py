"""Quotes on their way in: the newest price of the stream, or else asked for, always checked.

Owns when a streamed price is new enough to spare the question. A quote passes the same gate as a
tick does; one that is not believed is quarantined, and the price before it stays, with its age.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from trading_dashboard.agents.market_data.live.book import Newest, PriceBook
from trading_dashboard.agents.market_data.live.clock import LiveClock
from trading_dashboard.agents.market_data.live.ports import (
    InThread,
    Reply,
    SourcesDesk,
    TickSorter,
)
from trading_dashboard.agents.market_data.records import MICROSECONDS, Ticks
from trading_dashboard.agents.market_data.sources.contract import (
    Quote,
    SourceFailure,
    SourceGarbled,
)
from trading_dashboard.agents.market_data.store.contract import Archive, Rejected, Writing

FRESH_SECONDS = 2.0
"""A streamed price no older than this answers a question by itself."""


class Intake:
    """Returns newest prices, asking the sources where the stream has none."""

    def __init__(
        self,
        desk: SourcesDesk,
        book: PriceBook,
        gate: TickSorter,
        archive: Archive,
        clock: LiveClock,
        in_thread: InThread,
    ) -> None:
        self._desk = desk
        self._book = book
        self._gate = gate
        self._archive = archive
        self._clock = clock
        self._in_thread = in_thread

    async def prices(self, symbols: Sequence[str]) -> Mapping[str, Newest | SourceFailure]:
        """Return the newest price of each symbol, or why there is none."""
        found: dict[str, Newest | SourceFailure] = {}
        asked = []
        for symbol in symbols:
            known = self._known(symbol)
            if known is not None and self._is_fresh(known):
                found[symbol] = known
            else:
                asked.append(symbol)
        if asked:
            answers = await self._desk.quotes(asked)
            for symbol in asked:
                found[symbol] = await self._taken(symbol, answers.get(symbol))
        return found

    def _known(self, symbol: str) -> Newest | None:
        """Return the newest price of the source that serves a symbol now."""
        source = self._desk.serving(symbol)
        return None if source is None else self._book.newest(source, symbol)

    def _is_fresh(self, known: Newest) -> bool:
        return self._clock.micros() - known.quote.received <= FRESH_SECONDS * MICROSECONDS

    async def _taken(
        self, symbol: str, answer: Reply[Quote] | SourceFailure | None
    ) -> Newest | SourceFailure:
        if answer is None:
            return SourceGarbled(f"{symbol} was left out of the answer")
        if isinstance(answer, SourceFailure):
            # The last price that was believed is still the newest there is; its age is said.
            known = self._known(symbol)
            return answer if known is None else known
        if answer.is_cached:
            known = self._book.newest(answer.source, symbol)
            return known or self._book.take_quote(answer.value, is_cached=True)
        good, bad = self._gate.sort_out(_as_tick(answer.value))
        if bad:
            await self._quarantine(bad)
        if len(good):
            return self._book.take_quote(answer.value)
        known = self._book.newest(answer.source, symbol)
        if known is None:
            reason = bad[0].detail if bad else "it cannot be believed"
            return SourceGarbled(f"{answer.source}'s price of {symbol} is quarantined: {reason}")
        return known

    async def _quarantine(self, rows: Sequence[Rejected]) -> None:
        await self._in_thread(lambda: self._archive.write(Writing(rejected=rows)))


def _as_tick(quote: Quote) -> Ticks:
    return Ticks(
        source=quote.source,
        symbols=(quote.symbol,),
        symbol=np.zeros(1, dtype=np.int32),
        at=np.array([quote.at], dtype=np.int64),
        price=np.array([quote.price], dtype=np.float64),
        size=np.zeros(1, dtype=np.float64),
        received=np.array([quote.received], dtype=np.int64),
    )
