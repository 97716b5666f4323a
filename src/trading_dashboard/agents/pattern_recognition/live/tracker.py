"""One symbol's patterns of one timeframe, bar by bar.

Owns the series, the chart pattern engine and all that was found. It is a function of the bars, and
of nothing else: whoever gives it the same bars, one by one or all at once, finds the same with the
same ids. It knows neither stream nor disk.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.candles.detector import detect_candles
from trading_dashboard.agents.pattern_recognition.detections import CandleHits, ShapeDetection
from trading_dashboard.agents.pattern_recognition.live.found import (
    Body,
    Finding,
    Key,
    candle_body,
    shape_body,
    shape_id,
)
from trading_dashboard.agents.pattern_recognition.live.label import Basis
from trading_dashboard.agents.pattern_recognition.live.series import LiveSeries, Row, stamp
from trading_dashboard.agents.pattern_recognition.shapes.engine import ShapeEngine
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.models.patterns import PatternState

_OPEN = (PatternState.FORMING.value, PatternState.CONFIRMED.value)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the engine remembered when older bars were forgotten.

    Attributes:
        last: Opening time of the newest bar it had seen then, microseconds.
        number: The number of the bar after that one.
        engine: Its snapshot.
    """

    last: int
    number: int
    engine: dict[str, Any]

    def dump(self) -> bytes:
        """Return it as JSON."""
        return orjson.dumps([self.last, self.number, self.engine])

    @classmethod
    def load(cls, text: bytes) -> Checkpoint:
        """Return what `dump` wrote."""
        return cls(*orjson.loads(text))


class CandleColumns:
    """Candlestick hits of a series by bar number, growing at the end."""

    __slots__ = ("bar", "direction", "pattern", "span", "strength")

    def __init__(self) -> None:
        self.pattern, self.bar, self.span = array("h"), array("q"), array("h")
        self.direction, self.strength = array("b"), array("f")

    def __len__(self) -> int:
        return len(self.bar)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CandleColumns):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def add(self, hits: CandleHits, offset: int) -> None:
        """Add hits whose bars are counted from `offset`."""
        self.pattern.frombytes(np.ascontiguousarray(hits.pattern, np.int16).tobytes())
        self.bar.frombytes((hits.bar.astype(np.int64) + offset).tobytes())
        self.span.frombytes(np.ascontiguousarray(hits.span, np.int16).tobytes())
        self.direction.frombytes(np.ascontiguousarray(hits.direction, np.int8).tobytes())
        self.strength.frombytes(np.ascontiguousarray(hits.strength, np.float32).tobytes())

    def append(self, pattern: int, bar: int, span: int, direction: int, strength: float) -> None:
        """Add one."""
        self.pattern.append(pattern)
        self.bar.append(bar)
        self.span.append(span)
        self.direction.append(direction)
        self.strength.append(strength)

    def place_of(self, number: int) -> int:
        """Return the place of the first hit of a bar or a later one."""
        return int(np.searchsorted(np.frombuffer(self.bar, np.int64), number)) if self.bar else 0

    def forget(self, before: int) -> None:
        """Forget those of bars before a number."""
        gone = self.place_of(before)
        for name in self.__slots__:
            setattr(self, name, getattr(self, name)[gone:])


