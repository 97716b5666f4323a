"""What detectors found, as it travels: names, times and labels instead of numbers.

Owns identity. An id is made of what never changes of a detection (whose it is, where it begins,
when it was first known), so whoever finds it again, after a restart or from the same bars
elsewhere, gives it the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any, Protocol

from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLES
from trading_dashboard.agents.pattern_recognition.detections import Line, Pivot, ShapeDetection
from trading_dashboard.agents.pattern_recognition.live.label import Label
from trading_dashboard.agents.pattern_recognition.live.series import stamp
from trading_dashboard.agents.pattern_recognition.shapes.catalogue import SHAPES
from trading_dashboard.models.patterns import PatternKind, PatternState

Body = dict[str, Any]
"""A detection, plain types, as `models.patterns.PatternDetection` without its worth."""
Key = tuple[str, str]
"""Symbol and timeframe."""

DIRECTIONS = {1: "bullish", -1: "bearish", 0: "neutral"}
SIGNS = {word: sign for sign, word in DIRECTIONS.items()}
_SHAPE_NAMES = {kind.id: kind.name for kind in SHAPES}
_DIGITS = 6


class Timed(Protocol):
    """Whatever knows when a bar opened, by its number."""

    def time_at(self, number: int) -> int:
        """Return the opening time of a bar, microseconds."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A detection that is new, or whose state has changed, at the close of a bar."""

    key: Key
    body: Body
    at: int
    """Opening time of that bar."""
    is_new: bool
    was: str | None = None


def shape_id(key: Key, found: ShapeDetection, times: Timed) -> str:
    """Return the id of a chart pattern; of its turning points those it was first known by."""
    pivots = found.pivots if found.formed is None else found.formed.pivots
    marks = [times.time_at(number) for number in (found.start, found.known_at)]
    marks += [times.time_at(pivot.bar) for pivot in pivots]
    return _id(key, found.pattern, marks)


def candle_id(key: Key, pattern: str, time: int) -> str:
    """Return the id of a candlestick pattern by its last bar."""
    return _id(key, pattern, [time])


def shape_body(key: Key, name: str, found: ShapeDetection, times: Timed, label: Label) -> Body:
    """Return a chart pattern as it stands."""

    def at(number: int) -> str:
        return stamp(times.time_at(number))

    changes = [
        {"state": change.state.value, "at": at(change.bar), "price": change.price}
        for change in found.changes
    ]
    return {
        "id": name,
        "symbol": key[0],
        "timeframe": key[1],
        "pattern": found.pattern,
        "name": _SHAPE_NAMES[found.pattern],
        "kind": PatternKind.CHART.value,
        "direction": DIRECTIONS[found.direction],
        "strength": round(float(found.strength), _DIGITS),
        "state": found.state.value,
        "start": at(found.start),
        "end": at(found.end),
        "known_at": at(found.known_at),
        "confirmed_at": None if found.confirmed_at is None else at(found.confirmed_at),
        "pivots": [_pivot(pivot, at(pivot.bar)) for pivot in found.pivots],
        "lines": [_line(line, at(line.start), at(line.end)) for line in found.lines],
        "fit": round(float(found.fit), _DIGITS),
        "volume_ratio": found.volume_ratio,
        "volume_confirms": found.volume_confirms,
        "breakout_level": found.breakout_level,
        "target": found.target,
        "invalidation": found.invalidation,
        "changes": changes,
        **label.body(),
    }


def candle_body(
    key: Key, pattern: int, span: tuple[int, int], direction: int, strength: float, label: Label
) -> Body:
    """Return a candlestick pattern; `span` are the times of its first and last bar."""
    body = _candle_template(pattern, direction).copy()
    start, end = span
    body["id"] = candle_id(key, body["pattern"], end)
    body["symbol"], body["timeframe"] = key
    body["strength"] = round(strength, _DIGITS)
    body["start"] = stamp(start)
    body["end"] = body["known_at"] = body["confirmed_at"] = stamp(end)
    body["pivots"], body["lines"], body["changes"] = [], [], []
    body.update(label.body())
    return body


@cache
def _candle_template(pattern: int, direction: int) -> Body:
    """Return what all candlestick patterns of a kind share; some thousand come with each minute."""
    kind = CANDLES[pattern]
    return {
        "id": "",
        "symbol": "",
        "timeframe": "",
        "pattern": kind.id,
        "name": kind.name,
        "kind": PatternKind.CANDLESTICK.value,
        "direction": DIRECTIONS[direction],
        "strength": 0.0,
        "state": PatternState.CONFIRMED.value,
        "start": "",
        "end": "",
        "known_at": "",
        "confirmed_at": "",
        "pivots": [],
        "lines": [],
        "fit": None,
        "volume_ratio": None,
        "volume_confirms": None,
        "breakout_level": None,
        "target": None,
        "invalidation": None,
        "changes": [],
    }


def _pivot(pivot: Pivot, time: str) -> Body:
    return {"time": time, "price": pivot.price, "kind": "high" if pivot.is_high else "low"}


def _line(line: Line, start: str, end: str) -> Body:
    return {
        "role": line.role,
        "start": start,
        "start_price": line.start_price,
        "end": end,
        "end_price": line.end_price,
    }


def _id(key: Key, pattern: str, times: Sequence[int]) -> str:
    text = "|".join((*key, pattern, *map(str, times)))
    return blake2b(text.encode(), digest_size=8).hexdigest()
