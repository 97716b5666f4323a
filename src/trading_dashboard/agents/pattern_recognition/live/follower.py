"""Follows market data: reads history, takes closed bars as they come, comes back after anything.

Owns the order in which things are done. What was found is the `PatternBook`'s, computed in a thread
of its own; who is told is decided by the `Listener`. Market data may be slow, gone, restarted, set
back, or of another source: each of these ends with the book saying what its bars say.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import date
from typing import Protocol, TypeVar

from trading_dashboard.agents.kit.memory import freeze, give_back
from trading_dashboard.agents.pattern_recognition.errors import MarketAway, RecordUnusable
from trading_dashboard.agents.pattern_recognition.live.book import Brought, PatternBook
from trading_dashboard.agents.pattern_recognition.live.found import Key
from trading_dashboard.agents.pattern_recognition.live.inbox import Inbox
from trading_dashboard.agents.pattern_recognition.live.label import Basis
from trading_dashboard.agents.pattern_recognition.live.market import History, Market
from trading_dashboard.agents.pattern_recognition.live.series import Row, moment
from trading_dashboard.agents.pattern_recognition.live.worths import measured
from trading_dashboard.models.errors import MarketDataError, UnknownSymbol
from trading_dashboard.models.market import Interval
from trading_dashboard.models.pattern_settings import MAX_FOLLOWED

NOT_YET = "Market data has not answered yet."
"""What is said before it was tried."""
SILENCE_SECONDS = 3.0
"""Market data says something each second; after so long without a word it is away."""
FIRST_RETRY_SECONDS = 0.5
MAX_RETRY_SECONDS = 15.0
BATCH = 128
"""Bars looked at together; what they bring is told before the next ones are looked at."""
MAX_CATCH_UP = 20_000
"""Bars read of one series to go on; if more were missed it begins anew."""
MAX_NAMED = 100
"""Symbols subscribed by name; more are picked from all."""
CHECKS_AT_ONCE = 8
LEARN_SECONDS = 1.0
"""Outcomes are counted so long after the last bar, if no worth rests on them before."""
LEARN_AT_ONCE = 16
"""Series whose outcomes are counted together; what is live comes in between."""
POSTPONED_SECONDS = 30.0
"""A symbol whose data cannot be had is asked for again after so long."""

Splits = tuple[tuple[date, float], ...]
Result = TypeVar("Result")
InThread = Callable[[Callable[[], Result]], Awaitable[Result]]

logger = logging.getLogger(__name__)


class Listener(Protocol):
    """Whoever is told what has happened."""

    def happened(self, outcome: Brought) -> None:
        """Take what bars have brought."""

    def forgotten(self, reason: str) -> None:
        """Take note that all begins anew."""

    def condition(self, reason: str | None) -> None:
        """Take note why nothing newer is known; None when it is."""


class Follower:
    """One market data agent, followed for ever."""

    def __init__(
        self,
        market: Market,
        book: PatternBook,
        listener: Listener,
        in_thread: InThread,  # type: ignore[type-arg]
        *,
        symbols: Sequence[str],
        timeframes: Sequence[Interval],
        history_bars: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.inbox = Inbox(monotonic)
        self.series_wanted = 0
        """How many series there are to be followed."""
        self.trouble: str | None = NOT_YET
        """Why nothing newer is known; None while the market is followed."""
        self.is_record_refused = False
        """Whether that is because the record cannot be written."""
        self._market = market
        self._book = book
        self._listener = listener
        self._in_thread = in_thread
        self._only = [name.upper() for name in symbols] or None
        self._timeframes = list(timeframes)
        self._history_bars = history_bars
        self._monotonic = monotonic
        self._splits: dict[str, Splits] = {}
        self._postponed: dict[str, float] = {}
        self._learn_at = 0.0
        self._measuring: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Follow for ever; after a failure begin again, with growing pauses."""
        try:
            await self._follow_for_ever()
        finally:
            gc.unfreeze()

    async def _follow_for_ever(self) -> None:
        pause = FIRST_RETRY_SECONDS
        while True:
            began = self._monotonic()
            try:
                await self._follow()
            except (MarketDataError, RecordUnusable) as error:
                self._say(str(error.message))
                self.is_record_refused = isinstance(error, RecordUnusable)
                logger.warning("%s Observed: %s", error, error.observed)
            if self._monotonic() - began > MAX_RETRY_SECONDS:
                pause = FIRST_RETRY_SECONDS
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_RETRY_SECONDS)

    # One following

    async def _follow(self) -> None:
        inbox = self.inbox
        names = await self._begin()
        reading = asyncio.create_task(self._read(names), name="market stream")
        watching = asyncio.create_task(self._watch(), name="market silence")
        try:
            while True:
                inbox.wake.clear()
                await self._work()
                if not inbox.has_work:
                    await _first_of(inbox.wake, reading)
        finally:
            tasks = [reading, watching, *([self._measuring] if self._measuring else [])]
            self._measuring = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _begin(self) -> list[str]:
        """Ask who is there; return what to subscribe to."""
        clock, label = await self._market.clock()
        listed = [info.symbol for info in await self._market.symbols()]
        followed = listed if self._only is None else [it for it in listed if it in self._only]
        followed = followed[:MAX_FOLLOWED]
        if await self._in_thread(lambda: self._book.begin(label)):
            self._listener.forgotten("source_changed")
        self._splits.clear()
        self._postponed.clear()
        self.inbox.clock, self.inbox.has_reconnected = clock, False
        self.inbox.follow(followed, self._only)
        self._count()
        is_whole = self._only is not None and set(self._only) <= set(listed)
        return followed if is_whole and len(followed) <= MAX_NAMED else ["*"]

    async def _read(self, names: Sequence[str]) -> None:
        async with aclosing(self._market.stream(names, self._timeframes)) as messages:
            async for message in messages:
                self.inbox.take(message)

    async def _watch(self) -> None:
        """Say when the stream has fallen silent, and when it speaks again."""
        while True:
            await asyncio.sleep(SILENCE_SECONDS / 6)
            heard = self.inbox.heard_at
            if heard is not None and self._monotonic() - heard > SILENCE_SECONDS:
                self._say("Market data does not answer.")
                continue
            now = self._monotonic()
            for symbol in [name for name, due in self._postponed.items() if due <= now]:
                del self._postponed[symbol]
                self.inbox.symbols_to_begin[symbol] = None
            self.inbox.wake.set()

    # What waits

    async def _work(self) -> None:
        """Deal with all that waits, what is live before what is old."""
        inbox = self.inbox
        while inbox.has_work:
            if inbox.restart is not None:
                await self._restart(inbox.restart)
            elif inbox.has_reconnected:
                await self._look_who_it_is()
            elif inbox.rows:
                await self._push()
            elif inbox.unchecked:
                await self._check_splits()
            elif inbox.behind:
                await self._catch_up(next(iter(inbox.behind)))
            else:
                await self._load(next(iter(inbox.symbols_to_begin)))
            self._settle()
        self._settle()
        if self._book.has_histories_to_learn and self._has_measured():
            self._measuring = asyncio.create_task(self._measure(), name="worth of history")
        elif self._book.is_late_to_learn or (
            self._book.has_to_learn and self._monotonic() >= self._learn_at
        ):
            if await self._in_thread(lambda: self._book.learn(LEARN_AT_ONCE)):
                inbox.wake.set()
            else:
                self._learn_at = self._monotonic() + LEARN_SECONDS

    def _has_measured(self) -> bool:
        """Return whether no history is being measured; raise what went wrong with the last."""
        if self._measuring is None:
            return True
        if self._measuring.done():
            self._measuring.result()
        return self._measuring.done()

    async def _measure(self) -> None:
        """Measure the worth of one timeframe's history, beside all that is live."""
        timeframe, news = await self._in_thread(self._book.history_to_learn)
        settings = self._book.worths.settings
        found = await asyncio.to_thread(measured, timeframe, news, settings)
        await self._in_thread(lambda: self._book.take_worth(timeframe, found))
        # A burst of bars must not wait while the collector looks through whole histories.
        await asyncio.to_thread(freeze)
        await asyncio.to_thread(give_back)
        self.inbox.wake.set()

    async def _push(self) -> None:
        """Look at the bars that wait, some at a time."""
        inbox = self.inbox
        rows, inbox.rows = inbox.rows[:BATCH], inbox.rows[BATCH:]
        in_haste = bool(inbox.rows)
        self._learn_at = self._monotonic() + LEARN_SECONDS
        self._tell(await self._in_thread(lambda: self._book.push(rows, in_haste=in_haste)))

    def _settle(self) -> None:
        """Say that the market is followed, if it is; history may still be on its way."""
        inbox = self.inbox
        is_behind = inbox.restart is not None or inbox.has_reconnected or bool(inbox.behind)
        heard = inbox.heard_at
        is_heard = heard is not None and self._monotonic() - heard <= SILENCE_SECONDS
        if is_heard and not is_behind:
            self._say(None)

    async def _restart(self, reason: str) -> None:
        """Forget everything and read it anew: the clock was set."""
        logger.info("Market data was reset (%s): all is looked at anew", reason)
        self.inbox.follow(self.inbox.known, self._only)
        await self._in_thread(self._book.forget)
        gc.unfreeze()
        self._listener.forgotten(reason)
        # What is listed may be less or more at another time.
        listed = {info.symbol for info in await self._market.symbols()}
        self.inbox.follow(self._chosen(listed), self._only)
        self._count()

    async def _look_who_it_is(self) -> None:
        """Go on after market data was started again; it may be another one."""
        _, label = await self._market.clock()
        if label != self._book.label:
            raise MarketAway(
                f"Market data's source is {label.source} now.",
                observed=f"it was {self._book.label.source}",
            )
        self.inbox.behind.update(dict.fromkeys(self._book.trackers))
        self.inbox.knows_who_it_is()

    async def _check_splits(self) -> None:
        """Ask what has become effective, before the new day's bars are looked at."""
        waiting = dict(list(self.inbox.unchecked.items())[:CHECKS_AT_ONCE])
        known = await asyncio.gather(*(self._ask_splits(symbol) for symbol in waiting))
        for (symbol, day), splits in zip(waiting.items(), known, strict=True):
            if splits is not None and splits != self._splits.get(symbol):
                logger.info("A split of %s is effective: its bars are read anew", symbol)
                self.inbox.unchecked.pop(symbol, None)
                await self._load(symbol)
            else:
                self.inbox.checked(symbol, day)

    async def _ask_splits(self, symbol: str) -> Splits | None:
        """Return the splits that are effective; None if market data cannot say now."""
        try:
            actions = await self._market.actions(symbol)
        except MarketAway:
            raise
        except MarketDataError as error:
            logger.warning("Splits of %s are not known: %s", symbol, error.message)
            return None
        return tuple(
            (action.ex_date, action.ratio)
            for action in actions
            if action.kind == "split" and action.ratio is not None
        )

    # History

    async def _load(self, symbol: str) -> None:
        """Read all of a symbol's history."""
        self.inbox.symbols_to_begin.pop(symbol, None)
        keys = [(symbol, timeframe) for timeframe in self._timeframes]
        for key in keys:
            self.inbox.begins(key)
        try:
            self._splits[symbol] = await self._ask_splits(symbol) or ()
            if self.inbox.clock is not None and self.inbox.clock.session is not None:
                self.inbox.checked(symbol, self.inbox.clock.session)
            for key, timeframe in zip(keys, self._timeframes, strict=True):
                await self._load_one(key, timeframe)
        except MarketAway:
            raise
        except UnknownSymbol:
            logger.info("%s is not listed at the market clock", symbol)
        except MarketDataError as error:
            logger.warning("History of %s cannot be had now: %s", symbol, error.message)
            self._postponed[symbol] = self._monotonic() + POSTPONED_SECONDS
        self._count()

    async def _load_one(self, key: Key, timeframe: Interval) -> None:
        history = await self._history(key, timeframe, self._book.first_of(key))
        basis = Basis.of(history.label, self._splits[key[0]])
        outcome = await self._in_thread(lambda: self._book.load(key, history.bars, basis))
        self._listener.happened(outcome)
        if not self.inbox.is_ready(key):
            self.inbox.symbols_to_begin[key[0]] = None

    async def _history(self, key: Key, timeframe: Interval, first: int | None) -> History:
        symbol, limit = key[0], self._history_bars
        if first is not None:
            start = moment(first).date()
            found = await self._market.history(symbol, timeframe, limit=MAX_CATCH_UP, start=start)
            if len(found.bars) < MAX_CATCH_UP:
                return found
        return await self._market.history(symbol, timeframe, limit=limit)

    async def _catch_up(self, key: Key) -> None:
        """Read what was missed of a series."""
        self.inbox.catches_up(key)
        try:
            await self._read_missed(key)
        finally:
            self.inbox.caught_up(key)

    async def _read_missed(self, key: Key) -> None:
        tracker = self._book.trackers.get(key)
        last = None if tracker is None else tracker.series.last_time
        timeframe = next(it for it in self._timeframes if it == key[1])
        if tracker is None or last is None:
            self.inbox.symbols_to_begin[key[0]] = None
            return
        found = await self._history(key, timeframe, last)
        bars = found.bars
        is_other = found.label != tracker.basis.label
        if is_other or not len(bars) or bars.time[-1] < last or bars.time[0] > last:
            # Set back, too far ahead or another's: not the same bars any more.
            self.inbox.symbols_to_begin[key[0]] = None
            return
        columns = (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume)
        rows = [Row(*row) for row in zip(*(it.tolist() for it in columns), strict=True)]
        for start in range(0, len(rows), BATCH):
            part = [(key, row) for row in rows[start : start + BATCH]]
            self._tell(await self._in_thread(lambda part=part: self._book.push(part)))  # type: ignore[misc]

    # Saying

    def _tell(self, outcome: Brought) -> None:
        self._listener.happened(outcome)
        if outcome.failure is not None:
            raise outcome.failure

    def _say(self, trouble: str | None) -> None:
        if trouble != self.trouble:
            self.trouble, self.is_record_refused = trouble, False
            self._listener.condition(trouble)

    def _count(self) -> None:
        self.series_wanted = len(self.inbox.known) * len(self._timeframes)

    def _chosen(self, listed: set[str]) -> list[str]:
        names = sorted(listed) if self._only is None else [it for it in self._only if it in listed]
        return names[:MAX_FOLLOWED]


async def _first_of(event: asyncio.Event, task: asyncio.Task[None]) -> None:
    """Wait until an event is set; raise what ended the task if that comes first."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    if task.done():
        task.result()
        raise MarketAway("The stream of market data has ended.")
