"""The worth of patterns in the series followed.

Owns one ledger over all of them: given whole histories at the start, then each closed bar with what
was confirmed at it. What it says of a moment rests on nothing that ended after it, so the answer is
the same whenever it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLES
from trading_dashboard.agents.pattern_recognition.live.found import SIGNS, Body, Key
from trading_dashboard.agents.pattern_recognition.live.series import microseconds_of
from trading_dashboard.agents.pattern_recognition.live.tracker import Tracker
from trading_dashboard.agents.pattern_recognition.shapes.catalogue import SHAPES
from trading_dashboard.agents.pattern_recognition.worth.calibration import (
    Reliability,
    merged_reliability,
)
from trading_dashboard.agents.pattern_recognition.worth.ledger import Ledger
from trading_dashboard.agents.pattern_recognition.worth.outcomes import Occurrences
from trading_dashboard.agents.pattern_recognition.worth.settings import WorthSettings
from trading_dashboard.agents.pattern_recognition.worth.timeframe import TimeframeLedger
from trading_dashboard.agents.pattern_recognition.worth.walk_forward import (
    Confirmed,
    walk_forward,
)
from trading_dashboard.models.patterns import PatternWorth

PATTERNS = (*(kind.id for kind in CANDLES), *(kind.id for kind in SHAPES))
"""Candlesticks first, by the numbers their hits carry."""
_NUMBERS = {name: number for number, name in enumerate(PATTERNS)}
_MORE_ROWS = 8
News = dict[str, tuple[Bars, Occurrences]]
"""Bars and what was confirmed in them, by symbol."""
KEPT = 4_000
"""Worths told last, about 4 kB each: those of two whole snapshots."""


@dataclass(frozen=True, slots=True)
class CellWorth:
    """One pattern and direction over one horizon."""

    pattern: str
    direction: int
    worth: PatternWorth


class Worths:
    """What patterns were worth, in the series of a book."""

    def __init__(self, settings: WorthSettings) -> None:
        self.settings = settings
        self.ledger = Ledger(PATTERNS, settings)
        self._told: dict[tuple[Key, str, int, int], list[Body]] = {}

    def begin(self, timeframe: str, trackers: Iterable[Tracker]) -> None:
        """Take in the whole history of all series of a timeframe, in place of what was known."""
        self.take(timeframe, measured(timeframe, news_of(trackers), self.settings))

    def take(self, timeframe: str, ledger: TimeframeLedger) -> None:
        """Put what was measured of a timeframe in the place of what was known."""
        self.ledger.timeframes[timeframe] = ledger
        self._told = {known: told for known, told in self._told.items() if known[0][1] != timeframe}

    def forget(self) -> None:
        """Forget everything."""
        self.ledger.timeframes.clear()
        self._told.clear()

    def first_unknown(self, tracker: Tracker) -> int | None:
        """Return the opening time of the first bar that is not taken in; None if all are."""
        series, last = tracker.series, self.ledger.last(*tracker.key)
        first = series.offset if last is None else series.number_after(last)
        return series.time_at(first) if first < series.stop else None

    def learn(self, trackers: Iterable[Tracker]) -> None:
        """Take in the bars of these series that are not known yet."""
        news: dict[str, News] = {}
        for tracker in trackers:
            symbol, timeframe = tracker.key
            last = self.ledger.last(symbol, timeframe)
            if timeframe not in self.ledger.timeframes:
                continue  # its history is not there yet
            series = tracker.series
            first = series.offset if last is None else series.number_after(last)
            start = max(first - self.settings.lookback - _MORE_ROWS, series.offset)
            bars = series.bars.between(start - series.offset, len(series))
            news.setdefault(timeframe, {})[symbol] = (bars, occurrences(tracker, start, first))
        for timeframe, part in news.items():
            self.ledger.load(timeframe, part)

    def of(self, bodies: Sequence[Body]) -> list[list[Body]]:
        """Return the worth of each detection as known when it was confirmed; none before that."""
        found: list[list[Body]] = [[] for _ in bodies]
        missing: dict[str, list[tuple[int, Confirmed]]] = {}
        for place, body in enumerate(bodies):
            direction = SIGNS[body["direction"]]
            if body["confirmed_at"] is None or not direction:
                continue
            timeframe = body["timeframe"]
            if timeframe not in self.ledger.timeframes:
                continue
            at = microseconds_of(body["confirmed_at"])
            told = self._told.get(((body["symbol"], timeframe), body["pattern"], direction, at))
            if told is not None:
                found[place] = told
            else:
                one = Confirmed(body["symbol"], body["pattern"], direction, at)
                missing.setdefault(timeframe, []).append((place, one))
        for timeframe, rows in missing.items():
            answers = walk_forward(self.ledger, timeframe, [one for _, one in rows])
            for (place, one), answer in zip(rows, answers, strict=True):
                told = [worth.model_dump(mode="json") for worth in answer]
                known = ((one.symbol, timeframe), one.pattern, one.direction, one.time)
                self._keep(known, told)
                found[place] = told
        return found

    def rows(self, symbol: str | None, timeframe: str, as_of: int) -> tuple[list[CellWorth], int]:
        """Return the worth of all patterns of a timeframe, and how many tests were made at once.

        Args:
            symbol: Whose base rate confidences start from; None for all symbols taken together.
            timeframe: Which.
            as_of: Opening time of the newest bar, microseconds.
        """
        if timeframe not in self.ledger.timeframes:
            return [], 0
        ledger = self.ledger.timeframe(timeframe)
        moment = ledger.moment(as_of)
        rows = [
            CellWorth(PATTERNS[key[0]], key[1], moment.worth(key, symbol))
            for key in sorted(ledger.cells)
        ]
        return rows, self.ledger.tests(timeframe, as_of)

    def reliability(self, timeframes: Iterable[str], horizon: int | None) -> Reliability:
        """Return what was said in these timeframes against what happened, as one."""
        chosen = [
            calibration
            for timeframe in timeframes
            if timeframe in self.ledger.timeframes
            for bars, calibration in zip(
                self.settings.horizons,
                self.ledger.timeframe(timeframe).calibrations,
                strict=True,
            )
            if horizon in (None, bars)
        ]
        return merged_reliability(chosen)

    def _keep(self, known: tuple[Key, str, int, int], told: list[Body]) -> None:
        if len(self._told) >= KEPT:
            self._told.clear()
        self._told[known] = told


def news_of(trackers: Iterable[Tracker]) -> News:
    """Return the whole history of some series of one timeframe, as it is now."""
    return {
        tracker.key[0]: (tracker.series.bars, occurrences(tracker, tracker.series.offset))
        for tracker in trackers
    }


def measured(timeframe: str, news: News, settings: WorthSettings) -> TimeframeLedger:
    """Return the worth of a timeframe's patterns over whole histories.

    Takes long for many symbols, and touches nothing else: made for a thread of its own.
    """
    ledger = Ledger(PATTERNS, settings)
    if news:
        ledger.load(timeframe, news)
    return ledger.timeframe(timeframe)


def occurrences(tracker: Tracker, start: int, first: int | None = None) -> Occurrences:
    """Return what was confirmed from bar `first` on; bars are counted from `start`."""
    first = start if first is None else first
    columns = tracker.candles
    begin = columns.place_of(first)
    pattern = np.frombuffer(columns.pattern, np.int16)[begin:]
    direction = np.frombuffer(columns.direction, np.int8)[begin:]
    bar = np.frombuffer(columns.bar, np.int64)[begin:] - start
    shapes = [row for row in tracker.confirmed if row[2] >= first]
    if shapes:
        names, signs, numbers = zip(*shapes, strict=True)
        pattern = np.concatenate((pattern, [_NUMBERS[name] for name in names])).astype(np.int16)
        direction = np.concatenate((direction, signs)).astype(np.int8)
        bar = np.concatenate((bar, np.array(numbers) - start))
    directed = direction != 0
    rows = np.stack((bar, pattern, direction))[:, directed].astype(np.int64)
    order = np.lexsort((rows[2], rows[1], rows[0]))
    rows = rows[:, order]
    return Occurrences(rows[1].astype(np.int16), rows[2].astype(np.int8), rows[0].astype(np.int32))
