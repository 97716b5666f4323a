"""Every series followed, what was found in it, and the record of both.

Owns that the record always says what the bars say: a bar that is new adds to it, a bar that was
amended has its series looked at anew. Numbers events, each once, and writes them down before
anybody is told. One thread uses it; it knows no clock, no socket and no other agent.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.errors import RecordUnusable
from trading_dashboard.agents.pattern_recognition.live.candle_batch import latest_of
from trading_dashboard.agents.pattern_recognition.live.found import Body, Finding, Key
from trading_dashboard.agents.pattern_recognition.live.label import UNKNOWN, Basis, Label
from trading_dashboard.agents.pattern_recognition.live.record import Kept, Record
from trading_dashboard.agents.pattern_recognition.live.series import Row, microseconds_of
from trading_dashboard.agents.pattern_recognition.live.tracker import Checkpoint, Tracker
from trading_dashboard.agents.pattern_recognition.live.worths import News, Worths, news_of
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.worth.settings import WorthSettings
from trading_dashboard.agents.pattern_recognition.worth.timeframe import TimeframeLedger

WORTH_AT_ONCE = 24
"""So many detections told together have their worth with them; of more, chart patterns only."""
LEARNT_AT_ONCE = 64
"""If the outcomes of more series wait to be counted, detections are told without their worth."""
TRIM_BARS = 2_048
"""A series is cut back to its length at the start when it has grown by so many bars."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Event:
    """Something that happened, with its number."""

    number: int
    found: Finding
    worth: list[Body] = field(default_factory=list)
    """As known when it was confirmed. None of candlesticks where very many came at once."""


@dataclass(slots=True)
class Brought:
    """What became of new bars.

    Attributes:
        events: To be told, in order.
        replaced: Series of which something that was told is not so any more.
        loaded: Series that are there now and were not before.
    """

    events: list[Event] = field(default_factory=list)
    replaced: set[Key] = field(default_factory=set)
    loaded: set[Key] = field(default_factory=set)
    failure: RecordUnusable | None = None
    """What kept the rest from being written down; what is told here was."""

    def add(self, other: Brought) -> None:
        """Take over another one's content, as what happened after this."""
        self.events += other.events
        self.replaced |= other.replaced
        self.loaded |= other.loaded


