"""Questions to the book: what was found, snapshots, what became of it, trade ideas.

Owns selecting and ordering; it changes nothing. Called in the book's thread.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np

from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLES
from trading_dashboard.agents.pattern_recognition.live.book import PatternBook
from trading_dashboard.agents.pattern_recognition.live.found import SIGNS, Body, Key
from trading_dashboard.agents.pattern_recognition.live.series import microseconds_of, stamp
from trading_dashboard.agents.pattern_recognition.live.tracker import Tracker
from trading_dashboard.agents.pattern_recognition.worth.outcomes import Occurrences, outcomes_of
from trading_dashboard.models.patterns import PatternKind, PatternState

MAX_SNAPSHOT = 2_000
RECENT_SHAPE_BARS = 50
"""A chart pattern that ended is in snapshots for so many bars."""
RECENT_CANDLE_BARS = 5

CHART, CANDLESTICK = PatternKind.CHART.value, PatternKind.CANDLESTICK.value
EVERY_KIND = frozenset({CHART, CANDLESTICK})


class Fitting(Protocol):
    """Which timeframes and kinds somebody wants of a symbol."""

    def fits(self, timeframe: str, kind: str) -> bool:
        """Return whether a detection is among them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which detections are wanted; empty sets are no limit."""

    kinds: frozenset[str] = EVERY_KIND
    states: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    directions: frozenset[str] = frozenset()

    def takes(self, body: Body) -> bool:
        """Return whether a detection is wanted."""
        return (
            body["kind"] in self.kinds
            and (not self.states or body["state"] in self.states)
            and (not self.patterns or body["pattern"] in self.patterns)
            and (not self.directions or body["direction"] in self.directions)
        )


def newest(tracker: Tracker, selection: Choice) -> Iterator[Body]:
    """Yield one series' detections, the one known last first."""
    parts: list[Iterable[Body]] = []
    if CHART in selection.kinds:
        parts.append(tracker.newest_shapes())
    if CANDLESTICK in selection.kinds and _may_be_candle(selection):
        parts.append(tracker.newest_candles())
    merged = heapq.merge(*parts, key=_known_at, reverse=True)
    return (body for body in merged if selection.takes(body))


def newest_of_all(trackers: Sequence[Tracker], selection: Choice) -> Iterator[Body]:
    """Yield the detections of several series, the one known last first."""
    return heapq.merge(
        *(newest(tracker, selection) for tracker in trackers), key=_known_at, reverse=True
    )


def snapshot(book: PatternBook, wanted: Mapping[str, Fitting]) -> tuple[int, dict[str, Any]]:
    """Return what is open or recent of what is wanted, without worth, and the event it is of."""
    bodies: list[Body] = []
    for key, tracker in book.trackers.items():
        own = [wanted[name] for name in (key[0], "*") if name in wanted]
        kinds = {kind for kind in EVERY_KIND if any(it.fits(key[1], kind) for it in own)}
        bodies += _recent(tracker, kinds)
    bodies.sort(key=_known_at, reverse=True)
    shown = bodies[:MAX_SNAPSHOT]
    about = {"patterns": shown, "as_of": as_of(book), "left_out": len(bodies) - len(shown)}
    return book.event, about


def as_of(book: PatternBook) -> str | None:
    """Return the opening time of the newest bar looked at, of all series."""
    times = [tracker.series.last_time for tracker in book.trackers.values()]
    known = [time for time in times if time is not None]
    return stamp(max(known)) if known else None


def last_of(book: PatternBook, timeframe: str) -> int:
    """Return the opening time of a timeframe's newest bar, microseconds; 0 if there is none."""
    times = [it.series.last_time or 0 for key, it in book.trackers.items() if key[1] == timeframe]
    return max(times, default=0)


def _recent(tracker: Tracker, kinds: Collection[str]) -> Iterator[Body]:
    series = tracker.series
    if CHART in kinds:
        since = _time_back(tracker, RECENT_SHAPE_BARS)
        for body in tracker.open_shapes():
            yield body
        for body in tracker.newest_shapes():
            changes = body["changes"]
            if body["state"] not in _OPEN and changes[-1]["at"] >= since:
                yield body
    if CANDLESTICK in kinds:
        first = tracker.candles.place_of(series.stop - RECENT_CANDLE_BARS)
        for place in range(first, len(tracker.candles)):
            yield tracker.candle_found(place).body


def _time_back(tracker: Tracker, bars: int) -> str:
    series = tracker.series
    return stamp(series.time_at(max(series.stop - bars, series.offset))) if len(series) else ""


def outcomes(tracker: Tracker, bodies: Sequence[Body], horizons: Sequence[int]) -> list[Body]:
    """Return the move after each detection in its direction in ATR, by horizon."""
    series = tracker.series
    found: list[dict[str, float | None]] = [dict.fromkeys(map(str, horizons)) for _ in bodies]
    places, rows = [], []
    for place, body in enumerate(bodies):
        direction = SIGNS[body["direction"]]
        if body["confirmed_at"] is None or not direction:
            continue
        number = series.number_after(microseconds_of(body["confirmed_at"])) - 1 - series.offset
        if number >= 0:
            places.append(place)
            rows.append((direction, number))
    table = np.array(rows, np.int64).reshape(-1, 2)
    asked = Occurrences(
        np.zeros(len(rows), np.int16), table[:, 0].astype(np.int8), table[:, 1].astype(np.int32)
    )
    for horizon, moves in outcomes_of(series.bars, asked, horizons).items():
        for place, move in zip(places, moves.tolist(), strict=True):
            found[place][str(horizon)] = None if move != move else move  # noqa: PLR0124 - NaN
    return found


def page(
    trackers: Sequence[Tracker], selection: Choice, offset: int, limit: int
) -> tuple[list[Body], int]:
    """Return some detections of several series, newest first, and how many there are in all."""
    shown = list(islice(newest_of_all(trackers, selection), offset, offset + limit))
    return shown, sum(count(tracker, selection) for tracker in trackers)


def count(tracker: Tracker, selection: Choice) -> int:
    """Return how many detections of a series are wanted.

    Candlesticks are counted in their columns: all series have millions, and while each would be
    written out nothing live could be looked at.
    """
    found = 0
    if CHART in selection.kinds:
        found += sum(1 for body in tracker.newest_shapes() if selection.takes(body))
    if CANDLESTICK in selection.kinds and _may_be_candle(selection):
        columns = tracker.candles
        is_wanted = np.ones(len(columns), np.bool_)
        if selection.patterns:
            numbers = [at for at, kind in enumerate(CANDLES) if kind.id in selection.patterns]
            is_wanted &= np.isin(np.frombuffer(columns.pattern, np.int16), numbers)
        if selection.directions:
            signs = [SIGNS[name] for name in selection.directions]
            is_wanted &= np.isin(np.frombuffer(columns.direction, np.int8), signs)
        found += int(np.count_nonzero(is_wanted))
    return found


def keys_of(book: PatternBook, symbol: str | None, timeframe: str | None) -> list[Key]:
    """Return the series followed of a symbol and timeframe, or of all."""
    return [
        key for key in book.trackers if symbol in (None, key[0]) and timeframe in (None, key[1])
    ]


def _may_be_candle(selection: Choice) -> bool:
    """Return whether a candlestick is in a state that is wanted: it is confirmed at once."""
    return not selection.states or PatternState.CONFIRMED.value in selection.states


_OPEN = (PatternState.FORMING.value, PatternState.CONFIRMED.value)


def _known_at(body: Body) -> str:
    return str(body["known_at"])
