"""A pushed market driven by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest

from trading_dashboard.agents.market_data.records import Bars, Ticks
from trading_dashboard.agents.market_data.streaming.hub import StreamHub
from trading_dashboard.agents.market_data.streaming.live_feed import LiveFeed
from trading_dashboard.agents.market_data.streaming.subscriber import Subscriber
from trading_dashboard.models.market_api import MARKET_MESSAGE, MarketMessage

SECOND = 1_000_000
BEGAN = 1_767_623_400 * SECOND
SOURCE = "ccxt:test"


class Bench:
    """A live feed with a hub, a clock moved by hand and readers without sockets."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.paused = False
        self.feed = LiveFeed(self.clock, monotonic=lambda: self.seconds)
        self.hub = StreamHub(self.feed)

    def clock(self) -> dict[str, Any]:
        from trading_dashboard.agents.market_data.streaming.live_state import iso_micros

        return {
            "now": iso_micros(BEGAN + int((self.seconds - 1000.0) * SECOND)), "replay": False,
            "speed": 1.0, "paused": self.paused, "finished": False, "calendar": "24/7",
            "time_zone": "UTC", "market": "open", "session": "2026-01-05",
        }  # fmt: skip

    def tick(self, *prices: tuple[str, float], source: str = SOURCE, step: float = 1.0) -> None:
        """Let a batch of ticks arrive, later than the last one."""
        self.seconds += step
        names = tuple(dict.fromkeys(symbol for symbol, _ in prices))
        at = BEGAN + int((self.seconds - 1000.0) * SECOND)
        self.feed.publish(
            Ticks(
                source=source,
                symbols=names,
                symbol=np.array([names.index(symbol) for symbol, _ in prices], dtype=np.int32),
                at=np.full(len(prices), at, dtype=np.int64),
                price=np.array([price for _, price in prices]),
                size=np.ones(len(prices)),
                received=np.full(len(prices), at, dtype=np.int64),
            )
        )
        self.hub.advance()

    def bars(self, symbol: str, rows: Sequence[tuple[int, float, bool, int]]) -> None:
        """Let 1-minute bars of (minute, close, closed, revision) arrive."""
        self.seconds += 1.0
        self.feed.publish_bars(bars_of(symbol, rows))
        self.hub.advance()

    def reader(self, *symbols: str, intervals: Sequence[str] = ()) -> Subscriber:
        reader = self.hub.join()
        known = [self.hub.resolve(symbol, reader) for symbol in symbols]
        self.hub.subscribe(reader, known, intervals)
        return reader


def bars_of(symbol: str, rows: Sequence[tuple[int, float, bool, int]]) -> Bars:
    close = np.array([row[1] for row in rows])
    return Bars(
        source=SOURCE,
        symbol=symbol,
        interval="1m",
        start=np.array([BEGAN + row[0] * 60 * SECOND for row in rows], dtype=np.int64),
        open=close,
        high=close,
        low=close,
        close=close,
        volume=np.ones(len(rows)),
        closed=np.array([row[2] for row in rows], dtype=np.bool_),
        revision=np.array([row[3] for row in rows], dtype=np.int32),
    )


def drained(reader: Subscriber, limit: int = 1_000_000) -> list[MarketMessage]:
    """Return what a reader is sent now, each message checked against its model."""
    return [MARKET_MESSAGE.validate_json(text) for text in raw(reader, limit)]


def raw(reader: Subscriber, limit: int = 1_000_000) -> list[str]:
    texts: list[str] = []
    while reader.outbox and len(texts) < limit:
        texts += reader._texts(min(limit - len(texts), 50))
    assert [orjson.loads(text)["seq"] for text in texts] == list(
        range(reader.sent - len(texts) + 1, reader.sent + 1)
    )
    return texts


@pytest.fixture
def bench() -> Bench:
    return Bench()