class PatternBook:
    """All trackers of this agent."""

    def __init__(
        self, record: Record, shapes: ShapeSettings, worth: WorthSettings, history_bars: int
    ) -> None:
        self.worths = Worths(worth)
        self.trackers: dict[Key, Tracker] = {}
        self.label = UNKNOWN
        self.bars_seen = 0
        """Closed bars looked at as they came."""
        self._record = record
        self._shapes = shapes
        self._history_bars = history_bars
        self._kept = record.series()
        self._event = record.event
        self._newest: dict[str, int] = {}
        """By timeframe, the newest bar's opening time."""
        self._unlearnt: dict[Key, int] = {}
        """By series, the first bar whose outcomes are not counted yet."""
        self._stale_ledgers: set[str] = set()

    @property
    def event(self) -> int:
        """The number of the newest event."""
        return self._event

    @property
    def has_to_learn(self) -> bool:
        """Return whether there are bars whose outcomes are not counted yet."""
        return bool(self._unlearnt)

    @property
    def is_late_to_learn(self) -> bool:
        """Return whether outcomes wait that the worth of the newest bars rests on."""
        return bool(self._unlearnt_before(self._newest))

    @property
    def has_histories_to_learn(self) -> bool:
        """Return whether there are timeframes whose worth has to be measured from the beginning."""
        return bool(self._stale_ledgers)

    # Beginning

    def begin(self, label: Label) -> bool:
        """Follow this source from now on; return whether what was known is of another one.

        Two sources are never mixed: what another one's bars showed is forgotten.
        """
        said = {name: str(value) for name, value in label.body().items()}
        known = {name: self._record.fact(name) for name in said}
        is_other = any(known.values()) and known != said
        if is_other:
            logger.warning("The source is %s now, not %s: all is looked at anew", said, known)
        if known != said:
            self._record.begin_anew(said)
            self._kept.clear()
            self.trackers.clear()
            self.worths.forget()
        self.label = label
        return is_other

    def first_of(self, key: Key) -> int | None:
        """Return from which opening time on a series is needed; None if it does not matter."""
        kept = self._kept.get(key)
        return None if kept is None else kept.first

    def load(self, key: Key, bars: Bars, basis: Basis) -> Brought:
        """Look at a series' history, and go on from there.

        What the record says of it stays as it is if the bars still say so, and what came since it
        was last looked at is new. Else the series begins anew.
        """
        kept = self._kept.get(key)
        if kept is None:
            return self._load_fresh(key, bars, basis)
        tracker = self._go_on(key, bars, basis, kept)
        if tracker is None:
            logger.info("Bars of %s %s are others than before: looked at anew", *key)
            return self._load_fresh(key, bars, basis, was_kept=True)
        found = tracker.look() + tracker.look_for_candles(after=kept.last)
        found.sort(key=lambda it: it.at)
        last = tracker.series.last_time or kept.last
        events = self._written_down(found, {key: replace(kept, last=last)})
        self._take_over(key, tracker)
        return Brought(events, loaded={key})

    def forget(self, symbols: Iterable[str] | None = None) -> set[Key]:
        """Forget symbols, or all there is; return the series that are gone."""
        wanted = None if symbols is None else set(symbols)
        known = {*self._kept, *self.trackers}
        gone = {key for key in known if wanted is None or key[0] in wanted}
        if gone:
            self._record.write(forget=gone)
        for key in gone:
            self._kept.pop(key, None)
            self.trackers.pop(key, None)
            self._stale_ledgers.add(key[1])
        if symbols is None:
            self.worths.forget()
            self._newest.clear()
        return gone

    # Following

    def push(self, rows: Sequence[tuple[Key, Row]], *, in_haste: bool = False) -> Brought:
        """Take closed bars in the order they came; return what they brought.

        Args:
            rows: Bars.
            in_haste: More are waiting: candlesticks are told without their worth.
        """
        outcome = Brought()
        try:
            self._look_at(rows, outcome)
        except RecordUnusable as error:
            # What was written before has to be told; the rest is to be read again.
            outcome.failure = error
        self._add_worth(outcome.events, in_haste=in_haste)
        return outcome

    def _look_at(self, rows: Sequence[tuple[Key, Row]], outcome: Brought) -> None:
        amended: dict[Key, None] = {}
        waiting = list(rows)
        while waiting:
            # One bar of each series at a time: candlesticks of all of them are found together.
            wave: dict[Key, Row] = {}
            later = []
            for key, row in waiting:
                if key in wave:
                    later.append((key, row))
                elif self._is_next(key, row, amended):
                    wave[key] = row
            waiting = later
            if wave:
                self._push_wave(wave, outcome)
        for key in amended:
            tracker = self.trackers[key]
            outcome.add(self.load(key, tracker.series.bars, tracker.basis))
            if self.trackers[key].candles != tracker.candles:
                outcome.replaced.add(key)

    def learn(self, most: int | None = None) -> bool:
        """Take the newest bars into the worth of patterns, now that what they showed is told.

        Returns whether there are more.

        Args:
            most: Of so many series, so that what is live does not wait; of all if None.
        """
        self._learn(list(self._unlearnt)[:most])
        return self.has_to_learn

    def _learn(self, keys: Iterable[Key]) -> None:
        known = []
        for key in keys:
            self._unlearnt.pop(key, None)
            if key[1] not in self._stale_ledgers and key in self.trackers:
                known.append(self.trackers[key])
        self.worths.learn(known)

    def history_to_learn(self) -> tuple[str, News]:
        """Return a timeframe whose worth is to be measured from the beginning, and its history."""
        timeframe = self._stale_ledgers.pop()
        own = [tracker for key, tracker in self.trackers.items() if key[1] == timeframe]
        return timeframe, news_of(own)

    def take_worth(self, timeframe: str, measured: TimeframeLedger) -> None:
        """Use what was measured, unless it was of what is not so any more."""
        if timeframe in self._stale_ledgers:
            return
        self.worths.take(timeframe, measured)
        # What came while it was measured is counted a few series at a time, as all that is new.
        for key, tracker in self.trackers.items():
            if key[1] == timeframe and (first := self.worths.first_unknown(tracker)) is not None:
                self._unlearnt[key] = first

    def worth_of(self, bodies: Sequence[Body]) -> list[list[Body]]:
        """Return the worth of detections as known when they were confirmed."""
        newest: dict[str, str] = {}
        for body in bodies:
            at, timeframe = body["confirmed_at"], body["timeframe"]
            if at is not None and at > newest.get(timeframe, ""):
                newest[timeframe] = at
        moments = {timeframe: microseconds_of(at) for timeframe, at in newest.items()}
        # Only what ended before counts: bars of the same moment may wait.
        self._learn(self._unlearnt_before(moments))
        return self.worths.of(bodies)

    def _unlearnt_before(self, moments: Mapping[str, int]) -> list[Key]:
        """Return series with outcomes to be counted before a moment of their timeframe."""
        return [key for key, time in self._unlearnt.items() if time < moments.get(key[1], 0)]

    def _add_worth(self, events: Sequence[Event], *, in_haste: bool) -> None:
        confirmed = [it for it in events if it.found.body["confirmed_at"] is not None]
        if len(self._unlearnt_before(self._newest)) > LEARNT_AT_ONCE:
            return
        if in_haste or len(confirmed) > WORTH_AT_ONCE:
            confirmed = [it for it in confirmed if it.found.body["kind"] == "chart"]
        told = self.worth_of([event.found.body for event in confirmed])
        for event, worth in zip(confirmed, told, strict=True):
            event.worth = worth

    def _is_next(self, key: Key, row: Row, amended: dict[Key, None]) -> bool:
        """Return whether a bar continues its series; put it in its place if it was amended."""
        tracker = self.trackers.get(key)
        if tracker is None:
            return False
        last = tracker.series.last_time
        if last is None or row.time > last:
            return True
        if tracker.series.replace(row):
            amended[key] = None
        return False

    def _push_wave(self, wave: Mapping[Key, Row], outcome: Brought) -> None:
        trackers = [self.trackers[key] for key in wave]
        found: list[Finding] = []
        for tracker, row in zip(trackers, wave.values(), strict=True):
            found += tracker.push(row)
        hits = latest_of([tracker.series for tracker in trackers])
        for tracker, own in zip(trackers, hits, strict=True):
            found += [tracker.add_candle(*hit) for hit in own]
        series: dict[Key, Kept] = {}
        for key, row in wave.items():
            kept = self._kept.get(key)
            if kept is None:
                kept = Kept(row.time, row.time, self.trackers[key].basis.dump())
            series[key] = Kept(kept.first, row.time, kept.basis, kept.checkpoint)
            self._unlearnt.setdefault(key, row.time)
            self._newest[key[1]] = max(self._newest.get(key[1], 0), row.time)
        self.bars_seen += len(wave)
        outcome.events += self._written_down(found, series)
        for key in wave:
            self._trim(key)

    # Private

    def _go_on(self, key: Key, bars: Bars, basis: Basis, kept: Kept) -> Tracker | None:
        """Return a tracker that stands where the record does; None if the bars say otherwise."""
        part = _from(bars, kept)
        if part is None or basis.dump() != kept.basis:
            return None
        checkpoint = None if kept.checkpoint is None else Checkpoint.load(kept.checkpoint)
        if checkpoint is not None and checkpoint.last not in part.time:
            return None
        tracker = Tracker(key, part, basis, self._shapes, checkpoint)
        tracker.look(until=kept.last)
        return tracker if tracker.agree(self._record.detections(key)) else None

    def _load_fresh(self, key: Key, bars: Bars, basis: Basis, *, was_kept: bool = False) -> Brought:
        if len(bars) > self._history_bars + TRIM_BARS:
            bars = bars.between(len(bars) - self._history_bars, len(bars))
        tracker = Tracker(key, bars, basis, self._shapes)
        tracker.look()
        tracker.look_for_candles()
        series = {}
        if len(bars):
            series[key] = Kept(int(bars.time[0]), int(bars.time[-1]), basis.dump())
        self._record.write(forget=[key], series=series, found=_shapes(tracker.shapes, key))
        self._take_over(key, tracker)
        self._kept.pop(key, None)
        self._kept.update(series)
        return Brought(replaced={key} if was_kept else set(), loaded={key})

    def _take_over(self, key: Key, tracker: Tracker) -> None:
        self.trackers[key] = tracker
        self._stale_ledgers.add(key[1])

    def _written_down(self, found: Sequence[Finding], series: Mapping[Key, Kept]) -> list[Event]:
        """Number what was found and write it down; if that fails nothing of it counts as known."""
        events = [Event(self._event + place, it) for place, it in enumerate(found, 1)]
        event = self._event + len(events)
        # A checkpoint that is on disk already is not written again with every bar.
        slim = {
            key: kept if kept.checkpoint is None else replace(kept, checkpoint=None)
            for key, kept in series.items()
        }
        self._record.write(event=event, series=slim, found=_changed(events))
        self._event = event
        self._kept.update(series)
        return events

    def _trim(self, key: Key) -> None:
        """Cut a series that has grown long; write down what is needed to go on without the rest."""
        tracker = self.trackers[key]
        if len(tracker.series) < self._history_bars + TRIM_BARS:
            return
        checkpoint, gone = tracker.forget(self._history_bars)
        kept = replace(
            self._kept[key],
            first=tracker.series.time_at(tracker.series.offset),
            last=checkpoint.last,
            checkpoint=checkpoint.dump(),
        )
        self._record.write(series={key: kept}, drop=[(key, name) for name in gone])
        self._kept[key] = kept


def _from(bars: Bars, kept: Kept) -> Bars | None:
    """Return the bars that count; None if they are gone, or end sooner than before."""
    if not len(bars) or bars.time[-1] < kept.last:
        return None
    first = int(np.searchsorted(bars.time, kept.first))
    if first >= len(bars) or bars.time[first] != kept.first:
        return None
    return bars.between(first, len(bars))


def _shapes(bodies: Mapping[str, Body], key: Key) -> list[tuple[Key, str, Body]]:
    return [(key, name, body) for name, body in bodies.items()]


def _changed(events: Sequence[Event]) -> list[tuple[Key, str, Body]]:
    """Return the chart patterns among events; candlesticks are found anew from the bars."""
    bodies = [event.found for event in events if event.found.body["kind"] == "chart"]
    return [(found.key, str(found.body["id"]), found.body) for found in bodies]
