"""What was heard of symbols, prices, actions and outages up to the player's clock.

Owns what is known now, and nothing of what comes later: it is built anew when the clock is set.
Answers the questions that `live.desk` asks of sources, newest prices and records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from trading_dashboard.agents.market_data.choosing.answers import SearchFound
from trading_dashboard.agents.market_data.live.book import Newest, PriceBook
from trading_dashboard.agents.market_data.live.ranges import DAY
from trading_dashboard.agents.market_data.recording.clock import PlayerClock
from trading_dashboard.agents.market_data.recording.files import Head
from trading_dashboard.agents.market_data.recording.heard import (
    About,
    Actions,
    Batch,
    Past,
    Silence,
)
from trading_dashboard.agents.market_data.records import Bars, CorporateEvent, Integers, Ticks
from trading_dashboard.agents.market_data.search import SymbolIndex
from trading_dashboard.agents.market_data.sessions import ALWAYS_OPEN
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    Instrument,
    SourceFailure,
    SourceUnreachable,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.store.contract import Gap, Rejected, SeriesInfo

SCORED_INTERVAL = "1m"


@dataclass(slots=True)
class _Day:
    """The day that forms, and the close before it."""

    start: int = 0
    open: float | None = None
    high: float | None = None
    low: float | None = None
    volume: float | None = None
    closed_start: int = 0
    close: float | None = None


class Knowledge:
    """Implements `SymbolsKnown`, `Prices` and `KeptRecords` by what was heard."""

    def __init__(self, source: str, head: Head, clock: PlayerClock) -> None:
        """Know nothing of a recording yet; `source` is what its data is labelled with."""
        self.source = source
        self._head = head
        self._clock = clock
        self._book = PriceBook()
        self._instruments: dict[str, Instrument] = {}
        self._days: dict[str, _Day] = {}
        self._actions: dict[str, dict[tuple[int, bool], CorporateEvent]] = {}
        self._silences: list[tuple[Silence, int]] = []
        self._gaps: list[Gap] = []
        self._scored: dict[str, set[int]] = {}

    def forget(self) -> None:
        """Know nothing: the clock was set."""
        self._book = PriceBook()
        self._silences.clear()
        self._gaps.clear()
        for known in (self._instruments, self._days, self._actions, self._scored):
            known.clear()

    # What is heard

    def take(self, batch: Batch, at: int) -> None:
        """Take what was heard at a time."""
        if isinstance(batch, Ticks):
            for symbol in batch.symbols:
                self._introduce(symbol)
            self._book.take_ticks(batch)
        elif isinstance(batch, Bars | Past):
            bars = batch.bars if isinstance(batch, Past) else batch
            self._introduce(bars.symbol)
            if bars.interval == "1d" and len(bars):
                self._take_day(bars)
            elif bars.interval == SCORED_INTERVAL and bars is batch:
                heard = bars.start[bars.closed].tolist()
                self._scored.setdefault(bars.symbol, set()).update(heard)
        elif isinstance(batch, About):
            self._instruments[batch.instrument.symbol] = batch.instrument
        elif isinstance(batch, Actions):
            for event in batch.events:
                kept = self._actions.setdefault(event.symbol, {})
                kept[event.ex_day, event.ratio is not None] = event
        elif batch.has_begun:
            self._silences.append((batch, at))
        else:
            self._gaps += [self._gap(began, start, at) for began, start in self._silences]
            self._silences.clear()

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Return the symbols heard of, by name."""
        return self._instruments

    def scored(self, symbol: str) -> Integers:
        """Return int64[n], when the closed bars of `SCORED_INTERVAL` that were heard open."""
        return np.array(sorted(self._scored.get(symbol, ())), dtype=np.int64)

    def details(self, symbol: str) -> dict[str, object]:
        """Return what a streamed price says beside what ticks tell."""
        known = self._instruments.get(symbol)
        return {
            "previous_close": self._previous_close(symbol),
            "currency": known.currency if known else "USD",
        }

    # SymbolsKnown

    def serving(self, symbol: str) -> str | None:
        """Return the one source there is, if it has the symbol."""
        return self.source if symbol in self._instruments else None

    def resolve(self, symbol: str) -> str | None:
        """Return a symbol as it is written, None if it is not known."""
        name = symbol.strip()
        if name in self._instruments:
            return name
        return next((known for known in self._instruments if known.upper() == name.upper()), None)

    async def instrument(self, symbol: str) -> Instrument:
        """Return what a symbol is. Raises `UnknownToSource`."""
        name = self.resolve(symbol)
        if name is None:
            raise UnknownToSource(f"{self.source} has heard nothing of {symbol[:32]!r} yet.")
        return self._instruments[name]

    async def find(self, text: str, limit: int) -> SearchFound:
        """Return what fits a text."""
        known = list(self._instruments.values())
        index = SymbolIndex([(item.symbol, item.name) for item in known])
        return SearchFound(instruments=[known[at] for at in index.search(text)[:limit]])

    # Prices

    async def prices(self, symbols: Sequence[str]) -> Mapping[str, Newest | SourceFailure]:
        """Return the newest price of each symbol."""
        return {symbol: self._price(symbol) for symbol in symbols}

    # KeptRecords

    def series(self, symbol: str | None = None) -> Sequence[SeriesInfo]:  # noqa: ARG002
        """Return nothing: a recording is kept as it was heard, not by series."""
        return ()

    def actions(self, _source: str, symbol: str) -> Sequence[CorporateEvent]:
        """Return splits and dividends, oldest first."""
        return sorted(self._actions.get(symbol, {}).values(), key=lambda event: event.ex_day)

    def rejected(
        self,
        symbol: str | None = None,  # noqa: ARG002
        source: str | None = None,  # noqa: ARG002
        *,
        limit: int = 100,  # noqa: ARG002
    ) -> Sequence[Rejected]:
        """Return nothing: what is recorded was believed."""
        return ()

    def gaps(self, symbol: str | None = None, *, limit: int = 1000) -> Sequence[Gap]:
        """Return the outages heard of, newest first; the one that lasts ends now."""
        now = self._clock.now()
        going = [self._gap(began, start, now) for began, start in self._silences]
        found = [
            replace(gap, symbol=name)
            for gap in [*self._gaps, *going]
            for name in gap.symbol.split(",")
            if symbol in (None, name)
        ]
        return sorted(found, key=lambda gap: gap.start, reverse=True)[:limit]

    # Private

    def _introduce(self, symbol: str) -> None:
        """Know a symbol that was not introduced, as in recordings made before they were."""
        if symbol in self._instruments:
            return
        is_crypto = self._head.calendar == ALWAYS_OPEN
        self._instruments[symbol] = Instrument(
            symbol=symbol,
            name=symbol,
            asset_class=AssetClass.CRYPTO if is_crypto else AssetClass.EQUITY,
            exchange=self._head.source,
            calendar=self._head.calendar,
            time_zone=self._head.time_zone,
            currency="USD",
        )

    def _take_day(self, bars: Bars) -> None:
        day = self._days.setdefault(bars.symbol, _Day())
        last = len(bars) - 1
        start = int(bars.start[last])
        if bars.closed[last]:
            if start >= day.closed_start:
                day.closed_start, day.close = start, float(bars.close[last])
            return
        day.start = start
        day.open, day.high = float(bars.open[last]), float(bars.high[last])
        day.low, day.volume = float(bars.low[last]), float(bars.volume[last])

    def _previous_close(self, symbol: str) -> float | None:
        """Return the close before today's, as of today's shares."""
        day = self._days.get(symbol)
        if day is None or day.close is None:
            return None
        close, today = day.close, self._clock.now() // DAY
        for event in self._actions.get(symbol, {}).values():
            if event.ex_day == today > day.closed_start // DAY:
                close = close / event.ratio if event.ratio else close - (event.amount or 0.0)
        return round(close, 6)

    def _price(self, symbol: str) -> Newest | SourceFailure:
        newest = self._book.newest(self.source, symbol)
        if newest is None:
            return SourceUnreachable(f"{self.source} has told no price of {symbol} yet")
        quote = replace(
            newest.quote,
            previous_close=self._previous_close(symbol),
            currency=self._instruments[symbol].currency,
        )
        day = self._days.get(symbol)
        if day is not None and day.start > day.closed_start:
            quote = replace(
                quote, day_open=day.open, day_high=day.high, day_low=day.low, volume=day.volume
            )
        return replace(newest, quote=quote)

    def _gap(self, began: Silence, start: int, end: int) -> Gap:
        return Gap(
            source=self.source,
            symbol=",".join(began.symbols or self._instruments),
            interval="",
            start=start,
            end=end,
            cause=began.cause,
            detail=began.detail,
            found_at=start,
        )
