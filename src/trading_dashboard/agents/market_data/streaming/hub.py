"""`/stream`: who is subscribed to what, and handing updates on.

Owns subscriptions and the loop that keeps a market's time and hands on what happens in it. The
updates themselves are the `MarketFeed`'s, a replay's or a live market's; what a slow reader misses
is `Outbox`'s. All of it runs on one event loop without awaiting between a snapshot and the
registration it belongs to, so no update is lost or doubled in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from trading_dashboard.agents.kit.subscribers import Subscribers
from trading_dashboard.agents.market_data.streaming.feed import MarketFeed
from trading_dashboard.agents.market_data.streaming.outbox import Missed
from trading_dashboard.agents.market_data.streaming.readership import (
    ALL,
    MAX_PATTERN_LENGTH,
    MAX_PATTERNS,
    Readership,
    TooManyPatterns,
    fitting,
    is_pattern,
    matches,
)
from trading_dashboard.agents.market_data.streaming.subscriber import Subscriber

CLOCK_SECONDS = 1.0
MAX_MISSED = 20_000
"""Messages sent after one return; symbols beyond that are begun anew."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Return:
    """Where a reader that was here before wants to go on.

    Attributes:
        epoch: The numbering it knows.
        after: The event up to which it has got all.
        since: The newest market time it has seen, as text, if it says so.
    """

    epoch: str
    after: int
    since: str | None = None


