"""The replay as something that can be recorded: its ticks and bars as a source would give them.

Owns how far the replay has been heard. Asked now and then, it hands over what happened since; when
the replay's clock was set, what lies between is not heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import numpy as np

from trading_dashboard.agents.market_data.demo import bars as barlib
from trading_dashboard.agents.market_data.demo.clock import ReplayClock
from trading_dashboard.agents.market_data.demo.dataset import SOURCE
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.timeline import Segment
from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars, Ticks

TAP_SECONDS = 0.25
MAX_HEARD_SECONDS = 3600
"""Market seconds handed over at once; what is beyond counts as a jump."""
BAR_INTERVAL = "1m"

Batch = Ticks | Bars


class DemoTap:
    """Hands what happens in the replay over as batches."""

    def __init__(
        self, market: DemoMarket, clock: ReplayClock, is_wanted: Callable[[], bool]
    ) -> None:
        """Make a tap; nothing is made of the replay while `is_wanted` says no."""
        self._market = market
        self._clock = clock
        self._is_wanted = is_wanted
        self._heard: float | None = None

    def now(self) -> int:
        """Return market time in microseconds since 1970 UTC."""
        return int(self._clock.instant().now * MICROSECONDS)

    async def run(self, hear: Callable[[Batch], None]) -> None:
        """Hand over all that happens while it is wanted, for ever."""
        while True:
            for batch in self.batches():
                hear(batch)
            await asyncio.sleep(TAP_SECONDS)

    def batches(self) -> Iterator[Batch]:
        """Yield what happened since this was asked last, oldest first."""
        position = self._clock.position()
        if not self._is_wanted():
            self._heard = None
            return
        start, self._heard = self._heard, position
        if start is None or not start <= position <= start + MAX_HEARD_SECONDS:
            return
        for segment in self._market.timeline.segments(start, position):
            for symbol in self._market.series:
                yield from self._symbol(symbol, segment)

    def _symbol(self, symbol: str, segment: Segment) -> Iterator[Batch]:
        row = self._market.series[symbol].row_of(segment.session)
        if row is None:
            return
        path = self._market.intraday.path(symbol, row)
        opened = self._market.timeline.sessions[segment.session].open_at
        first = 0 if segment.is_entered else int(segment.start) + 1
        seconds = np.arange(first, min(int(segment.end), len(path) - 1) + 1, dtype=np.int64)
        if len(seconds):
            at = (opened + seconds) * MICROSECONDS
            yield Ticks(
                source=SOURCE,
                symbols=(symbol,),
                symbol=np.zeros(len(seconds), dtype=np.int32),
                at=at,
                price=path.price[seconds],
                size=path.volume[seconds].astype(np.float64),
                received=at,
            )
        width = barlib.SECONDS[BAR_INTERVAL]
        until = int(segment.end) // width
        if segment.ends_session:
            until = -(-len(path) // width)
        rows = []
        for number in range(int(segment.start) // width, until):
            last = min((number + 1) * width, len(path)) - 1
            open_, high, low, close, volume = barlib.slice_bar(path, number * width, last)
            start = (opened + number * width) * MICROSECONDS
            rows.append((start, open_, high, low, close, float(volume)))
        if rows:
            yield Bars.of(SOURCE, symbol, BAR_INTERVAL, rows)
