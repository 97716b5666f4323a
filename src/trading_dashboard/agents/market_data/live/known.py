"""What is known of a live source when a recording of it begins: the newest bars, the actions.

Owns how much of the past a recording begins with. What is in the archive was believed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator

from trading_dashboard.agents.market_data.live.finishing import bars_of
from trading_dashboard.agents.market_data.live.ports import InThread
from trading_dashboard.agents.market_data.recording.heard import Actions, Batch, Past
from trading_dashboard.agents.market_data.sources.contract import Instrument
from trading_dashboard.agents.market_data.store.contract import Archive

PAST_BARS = {
    "1d": 1500, "1w": 300, "1M": 120, "1m": 500, "1h": 500, "5m": 500, "15m": 500, "30m": 500,
    "4h": 500,
}  # fmt: skip
"""Bars of a symbol by interval, the most needed first."""
MAX_PAST_ROWS = 500_000
"""Of all symbols: each interval is told of all of them before the next."""


class LiveKnown:
    """Implements `Known` over the archive."""

    def __init__(
        self,
        archive: Archive,
        instrument_of: Callable[[str], Instrument | None],
        in_thread: InThread,
    ) -> None:
        """Take where bars are kept, and who knows symbols."""
        self._archive = archive
        self._instrument_of = instrument_of
        self._in_thread = in_thread
        self.flush: Callable[[], Awaitable[object]]
        """Set once: returns when all that came is in the archive."""

    def instrument(self, symbol: str) -> Instrument | None:
        """Return what a symbol is, None if that is not known yet."""
        return self._instrument_of(symbol)

    async def before(self, source: str, symbols: tuple[str, ...]) -> Iterable[Batch]:
        """Return the newest closed bars and the actions that are kept."""
        await self.flush()
        return await self._in_thread(lambda: list(self._kept(source, symbols)))

    def _kept(self, source: str, symbols: tuple[str, ...]) -> Iterator[Batch]:
        kept = {
            (series.symbol, series.interval)
            for series in self._archive.series()
            if series.source == source and (not symbols or series.symbol in symbols)
        }
        for symbol in sorted({symbol for symbol, _ in kept}):
            if events := self._archive.actions(source, symbol):
                yield Actions(source, tuple(events))
        rows = 0
        for interval, limit in PAST_BARS.items():
            for symbol in sorted(symbol for symbol, has in kept if has == interval):
                table = self._archive.bars(source, symbol, interval, limit=limit + 1, newest=True)
                bars = bars_of(table, source, symbol, interval)
                bars = bars.take(bars.closed)
                rows += len(bars)
                if rows > MAX_PAST_ROWS:
                    return
                if len(bars):
                    yield Past(bars)