class StreamHub(Subscribers[Subscriber]):
    """All subscribers of this agent, and the loop that moves market time and the updates."""

    def __init__(self, feed: MarketFeed) -> None:
        super().__init__()
        self._feed = feed
        self._readership: Readership[Subscriber] = Readership()
        self._phase = feed.phase()
        self._clock_told_at = 0.0
        self._changed = asyncio.Event()
        self._touched: set[Subscriber] = set()
        feed.bind(self._changed.set)

    # Life

    async def run(self) -> None:
        """Keep market time going and hand updates on, for ever."""
        told: str | None = None
        while True:
            self._feed.keep()
            if (trouble := self._feed.trouble) and not told:
                logger.error("Market time stands still, it cannot be recorded: %s", trouble)
            told = trouble
            self.advance()
            if self._subscribers:
                self._tell_clock_now_and_then()
            await self._rest()

    def jumped(self) -> None:
        """Tell everyone that the clock was set: history must be read anew."""
        self._feed.jump()
        self._phase = self._feed.phase()
        listed = self._feed.listed()
        clock = self._clock_body()
        for subscriber in self._subscribers:
            subscriber.outbox.reset('"type":"reset","reason":"clock_jump"')
            subscriber.outbox.reply(clock)  # before the snapshots: their events are of its epoch
            for symbol in listed:
                if symbol in subscriber.intervals:
                    self._snapshot(subscriber, symbol)
            subscriber.wake()
        self._changed.set()

    def clock_changed(self) -> None:
        """Tell everyone the clock's state and look at the pace anew."""
        self._tell_clock()
        self._changed.set()

    # Subscribers

    def join(self) -> Subscriber:
        """Add a subscriber, who is told the clock at once."""
        subscriber = Subscriber()
        self._enter(subscriber)
        subscriber.outbox.reply(self._clock_body())
        self._changed.set()
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Remove a subscriber."""
        super().leave(subscriber)
        self._touched.discard(subscriber)
        for symbol in subscriber.intervals:
            self._readership.remove(subscriber, symbol)

    def resolve(self, symbol: str, subscriber: Subscriber) -> str:
        """Return a symbol or pattern as it is known here; a pattern counts from now on.

        Raises:
            UnknownSymbol, TooManyPatterns.
        """
        if not is_pattern(symbol):
            return self._feed.resolve(symbol)
        pattern, own = symbol.strip().upper(), subscriber.patterns
        if len(pattern) > MAX_PATTERN_LENGTH or (pattern not in own and len(own) >= MAX_PATTERNS):
            raise TooManyPatterns
        own.setdefault(pattern, set())
        return pattern

    def offers(self, interval: str) -> bool:
        """Return whether bars of this interval are made here."""
        return self._feed.offers(interval)

    def subscribe(
        self,
        subscriber: Subscriber,
        symbols: Iterable[str],
        intervals: Iterable[str],
        back: Return | None = None,
    ) -> None:
        """Add symbols (known ones, or patterns) with intervals; each gets a snapshot now.

        Who comes `back` gets what it missed instead, as far as that is still known.
        """
        self.advance()
        added = set(intervals)
        targets: dict[str, None] = {}
        for symbol in symbols:
            if is_pattern(symbol):
                subscriber.patterns.setdefault(symbol, set()).update(added)
                targets.update(dict.fromkeys(fitting(symbol, self._feed.symbols())))
            else:
                targets[symbol] = None
        for target in targets:
            self._add(subscriber, target, added)
        listed = set(self._feed.listed()).intersection(targets)
        shown = [target for target in targets if target in listed]
        if back is None:
            for symbol in shown:
                self._snapshot(subscriber, symbol)
        else:
            self._resume(subscriber, shown, back)
        self._changed.set()
        subscriber.wake()

    def unsubscribe(
        self, subscriber: Subscriber, symbols: Iterable[str], intervals: Iterable[str]
    ) -> None:
        """Remove symbols; with intervals given, only those intervals of the symbols."""
        removed = set(intervals)
        for symbol in symbols:
            targets = [symbol]
            if is_pattern(symbol):
                targets = fitting(symbol, subscriber.intervals)
                _forget_patterns(subscriber, symbol, removed)
            for target in targets:
                subscriber.outbox.forget(target, removed)
                self._readership.remove(subscriber, target, removed)
                if removed:
                    subscriber.intervals.get(target, set()).difference_update(removed)
                else:
                    subscriber.intervals.pop(target, None)

    # Updates

    def advance(self) -> None:
        """Hand on all that happened since the last call."""
        self._feed.advance(self._readership.wanted, self)
        touched, self._touched = self._touched, set()
        for subscriber in touched:
            subscriber.wake()
        if (phase := self._feed.phase()) != self._phase:
            self._phase = phase
            self._tell_clock()

    def tick(self, symbol: str, body: str, merged: int, event: int, first: int) -> None:
        """Hand a tick on."""
        readers = [it for it in self._readership.of(symbol) if not it.closed_only]
        if readers:
            body = f'"event":{event},{body}'
            for subscriber in readers:
                subscriber.outbox.tick(symbol, body, merged, event, first)
            self._touched.update(readers)

    def forming(self, symbol: str, interval: str, body: str, event: int, first: int) -> None:
        """Hand the state of a forming bar on."""
        body = f'"event":{event},{body}'
        for subscriber in self._readers(symbol, interval, forming=True):
            subscriber.outbox.forming(symbol, interval, body, event, first)

    def closed(self, symbol: str, interval: str, body: str, event: int, first: int) -> None:
        """Hand a closed bar on."""
        body = f'"event":{event},{body}'
        for subscriber in self._readers(symbol, interval):
            subscriber.outbox.closed(symbol, interval, body, event, first)

    def amended(self, symbol: str, interval: str, body: str, event: int, first: int) -> None:
        """Hand a closed bar on that has changed."""
        body = f'"event":{event},{body}'
        for subscriber in self._readers(symbol, interval):
            subscriber.outbox.amended(symbol, interval, body, event, first)

    def listed(self, symbol: str) -> None:
        """Send a newly listed symbol's state to everyone who wants it."""
        for subscriber in self._subscribers:
            if symbol not in subscriber.intervals:
                for pattern, intervals in subscriber.patterns.items():
                    if matches(pattern, symbol):
                        self._add(subscriber, symbol, intervals)
            if symbol in subscriber.intervals:
                self._snapshot(subscriber, symbol)

    def restarted(self, symbol: str, body: str) -> None:
        """Tell everyone who reads a symbol to begin with it anew, now or once there is a price."""
        is_listed = symbol in self._feed.listed()
        for subscriber in self._readership.of(symbol):
            subscriber.outbox.forget(symbol)
            if is_listed:
                self._snapshot(subscriber, symbol, before=body)
            else:
                subscriber.outbox.reply(body)
                self._touched.add(subscriber)

    @property
    def wanted(self) -> Mapping[str, Collection[str]]:
        """Return the symbols that somebody reads, with the intervals."""
        return self._readership.wanted

    # Figures

    @property
    def record_error(self) -> str | None:
        """Return why market time stands still though it should not; None while all is well."""
        return self._feed.trouble

    # Private

    async def _rest(self) -> None:
        """Wait until something is due: a tick, the record, or a change."""
        pause = self._feed.pause(self._readership.wanted)
        if self._subscribers and self._feed.is_moving:
            pause = CLOCK_SECONDS if pause is None else min(pause, CLOCK_SECONDS)
        if not self._changed.is_set() or pause is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()
        self._changed.clear()

    def _readers(self, symbol: str, interval: str, *, forming: bool = False) -> list[Subscriber]:
        readers = self._readership.of(symbol)
        found = [
            reader
            for reader, intervals in readers.items()
            if interval in intervals and not (forming and reader.closed_only)
        ]
        self._touched.update(found)
        return found

    def _add(self, subscriber: Subscriber, symbol: str, intervals: Iterable[str]) -> None:
        intervals = set(intervals)
        subscriber.intervals.setdefault(symbol, set()).update(intervals)
        self._readership.add(subscriber, symbol, intervals)
        self._feed.read(symbol, intervals)

    def _resume(self, subscriber: Subscriber, symbols: Sequence[str], back: Return) -> None:
        """Give a reader what it missed of the symbols; what is not known any more begins anew."""
        feed = self._feed
        if back.epoch != feed.epoch or back.after > feed.event:
            subscriber.outbox.reply(_reset("reconnected", back.since, feed.now()))
            for symbol in symbols:
                self._snapshot(subscriber, symbol)
            return
        missed: list[Missed] = []
        for symbol in symbols:
            own = feed.missed(symbol, sorted(subscriber.intervals[symbol]), back.after)
            if own is None or len(missed) + len(own) > MAX_MISSED:
                since = feed.time_of(back.after) or back.since
                before = _reset("gap", since, feed.now(), symbol)
                self._snapshot(subscriber, symbol, before=before)
            else:
                missed.extend(own)
        missed.sort(key=lambda message: message.event)
        subscriber.outbox.missed(missed)
        about = f'"event":{feed.event},"symbols":{len(symbols)},"missed":{len(missed)}'
        subscriber.outbox.resumed(f'"type":"resumed","epoch":"{feed.epoch}",{about}', feed.event)

    def _tell_clock_now_and_then(self) -> None:
        if self._feed.is_moving and time.monotonic() - self._clock_told_at >= CLOCK_SECONDS:
            self._tell_clock()

    def _tell_clock(self) -> None:
        self._clock_told_at = time.monotonic()
        body = self._clock_body()
        for subscriber in self._subscribers:
            subscriber.outbox.clock(body, self._feed.event)
            subscriber.wake()

    def _clock_body(self) -> str:
        return f'"type":"clock","clock":{self._feed.clock_body()},"epoch":"{self._feed.epoch}"'

    def _snapshot(self, subscriber: Subscriber, symbol: str, *, before: str | None = None) -> None:
        intervals = sorted(subscriber.intervals[symbol])
        event = self._feed.event
        body = f'"event":{event},{self._feed.snapshot_body(symbol, intervals)}'
        subscriber.outbox.snapshot(symbol, body, event, before)
        self._touched.add(subscriber)


def _forget_patterns(subscriber: Subscriber, symbol: str, intervals: set[str]) -> None:
    """Take patterns back: the one named, or all of them with ``*``."""
    for pattern in list(subscriber.patterns) if symbol == ALL else [symbol]:
        if intervals:
            subscriber.patterns.get(pattern, set()).difference_update(intervals)
        else:
            subscriber.patterns.pop(pattern, None)


def _reset(reason: str, start: str | None, end: str, symbol: str | None = None) -> str:
    """Return a reset that names what is to be read as history."""
    about = orjson.dumps(
        {
            "type": "reset",
            "reason": reason,
            **({} if symbol is None else {"symbol": symbol}),
            "start": start,
            "end": end,
        }
    )
    return about.decode()[1:-1]
