"""The newest state of one symbol of a pushed market, and the texts made of it.

Owns what counts as news: a bar that was told already is none. Nothing here knows who reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import orjson

from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars

Kind = Literal["forming", "closed", "amended", "restarted"]

_DAY = 86_400 * MICROSECONDS
_WHOLE = 2**53


class BarRow(NamedTuple):
    """One bar."""

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    closed: bool
    revision: int


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is told to every reader, never merged: a closed bar, or a new beginning."""

    symbol: str
    interval: str | None
    kind: Kind
    text: str


class SymbolState:
    """What is known of one symbol from the source that serves it."""

    def __init__(self, symbol: str, source: str) -> None:
        self.symbol = symbol
        self.source = source
        self.name = orjson.dumps(symbol).decode()
        self.price = 0.0
        self.at = 0
        self.seq = 0
        self.volume = 0.0
        self.next_at = 0.0
        """When it may be shown again, on the feed's monotonic clock."""
        self.is_fresh = True
        """Nobody has been told of it yet."""
        self.is_forming: set[str] = set()
        """Intervals whose forming bar has changed since it was told."""
        self.forming_events: dict[str, int] = {}
        self._forming: dict[str, BarRow] = {}
        self._newest: dict[str, tuple[int, int]] = {}
        """Start and revision of the newest closed bar by interval."""
        self._untold = 0

    @property
    def has_price(self) -> bool:
        """Return whether a tick has come."""
        return self.seq > 0

    @property
    def day(self) -> BarRow | None:
        """Return the bar of the day that forms, if there is one."""
        return self._forming.get("1d")

    def take_price(self, price: float, at: int, count: int, size: float) -> None:
        """Take the newest of so many ticks with their size in all."""
        if at // _DAY != self.at // _DAY:
            self.volume = 0.0
        if at >= self.at:
            # A late tick amends bars and volume; the newest price stays the newest.
            self.price, self.at = price, at
        self.volume += size
        self.seq += count
        self._untold += count

    def take_merged(self) -> int | None:
        """Return how many ticks beside the newest have come since this was asked, None if none."""
        untold, self._untold = self._untold, 0
        return untold - 1 if untold else None

    def forget_bars(self, intervals: Iterable[str]) -> None:
        """Forget bars of intervals that nobody has followed since: they are of another time."""
        for interval in intervals:
            self._forming.pop(interval, None)
            self._newest.pop(interval, None)
            self.is_forming.discard(interval)
            self.forming_events.pop(interval, None)

    def take_bar(self, interval: str, row: BarRow) -> Kind | None:
        """Take a bar; return what it is to readers, None if it is nothing new to them."""
        known = self._newest.get(interval)
        if not row.closed:
            if known is not None and row.start <= known[0]:
                return None
            self._forming[interval] = row
            return "forming"
        forming = self._forming.get(interval)
        if forming is not None and forming.start <= row.start:
            del self._forming[interval]
            self.is_forming.discard(interval)
            self.forming_events.pop(interval, None)
        if known is None or row.start > known[0]:
            self._newest[interval] = row.start, row.revision
            # Closed before anybody followed these bars, and amended since.
            return "amended" if known is None and row.revision else "closed"
        if row.revision == 0 or (row.start, row.revision) == known:
            return None
        if row.start == known[0]:
            self._newest[interval] = row.start, row.revision
        return "amended"

    def forming_text(self, interval: str) -> str:
        """Return the bar that forms as JSON, or null."""
        row = self._forming.get(interval)
        return "null" if row is None else bar_json(self.source, row)

    def forming_body(self, interval: str) -> str:
        """Return the inside of the message about the bar that forms."""
        return _bar_body(self.name, interval, bar_json(self.source, self._forming[interval]))


def bar_rows(bars: Bars) -> Iterator[BarRow]:
    """Yield the bars of a batch."""
    columns = (
        bars.start, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.closed,
        bars.revision,
    )  # fmt: skip
    return map(BarRow._make, zip(*(column.tolist() for column in columns), strict=True))


def bar_text(symbol: str, source: str, interval: str, row: BarRow) -> str:
    """Return the inside of a bar message."""
    return _bar_body(orjson.dumps(symbol).decode(), interval, bar_json(source, row))


def _bar_body(name: str, interval: str, bar: str) -> str:
    return f'"type":"bar","symbol":{name},"interval":"{interval}","bar":{bar}'


def bar_json(source: str, row: BarRow) -> str:
    """Return a body shaped like `Bar`."""
    return orjson.dumps(
        {
            "timestamp": iso_micros(row.start),
            "open": row.open,
            "high": row.high,
            "low": row.low,
            "close": row.close,
            "volume": amount(row.volume),
            "adjusted_close": row.close,
            "source": source,
            "closed": row.closed,
            "revision": row.revision,
        }
    ).decode()


def price_text(
    state: SymbolState, label: Mapping[str, Any], details: Mapping[str, Any], now: int
) -> str:
    """Return a body shaped like `PriceResponse`."""
    body: dict[str, Any] = {
        "symbol": state.symbol,
        "price": state.price,
        "timestamp": iso_micros(state.at),
        "volume": amount(state.volume),
        "source": state.source,
        "age_seconds": round(max(now - state.at, 0) / MICROSECONDS, 3),
        "seq": state.seq,
    }
    if (day := state.day) is not None:
        body["volume"] = amount(day.volume)
        body["day_open"], body["day_high"], body["day_low"] = day.open, day.high, day.low
    body.update(label)
    body.update(details)
    previous = body.get("previous_close")
    if previous:
        body["change_percent"] = round((state.price / previous - 1.0) * 100.0, 4)
    return orjson.dumps(body).decode()


def amount(value: float) -> int | float:
    """Return shares as a whole number and parts of a coin as they are."""
    return int(value) if abs(value) < _WHOLE and value == int(value) else value


def iso_micros(at: int) -> str:
    """Return microseconds since 1970 as UTC text with a trailing Z."""
    seconds, micros = divmod(at, MICROSECONDS)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if not micros:
        return f"{whole}Z"
    millis, rest = divmod(micros, 1000)
    return f"{whole}.{micros:06}Z" if rest else f"{whole}.{millis:03}Z"
