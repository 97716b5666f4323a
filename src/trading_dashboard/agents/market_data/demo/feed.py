"""From one position of the clock to the next: the updates subscribers get.

Owns the messages' content. Each update is made once, as JSON text, however many read it. Sends
nothing, knows no subscriber.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from trading_dashboard.agents.market_data.demo import bars as barlib
from trading_dashboard.agents.market_data.demo.dataset import SOURCE
from trading_dashboard.agents.market_data.demo.long_bars import ends_group, long_bar
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.path import SessionPath
from trading_dashboard.agents.market_data.demo.series import DailySeries
from trading_dashboard.agents.market_data.demo.timeline import Instant, Segment, iso


class Receiver(Protocol):
    """Whoever hands updates on to the subscribers of a symbol."""

    def tick(self, symbol: str, body: str, merged: int) -> None:
        """Take a tick, which stands for `merged` older ones too."""

    def bar(self, symbol: str, interval: str, body: str, *, closed: bool) -> None:
        """Take a forming or closed bar."""

    def listed(self, symbol: str) -> None:
        """Take note that a symbol has begun to trade; all else of it has been handed over."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One symbol in one session."""

    symbol: str
    row: int
    series: DailySeries
    path: SessionPath
    open_at: int


class Feed:
    """Makes the updates between two positions."""

    def __init__(self, market: DemoMarket) -> None:
        self._market = market

    def advance(
        self, start: float, end: float, wanted: Mapping[str, Collection[str]], out: Receiver
    ) -> None:
        """Hand over all that happened after position `start`, up to and including `end`.

        Args:
            start: Position up to which, inclusive, all has been handed over.
            end: Position now.
            wanted: Intervals wanted per symbol; symbols not yet listed are skipped.
            out: Gets the updates.
        """
        timeline = self._market.timeline
        instant = timeline.at(end)
        seen = dict.fromkeys(wanted, 0)
        listed = []
        for segment in timeline.segments(start, end):
            for symbol, intervals in wanted.items():
                place = self._place(symbol, segment.session)
                if place is None:
                    continue
                if segment.is_entered and place.row == 0:
                    listed.append(symbol)
                seen[symbol] += self._ticks_in(segment, place)
                self._bars(place, segment, intervals, out)
        for symbol, ticks in seen.items():
            if ticks:
                body = self.tick_body(symbol, instant)
                out.tick(symbol, body, ticks - 1)
        for symbol in listed:
            out.listed(symbol)

    def tick_body(self, symbol: str, instant: Instant) -> str:
        """Return the inside of a tick message."""
        quote = orjson.dumps(self._market.quote(symbol, instant)).decode()
        return f'"type":"tick","symbol":"{symbol}","price":{quote}'

    def snapshot_body(self, symbol: str, intervals: Collection[str], instant: Instant) -> str:
        """Return the inside of a snapshot message: the quote and the forming bars."""
        place = self._place(symbol, instant.session)
        forming: dict[str, Any] = {}
        for interval in intervals:
            forming[interval] = None
            if place is not None and not instant.finished:
                second = min(int(instant.offset), len(place.path) - 1)
                forming[interval] = self._bar(place, interval, second)
        quote = orjson.dumps(self._market.quote(symbol, instant)).decode()
        bars = orjson.dumps(forming).decode()
        return f'"type":"snapshot","symbol":"{symbol}","price":{quote},"bars":{bars}'

    # Private

    def _place(self, symbol: str, session: int) -> _Place | None:
        series = self._market.series[symbol]
        row = series.row_of(session)
        if row is None:
            return None
        path = self._market.intraday.path(symbol, row)
        open_at = self._market.timeline.sessions[session].open_at
        return _Place(symbol, row, series, path, open_at)

    @staticmethod
    def _ticks_in(segment: Segment, place: _Place) -> int:
        """Return how many seconds began in the segment."""
        last = min(int(segment.end), len(place.path) - 1)
        first = 0 if segment.is_entered else int(segment.start) + 1
        return max(last - first + 1, 0)

    def _bars(
        self, place: _Place, segment: Segment, intervals: Collection[str], out: Receiver
    ) -> None:
        last = min(int(segment.end), len(place.path) - 1)
        for interval in intervals:
            width = barlib.SECONDS.get(interval)
            if width is not None:
                self._close_intraday(place, segment, interval, width, out)
            elif segment.ends_session and ends_group(
                self._market.timeline, segment.session, interval
            ):
                body = self._bar_body(place, interval, last, closed=True)
                out.bar(place.symbol, interval, body, closed=True)
            if not segment.ends_session and self._ticks_in(segment, place):
                body = self._bar_body(place, interval, last, closed=False)
                out.bar(place.symbol, interval, body, closed=False)

    def _close_intraday(
        self, place: _Place, segment: Segment, interval: str, width: int, out: Receiver
    ) -> None:
        """Hand over the bars that ended after the segment's start, up to its end."""
        first = int(segment.start) // width
        until = int(segment.end) // width
        if segment.ends_session:
            until = -(-len(place.path) // width)
        for number in range(first, until):
            second = min((number + 1) * width, len(place.path)) - 1
            body = self._bar_body(place, interval, second, closed=True)
            out.bar(place.symbol, interval, body, closed=True)

    def _bar_body(self, place: _Place, interval: str, second: int, *, closed: bool) -> str:
        bar = self._bar(place, interval, second, closed=closed)
        text = orjson.dumps(bar).decode()
        return f'"type":"bar","symbol":"{place.symbol}","interval":"{interval}","bar":{text}'

    def _bar(
        self, place: _Place, interval: str, second: int, *, closed: bool = False
    ) -> dict[str, Any]:
        """Return the bar that holds `second`, as far as that second."""
        width = barlib.SECONDS.get(interval)
        if width is not None:
            first = second // width * width
            start, values = place.open_at + first, barlib.slice_bar(place.path, first, second)
        else:
            start, values = long_bar(place.series, place.row, place.path, interval, second)
        open_, high, low, close, volume = values
        return {
            "timestamp": iso(start),
            "open": open_,
            "high": high,
            "low": low,
            "close": close,
            "volume": volume,
            "adjusted_close": close,
            "source": SOURCE,
            "quality_score": float(place.series.quality[place.row]),
            "closed": closed,
        }