class Tracker:
    """Everything known of one series."""

    def __init__(
        self,
        key: Key,
        bars: Bars,
        basis: Basis,
        settings: ShapeSettings,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Take bars to look at; `look` does.

        Args:
            key: Symbol and timeframe.
            bars: With a checkpoint beginning at or before its last bar.
            basis: What they rest on.
            settings: Thresholds of chart patterns.
            checkpoint: Where detection goes on; from the first bar without it.
        """
        self.key, self.basis = key, basis
        offset = 0
        self._next = 0
        self._engine = ShapeEngine(settings)
        if checkpoint is not None:
            offset = checkpoint.number - int(np.searchsorted(bars.time, checkpoint.last, "right"))
            self._engine.restore(checkpoint.engine)
            self._next = checkpoint.number
        self.series = LiveSeries(bars, offset)
        self.shapes: dict[str, Body] = {}
        """By id, oldest first."""
        self.candles = CandleColumns()
        self.confirmed: list[tuple[str, int, int]] = []
        """Chart patterns as they were confirmed: pattern, direction and the bar's number."""
        self._open: dict[str, None] = {}
        self._since = "" if checkpoint is None else stamp(checkpoint.last)
        if checkpoint is not None:
            for found in self._engine.open:
                self._take(found)

    # Looking at bars

    def look(self, until: int | None = None) -> list[Finding]:
        """Look for chart patterns in bars not looked at yet, up to one that opened at `until`."""
        stop = self.series.stop if until is None else self.series.number_after(until)
        found: list[Finding] = []
        offset, bars = self.series.offset, self.series.bars
        part = bars.between(self._next - offset, stop - offset)
        columns = (part.open, part.high, part.low, part.close, part.volume)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        for number, row in enumerate(rows, self._next):
            if changed := self._engine.step(row):
                found += self._report(changed, number)
        self._next = max(self._next, stop)
        return found

    def look_for_candles(self, after: int | None = None) -> list[Finding]:
        """Find all candlestick patterns of the series; return those of bars after a time."""
        self.candles = CandleColumns()
        self.candles.add(detect_candles(self.series.bars), self.series.offset)
        if after is None:
            return []
        first = self.series.number_after(after)
        return [
            self.candle_found(place)
            for place in range(len(self.candles))
            if self.candles.bar[place] >= first
        ]

    def push(self, row: Row) -> list[Finding]:
        """Take the next closed bar; return the chart patterns that are new or have changed."""
        number = self.series.append(row)
        self._next = number + 1
        return self._report(self._engine.step(row[1:]), number)

    def add_candle(self, pattern: int, span: int, direction: int, strength: float) -> Finding:
        """Take a candlestick pattern found at the newest bar."""
        self.candles.append(pattern, self.series.stop - 1, span, direction, strength)
        return self.candle_found(len(self.candles) - 1)

    def agree(self, recorded: Mapping[str, Body]) -> bool:
        """Return whether a record says of the bars looked at what they say.

        Of what ended before the checkpoint nothing is known here but the record: it is taken over.
        """
        older = {
            name: body
            for name, body in recorded.items()
            if name not in self.shapes and body["known_at"] <= self._since
        }
        if any(body["state"] in _OPEN for body in older.values()):
            return False
        if {**older, **self.shapes} != recorded:
            return False
        ordered = sorted(older.items(), key=lambda item: item[1]["known_at"])
        self.shapes = {**dict(ordered), **self.shapes}
        return True

    def forget(self, keep: int) -> tuple[Checkpoint, list[str]]:
        """Forget all but the newest bars, and what ended before them.

        Returns:
            Where detection goes on after a restart, and the ids of what was forgotten.
        """
        assert self.series.last_time is not None  # noqa: S101 - there are more than `keep`
        checkpoint = Checkpoint(self.series.last_time, self._next, self._engine.snapshot())
        self.series.forget(keep)
        self.candles.forget(self.series.offset)
        self.confirmed = [row for row in self.confirmed if row[2] >= self.series.offset]
        oldest = stamp(self.series.time_at(self.series.offset))
        gone = [
            name
            for name, body in self.shapes.items()
            if body["known_at"] < oldest and body["state"] not in _OPEN
        ]
        for name in gone:
            del self.shapes[name]
        return checkpoint, gone

    # Asking

    @property
    def as_of(self) -> str | None:
        """The newest bar looked at."""
        last = self.series.last_time
        return None if last is None else stamp(last)

    def open_shapes(self) -> list[Body]:
        """Return chart patterns whose state may still change."""
        return [self.shapes[name] for name in self._open]

    def newest_shapes(self) -> Iterator[Body]:
        """Yield chart patterns, the one known last first."""
        for name in reversed(self.shapes):
            yield self.shapes[name]

    def newest_candles(self) -> Iterator[Body]:
        """Yield candlestick patterns, newest first."""
        for place in range(len(self.candles) - 1, -1, -1):
            yield self.candle_found(place).body

    def candle_found(self, place: int) -> Finding:
        """Return one candlestick pattern by its place in the columns."""
        columns, times = self.candles, self.series
        bar, span = columns.bar[place], columns.span[place]
        end = times.time_at(bar)
        body = candle_body(
            self.key,
            columns.pattern[place],
            (times.time_at(bar - span + 1), end),
            columns.direction[place],
            columns.strength[place],
            self.basis.label,
        )
        return Finding(self.key, body, end, is_new=True)

    # Private

    def _report(self, changed: Sequence[ShapeDetection], number: int) -> list[Finding]:
        if not changed:
            return []
        at = self.series.time_at(number)
        found = []
        for detection in changed:
            name, before = self._take(detection)
            was = None if before is None else str(before["state"])
            found.append(Finding(self.key, self.shapes[name], at, before is None, was))
        return found

    def _take(self, detection: ShapeDetection) -> tuple[str, Body | None]:
        """Note a detection as it stands; return its id and what it was before."""
        name = shape_id(self.key, detection, self.series)
        before = self.shapes.get(name)
        at = detection.confirmed_at
        if at is not None and (before is None or before["confirmed_at"] is None):
            self.confirmed.append((detection.pattern, detection.direction, at))
        label = self.basis.label
        self.shapes[name] = shape_body(self.key, name, detection, self.series, label)
        if detection.is_open:
            self._open[name] = None
        else:
            self._open.pop(name, None)
        return name, before
