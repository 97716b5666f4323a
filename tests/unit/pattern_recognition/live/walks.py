"""Random series, and a book over them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.live import asking
from trading_dashboard.agents.pattern_recognition.live.asking import Choice
from trading_dashboard.agents.pattern_recognition.live.book import Event, PatternBook
from trading_dashboard.agents.pattern_recognition.live.found import Body, Key
from trading_dashboard.agents.pattern_recognition.live.label import Basis, Label
from trading_dashboard.agents.pattern_recognition.live.record import Record
from trading_dashboard.agents.pattern_recognition.live.series import Row, microseconds
from trading_dashboard.models.pattern_thresholds.shapes import ShapeSettings
from trading_dashboard.models.pattern_thresholds.worth import WorthSettings

KEY: Key = ("AAPL", "1m")
BASIS = Basis(Label("test", replay=True, intraday="simulated"))
START = microseconds(datetime(2012, 9, 3, tzinfo=UTC))
MINUTE = 60_000_000


def walk(count: int, seed: int = 1, start: int = START, step: int = MINUTE) -> Bars:
    """Return a random walk with round prices."""
    rng = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.002, count))), 2)
    opened = np.concatenate(([100.0], close[:-1]))
    spread = np.round(np.abs(rng.normal(0, 0.08, (2, count))), 2)
    high, low = np.maximum(opened, close) + spread[0], np.minimum(opened, close) - spread[1]
    time = start + step * np.arange(count, dtype=np.int64)
    return Bars(time, opened, high, low, close, rng.integers(100, 1000, count).astype(float))


def rows_of(bars: Bars, start: int = 0) -> list[Row]:
    part = bars.between(start, len(bars))
    columns = (part.time, part.open, part.high, part.low, part.close, part.volume)
    return [Row(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def book_at(folder: Path, history_bars: int = 2_000) -> tuple[PatternBook, Record]:
    record = Record(folder)
    book = PatternBook(record, ShapeSettings(), WorthSettings(), history_bars)
    book.begin(BASIS.label)
    return book, record


def feed(book: PatternBook, bars: Bars, start: int, stop: int, key: Key = KEY) -> list[Event]:
    """Push bars one by one; return the events."""
    events: list[Event] = []
    for row in rows_of(bars.prefix(stop), start):
        events += book.push([(key, row)]).events
    return events


def everything(book: PatternBook, key: Key = KEY) -> list[Body]:
    return list(asking.newest(book.trackers[key], Choice()))


def told(events: list[Event]) -> list[tuple[object, ...]]:
    """Return what events say, without their numbers."""
    return [
        (event.found.body["id"], event.found.at, event.found.is_new, event.found.was)
        for event in events
    ]
