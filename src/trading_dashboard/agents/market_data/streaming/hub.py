"""`/stream`: who is subscribed to what, and handing updates on.

Owns subscriptions, sequence numbers and the pace of updates. The updates themselves are `Feed`'s,
what a slow reader misses is `Outbox`'s. All of it runs on one event loop without awaiting between
a snapshot and the registration it belongs to, so no update is lost or doubled in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable

import orjson

from trading_dashboard.agents.market_data.demo.clock import RENEW_SECONDS, ReplayClock
from trading_dashboard.agents.market_data.demo.feed import Feed
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.timeline import Instant
from trading_dashboard.agents.market_data.streaming.outbox import Outbox

MIN_STEP_SECONDS = 0.05
"""Ticks of a symbol come no closer together than this, on the wall clock."""
SILENCE_SECONDS = 1.0
CLOCK_SECONDS = 1.0
MAX_SUBSCRIBERS = 64
ALL = "*"

Send = Callable[[str], Awaitable[None]]

logger = logging.getLogger(__name__)


class Subscriber:
    """One connection's subscriptions and what it has still to be sent."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.intervals: dict[str, set[str]] = {}
        """Intervals by symbol, listed or not; a symbol without intervals gets ticks only."""
        self._wake = asyncio.Event()
        self._is_closing = False
        self._seq = 0
        self.sent = 0

    def wake(self) -> None:
        """Let `pump` look at the outbox."""
        self._wake.set()

    def close(self) -> None:
        """End `pump`; what still waits is not sent."""
        self._is_closing = True
        self._wake.set()

    async def pump(self, send: Send) -> None:
        """Send what waits, one message at a time, until `close`; heartbeats fill silence."""
        while not self._is_closing:
            if self.outbox:
                await send(self._next())
                continue
            self._wake.clear()
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                self.outbox.reply('"type":"heartbeat"')

    def _next(self) -> str:
        body, conflated = self.outbox.take()
        self._seq += 1
        self.sent += 1
        mark = f',"conflated":{conflated}' if conflated else ""
        return f'{{"seq":{self._seq},{body}{mark}}}'


