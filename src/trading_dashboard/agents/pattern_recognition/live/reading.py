"""Series that are not followed, read when they are asked for.

Owns what is remembered of them, for a moment: the same question asked twice is one reading.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.live.found import Body, Key
from trading_dashboard.agents.pattern_recognition.live.label import Basis, Label
from trading_dashboard.agents.pattern_recognition.live.market import History, Market
from trading_dashboard.agents.pattern_recognition.live.tracker import Tracker
from trading_dashboard.agents.pattern_recognition.live.worths import Worths
from trading_dashboard.models.market import Interval
from trading_dashboard.models.pattern_settings import PatternSettings

KEPT_SECONDS = 1.0
MAX_KEPT = 32
MAX_LOOKED = 8
MAX_WORTH_BARS = 5_000
"""Of longer series than this the worth is not measured for one question."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One series looked at for a question."""

    tracker: Tracker
    worths: Worths | None

    def worth_of(self, bodies: Sequence[Body]) -> list[list[Body]]:
        """Return the worth of its detections; none where it was not measured."""
        return [[] for _ in bodies] if self.worths is None else self.worths.of(bodies)


class Reader:
    """Reads and looks at series for questions."""

    def __init__(
        self,
        market: Market,
        computed: Callable[[Callable[[], Any]], Awaitable[Any]],
        settings: PatternSettings,
    ) -> None:
        self._market = market
        self._computed = computed
        self._settings = settings
        self._readings: OrderedDict[tuple[Key, int], tuple[float, asyncio.Task[History]]] = (
            OrderedDict()
        )
        self._looked: OrderedDict[tuple[Key, Label, int, int], Looked] = OrderedDict()

    async def history(self, symbol: str, timeframe: Interval, limit: int) -> History:
        """Return the newest closed bars.

        Raises:
            UnknownSymbol, DataUnavailable.
        """
        key = ((symbol, timeframe), limit)
        now = time.monotonic()
        kept = self._readings.get(key)
        if kept is None or now - kept[0] > KEPT_SECONDS:
            reading = asyncio.create_task(self._market.history(symbol, timeframe, limit=limit))
            kept = self._readings[key] = (now, reading)
            self._readings.move_to_end(key)
            while len(self._readings) > MAX_KEPT:
                self._readings.popitem(last=False)
        try:
            return await asyncio.shield(kept[1])
        except BaseException:
            if kept[1].done() and self._readings.get(key) is kept:
                del self._readings[key]
            raise

    async def looked(self, symbol: str, timeframe: Interval) -> Looked:
        """Return a series of the usual length with all that is in it.

        Raises:
            UnknownSymbol, DataUnavailable.
        """
        found = await self.history(symbol, timeframe, self._settings.history_bars)
        bars, label = found.bars, found.label
        last = int(bars.time[-1]) if len(bars) else 0
        known = ((symbol, str(timeframe)), label, len(bars), last)
        if known not in self._looked:
            looked = await self._computed(lambda: self.look(known[0], bars, label))
            self._looked[known] = looked
            while len(self._looked) > MAX_LOOKED:
                self._looked.popitem(last=False)
        return self._looked[known]

    def look(self, key: Key, bars: Bars, label: Label) -> Looked:
        """Look at bars that are given. Takes a moment; not for the event loop."""
        tracker = Tracker(key, bars, Basis(label), self._settings.shapes)
        tracker.look()
        tracker.look_for_candles()
        worths = None
        if len(bars) <= MAX_WORTH_BARS:
            worths = Worths(self._settings.worth)
            worths.begin(key[1], [tracker])
        return Looked(tracker, worths)
