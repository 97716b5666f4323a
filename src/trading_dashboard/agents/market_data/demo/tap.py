"""The replay as something that can be recorded: its ticks and bars as a source would give them.

Owns how far the replay has been heard. Asked now and then, it hands over what happened since, in
steps of market time; when the replay's clock was set, what lies between is not heard.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import numpy as np

from trading_dashboard.agents.market_data.demo import bars as barlib
from trading_dashboard.agents.market_data.demo.clock import ReplayClock
from trading_dashboard.agents.market_data.demo.dataset import CALENDAR, SOURCE, TIME_ZONE, Action
from trading_dashboard.agents.market_data.demo.long_bars import ends_group, long_bar
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.path import SessionPath
from trading_dashboard.agents.market_data.demo.series import DailySeries
from trading_dashboard.agents.market_data.demo.timeline import EPOCH, Instant, Segment
from trading_dashboard.agents.market_data.market import BarsQuestion
from trading_dashboard.agents.market_data.recording.heard import Actions, Batch, Past
from trading_dashboard.agents.market_data.records import (
    MICROSECONDS,
    Bars,
    CorporateEvent,
    Ticks,
)
from trading_dashboard.agents.market_data.sources.contract import AssetClass, Instrument
from trading_dashboard.models.market import INTERVALS

TAP_SECONDS = 0.25
STEPS = 15
"""Steps of market time, each a second or longer, in which the time between two looks is told."""
MAX_HEARD_SECONDS = 3600
"""Market seconds handed over at once; what is beyond counts as a jump."""
PAST_BARS = {"1d": 1500, "1w": 300, "1M": 120} | dict.fromkeys(
    ("1m", "5m", "15m", "30m", "1h", "4h"), 500
)
"""Bars of before that a recording begins with."""

Row = tuple[int, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Place:
    """One symbol in one session."""

    symbol: str
    row: int
    series: DailySeries
    path: SessionPath
    opened: int


class DemoTap:
    """Hands what happens in the replay over as batches, and what is known of it."""

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

    # What is known

    async def before(self, source: str, symbols: tuple[str, ...]) -> Iterable[Batch]:
        """Return the newest closed bars and the actions by now."""
        instant = self._clock.instant()
        names = [name for name in self._market.listed(instant) if not symbols or name in symbols]
        if source != SOURCE:
            return []
        return await asyncio.to_thread(lambda: list(self._before(names, instant)))

    def instrument(self, symbol: str) -> Instrument | None:
        """Return what a symbol is."""
        series = self._market.series.get(symbol)
        if series is None:
            return None
        return Instrument(
            symbol=symbol,
            name=series.listing.name,
            asset_class=AssetClass.EQUITY,
            exchange=series.listing.exchange,
            calendar=CALENDAR,
            time_zone=TIME_ZONE,
            currency="USD",
        )

    # What happens

    async def run(self, hear: Callable[[Batch, int], None]) -> None:
        """Hand over all that happens while it is wanted, for ever, with when it happened."""
        while True:
            for batch, at in self.batches():
                hear(batch, at)
            await asyncio.sleep(TAP_SECONDS)

    def batches(self) -> Iterator[tuple[Batch, int]]:
        """Yield what happened since this was asked last, oldest first."""
        position = self._clock.position()
        if not self._is_wanted():
            self._heard = None
            return
        start, self._heard = self._heard, position
        if start is None or not start <= position <= start + MAX_HEARD_SECONDS:
            return
        width = max(1, int((position - start) // STEPS))
        cuts = [start, *range(math.floor(start) + width, math.ceil(position), width), position]
        for begin, end in pairwise(cuts):
            for segment in self._market.timeline.segments(begin, end):
                yield from self._segment(segment, is_newest=end == position)

    # Private

    def _before(self, names: list[str], instant: Instant) -> Iterator[Batch]:
        for name in names:
            series = self._market.series[name]
            if events := [_event(name, action.action) for action in series.effective(instant)]:
                yield Actions(SOURCE, tuple(events))
            for interval, limit in PAST_BARS.items():
                question = BarsQuestion(symbol=name, interval=interval, limit=limit)
                found = self._market.history.answer(question, series, instant).columns()
                columns = [found[key].tolist() for key in _COLUMNS]
                bars = Bars.of(SOURCE, name, interval, list(zip(*columns, strict=True)))
                if len(bars):
                    yield Past(bars)

    def _segment(self, segment: Segment, *, is_newest: bool) -> Iterator[tuple[Batch, int]]:
        session = self._market.timeline.sessions[segment.session]
        at = int((session.open_at + min(segment.end, session.seconds)) * MICROSECONDS)
        for symbol, series in self._market.series.items():
            row = series.row_of(segment.session)
            if row is None:
                continue
            path = self._market.intraday.path(symbol, row)
            place = _Place(symbol, row, series, path, session.open_at)
            for batch in self._symbol(place, segment, is_newest=is_newest):
                yield batch, at

    def _symbol(self, place: _Place, segment: Segment, *, is_newest: bool) -> Iterator[Batch]:
        path = place.path
        if segment.is_entered:
            events = [
                _event(place.symbol, item.action)
                for item in place.series.actions
                if item.session == segment.session
            ]
            if events:
                yield Actions(SOURCE, tuple(events))
        first = 0 if segment.is_entered else int(segment.start) + 1
        last = min(int(segment.end), len(path) - 1)
        if last >= first:
            yield _ticks(place, np.arange(first, last + 1, dtype=np.int64))
        for interval in INTERVALS:
            if rows := self._closed(place, segment, interval):
                yield Bars.of(SOURCE, place.symbol, interval, rows)
            if is_newest and not segment.ends_session:
                bars = Bars.of(SOURCE, place.symbol, interval, [_bar(place, interval, last)])
                yield replace(bars, closed=np.zeros(1, dtype=np.bool_))

    def _closed(self, place: _Place, segment: Segment, interval: str) -> list[Row]:
        """Return the bars that ended after the segment's start, up to its end."""
        width = barlib.SECONDS.get(interval)
        length = len(place.path)
        if width is None:
            is_over = segment.ends_session and ends_group(
                self._market.timeline, segment.session, interval
            )
            return [_bar(place, interval, length - 1)] if is_over else []
        until = int(segment.end) // width
        if segment.ends_session:
            until = -(-length // width)
        return [
            _bar(place, interval, min((number + 1) * width, length) - 1)
            for number in range(int(segment.start) // width, until)
        ]


_COLUMNS = ("start", "open", "high", "low", "close", "volume")


def _ticks(place: _Place, seconds: np.ndarray) -> Ticks:
    at = (place.opened + seconds) * MICROSECONDS
    return Ticks(
        source=SOURCE,
        symbols=(place.symbol,),
        symbol=np.zeros(len(seconds), dtype=np.int32),
        at=at,
        price=place.path.price[seconds],
        size=place.path.volume[seconds].astype(np.float64),
        received=at,
    )


def _bar(place: _Place, interval: str, second: int) -> Row:
    """Return the bar that holds a second, as far as that second."""
    width = barlib.SECONDS.get(interval)
    if width is None:
        start, values = long_bar(place.series, place.row, place.path, interval, second)
    else:
        first = second // width * width
        start, values = place.opened + first, barlib.slice_bar(place.path, first, second)
    open_, high, low, close, volume = values
    return start * MICROSECONDS, open_, high, low, close, float(volume)


def _event(symbol: str, action: Action) -> CorporateEvent:
    return CorporateEvent(
        source=SOURCE,
        symbol=symbol,
        ex_day=(date.fromisoformat(action.ex_date) - EPOCH).days,
        ratio=action.ratio,
        amount=action.amount,
    )
