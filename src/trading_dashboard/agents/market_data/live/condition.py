"""How the sources and the newest prices are, looked at once a second so that `/health` need not.

Owns what is looked at and what is remembered of it. With thousands of followed symbols a look takes
milliseconds: it is made in pieces, between which others have their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from trading_dashboard.agents.market_data.choosing.states import SourceState
from trading_dashboard.agents.market_data.live.book import PriceBook
from trading_dashboard.agents.market_data.live.clock import iso
from trading_dashboard.agents.market_data.live.hours import Hours
from trading_dashboard.agents.market_data.records import MICROSECONDS

STALE_SECONDS = 60.0
"""A followed symbol whose market is open and whose newest price is older is stale."""
_PIECE = 250
"""Symbols looked at in one go."""


class SourcesSeen(Protocol):
    """Who knows how the sources are."""

    def states(self) -> Sequence[SourceState]:
        """Return how each source is."""

    def serving(self, symbol: str) -> str | None:
        """Return the source a symbol is served from now."""


@dataclass(slots=True)
class OpenPrices:
    """What a look found of the followed symbols whose market is open; times in microseconds."""

    oldest: int | None = None
    newest: int | None = None
    source: str | None = None
    """Of the newest; of the one without a price, if there is one."""
    lacks_one: bool = False


class Condition:
    """The newest look. `look` is called now and then, the rest answers from memory."""

    def __init__(
        self, followed: Sequence[str], hours: Hours, desk: SourcesSeen, book: PriceBook
    ) -> None:
        self.states: Sequence[SourceState] = ()
        self._followed = followed
        self._hours = hours
        self._desk = desk
        self._book = book
        self._prices = OpenPrices(lacks_one=bool(followed))

    async def look(self) -> None:
        """Look at all sources and followed symbols."""
        self.states = self._desk.states()
        found = OpenPrices()
        for at in range(0, len(self._followed), _PIECE):
            if not self._add(self._followed[at : at + _PIECE], found):
                break
            await asyncio.sleep(0)
        self._prices = found

    def broken(self) -> list[SourceState]:
        """Return the sources that do not answer, refuse or lack something."""
        return [each for each in self.states if each.state in ("down", "refused", "missing")]

    def freshness(self, now: int, market: str) -> dict[str, Any]:
        """Return how old the newest prices of the open markets are: the oldest one counts."""
        found = self._prices
        data: dict[str, Any] = {"state": "idle", "market": market}
        if found.lacks_one:
            return {**data, "state": "unknown", "source": found.source}
        if found.oldest is not None and found.newest is not None:
            age = max(now - found.oldest, 0) / MICROSECONDS
            data["source"] = found.source
            data["age_seconds"] = round(age, 3)
            data["state"] = "stale" if age > STALE_SECONDS else "fresh"
            data["newest_at"] = iso(found.newest)
        return data

    def _add(self, symbols: Sequence[str], found: OpenPrices) -> bool:
        """Add the prices of some symbols; False if there is one without a price."""
        for symbol in self._hours.open_among(symbols):
            source = self._desk.serving(symbol)
            known = self._book.newest(source, symbol) if source else None
            if known is None:
                found.lacks_one, found.source = True, source
                return False
            at = known.quote.at
            found.oldest = at if found.oldest is None else min(found.oldest, at)
            if found.newest is None or at > found.newest:
                found.newest, found.source = at, source
        return True