class StreamHub:
    """All subscribers of this agent, and the loop that moves the clock's record and the updates."""

    def __init__(self, market: DemoMarket, clock: ReplayClock) -> None:
        self._market = market
        self._clock = clock
        self._feed = Feed(market)
        self._subscribers: set[Subscriber] = set()
        self._wanted: dict[str, set[str]] = {}
        self._served = clock.position()
        self._session = clock.instant().session
        self._finished = clock.instant().finished
        self._clock_told_at = 0.0
        self._changed = asyncio.Event()
        self._gone_sent = 0
        self._gone_conflated = 0
        self.empty = asyncio.Event()
        """Set while there is no subscriber."""
        self.empty.set()
        self.record_error: str | None = None
        """Why the position cannot be put on record now; None while all is well."""

    # Life

    async def run(self) -> None:
        """Renew the clock's record and hand updates on, for ever."""
        renewed_at = -math.inf
        while True:
            now = time.monotonic()
            if now - renewed_at >= RENEW_SECONDS:
                self._renew()
                renewed_at = now
            if self._subscribers:
                self.advance()
                self._tell_clock_now_and_then(now)
            await self._rest(renewed_at)

    def close(self) -> None:
        """End every subscriber's pump."""
        for subscriber in self._subscribers:
            subscriber.close()

    def jumped(self) -> None:
        """Tell everyone that the clock was set: history must be read anew."""
        instant = self._clock.instant()
        self._served = instant.position
        self._session, self._finished = instant.session, instant.finished
        listed = self._market.listed(instant)
        for subscriber in self._subscribers:
            subscriber.outbox.reset('"type":"reset","reason":"clock_jump"')
            for symbol in listed:
                if symbol in subscriber.intervals:
                    self._snapshot(subscriber, symbol, instant)
        self.clock_changed()

    def clock_changed(self) -> None:
        """Tell everyone the clock's state and look at the pace anew."""
        self._tell_clock(time.monotonic())
        self._changed.set()

    # Subscribers

    @property
    def is_full(self) -> bool:
        """Return whether no more subscribers are taken."""
        return len(self._subscribers) >= MAX_SUBSCRIBERS

    def join(self) -> Subscriber:
        """Add a subscriber, who is told the clock at once."""
        subscriber = Subscriber()
        self._subscribers.add(subscriber)
        self.empty.clear()
        subscriber.outbox.clock(self._clock_body())
        self._changed.set()
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Remove a subscriber."""
        self._subscribers.discard(subscriber)
        if not self._subscribers:
            self.empty.set()
        self._gone_sent += subscriber.sent
        self._gone_conflated += subscriber.outbox.conflated
        self._count_wanted()

    def subscribe(
        self, subscriber: Subscriber, symbols: Iterable[str], intervals: Iterable[str]
    ) -> None:
        """Add symbols (known ones, or ``*``) with intervals; each gets a snapshot now."""
        self.advance()
        instant = self._market.timeline.at(self._served)
        added = set(intervals)
        listed = self._market.listed(instant)
        for symbol in symbols:
            for target in self._market.series if symbol == ALL else [symbol]:
                subscriber.intervals.setdefault(target, set()).update(added)
                if target in listed:
                    self._snapshot(subscriber, target, instant)
        self._count_wanted()
        subscriber.wake()
        self._changed.set()

    def unsubscribe(
        self, subscriber: Subscriber, symbols: Iterable[str], intervals: Iterable[str]
    ) -> None:
        """Remove symbols; with intervals given, only those intervals of the symbols."""
        removed = set(intervals)
        for symbol in symbols:
            for target in list(subscriber.intervals) if symbol == ALL else [symbol]:
                subscriber.outbox.forget(target, removed)
                if removed:
                    subscriber.intervals.get(target, set()).difference_update(removed)
                else:
                    subscriber.intervals.pop(target, None)
        self._count_wanted()

    # Updates

    def advance(self) -> None:
        """Hand on all that happened since the last call."""
        instant = self._clock.instant()
        if self._wanted:
            served, self._served = self._served, instant.position
            self._feed.advance(served, instant.position, self._wanted, self)
            for subscriber in self._subscribers:
                if subscriber.outbox:
                    subscriber.wake()
        self._served = instant.position
        if (instant.session, instant.finished) != (self._session, self._finished):
            self._session, self._finished = instant.session, instant.finished
            self._tell_clock(time.monotonic())

    def tick(self, symbol: str, body: str, merged: int) -> None:
        """Hand a tick on."""
        for subscriber in self._subscribers:
            if symbol in subscriber.intervals:
                subscriber.outbox.tick(symbol, body, merged)

    def bar(self, symbol: str, interval: str, body: str, *, closed: bool) -> None:
        """Hand a bar on."""
        for subscriber in self._subscribers:
            if interval in subscriber.intervals.get(symbol, ()):
                if closed:
                    subscriber.outbox.closed(symbol, interval, body)
                else:
                    subscriber.outbox.forming(symbol, interval, body)

    def listed(self, symbol: str) -> None:
        """Send a newly listed symbol's state to everyone who wants it."""
        instant = self._market.timeline.at(self._served)
        for subscriber in self._subscribers:
            if symbol in subscriber.intervals:
                self._snapshot(subscriber, symbol, instant)

    # Figures

    @property
    def subscribers(self) -> int:
        """Return how many connections there are."""
        return len(self._subscribers)

    @property
    def sent(self) -> int:
        """Return messages sent since the start."""
        return self._gone_sent + sum(item.sent for item in self._subscribers)

    @property
    def conflated(self) -> int:
        """Return updates merged for slow readers since the start."""
        return self._gone_conflated + sum(item.outbox.conflated for item in self._subscribers)

    # Private

    def _renew(self) -> None:
        try:
            self._clock.renew()
        except OSError as error:
            if self.record_error is None:
                logger.error("The replay's position cannot be recorded, it stands still: %s", error)
            self.record_error = str(error)
        else:
            self.record_error = None

    async def _rest(self, renewed_at: float) -> None:
        """Wait until something is due: a tick, the record, or a change."""
        self._changed.clear()
        is_moving = self._clock.is_moving
        pause: float | None = None
        if is_moving:
            pause = renewed_at + RENEW_SECONDS - time.monotonic()
            if self._wanted:
                to_next_second = (math.floor(self._served) + 1 - self._served) / self._clock.speed
                pause = min(pause, to_next_second)
            pause = max(pause, MIN_STEP_SECONDS)
        elif self.record_error:
            pause = RENEW_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._changed.wait()

    def _tell_clock_now_and_then(self, now: float) -> None:
        if self._clock.is_moving and now - self._clock_told_at >= CLOCK_SECONDS:
            self._tell_clock(now)

    def _tell_clock(self, now: float) -> None:
        self._clock_told_at = now
        body = self._clock_body()
        for subscriber in self._subscribers:
            subscriber.outbox.clock(body)
            subscriber.wake()

    def _clock_body(self) -> str:
        return f'"type":"clock","clock":{self._clock.state().model_dump_json()}'

    def _snapshot(self, subscriber: Subscriber, symbol: str, instant: Instant) -> None:
        intervals = sorted(subscriber.intervals[symbol])
        body = self._feed.snapshot_body(symbol, intervals, instant)
        subscriber.outbox.snapshot(symbol, body)
        subscriber.wake()

    def _count_wanted(self) -> None:
        wanted: dict[str, set[str]] = {}
        for subscriber in self._subscribers:
            for symbol, intervals in subscriber.intervals.items():
                wanted.setdefault(symbol, set()).update(intervals)
        self._wanted = wanted


def error_message(body: dict[str, object]) -> str:
    """Return the inside of an error message from an `error_body`."""
    return f'"type":"error",{orjson.dumps(body).decode()[1:-1]}'
