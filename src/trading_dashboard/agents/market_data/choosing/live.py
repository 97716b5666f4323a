"""Live prices of all wanted symbols, from the best source that is well.

Owns which symbol comes from which source, and that this is put right when sources fail, fall silent
or come back. One attempt at one source is `feed`'s, its chances are `lane`'s, what viewers missed
is `outages`'. The receiver gets one batch of a source at a time and only ticks of the source that
serves the symbol; it must not raise.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping

import numpy as np

from trading_dashboard.agents.market_data.choosing.answers import MAX_TEXT
from trading_dashboard.agents.market_data.choosing.asking import loop_time
from trading_dashboard.agents.market_data.choosing.breaker import BreakerChange, BreakerState
from trading_dashboard.agents.market_data.choosing.desk import SourceDesk
from trading_dashboard.agents.market_data.choosing.events import (
    MAX_SYMBOLS,
    EventKind,
    SourceEvent,
)
from trading_dashboard.agents.market_data.choosing.feed import (
    UNKNOWN_SECONDS,
    PollFeed,
    PriceFeed,
    StreamFeed,
    Weeded,
    weed,
)
from trading_dashboard.agents.market_data.choosing.lane import LiveLane
from trading_dashboard.agents.market_data.choosing.outages import Cause, Loss, Outages
from trading_dashboard.agents.market_data.choosing.policy import LivePolicy
from trading_dashboard.agents.market_data.choosing.states import LiveState
from trading_dashboard.agents.market_data.records import Ticks
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    SourceFailure,
    SourceUnreachable,
)

Sink = Callable[[Ticks], Awaitable[None]]

MAX_WANTED = 20_000
_STEP_SECONDS = 1.0
_REVIEW_SECONDS = 30.0
"""How often everything is looked at again although nothing seems to have changed."""
_LEARNING = 8
"""Symbols learnt at once."""


class LiveFeeds:
    """One feed for each source that serves a wanted symbol."""

    def __init__(
        self,
        desk: SourceDesk,
        sink: Sink,
        is_open: Callable[[str], bool],
        policy: LivePolicy | None = None,
    ) -> None:
        """Make it; nothing is asked before `run`.

        Args:
            desk: The sources.
            sink: Takes each batch; the source is not heard further until it returns.
            is_open: Whether a symbol's market is open now; asked often, answers from memory.
            policy: Numbers of patience.
        """
        self.spare = 0
        """Ticks dropped because another source serves the symbol: it was on trial."""
        self._desk = desk
        self._sink = sink
        self._is_open = is_open
        self._policy = policy or LivePolicy()
        self._lanes = {
            name: LiveLane(line, self._policy, desk.rng, self._breaker_moved)
            for name, line in desk.routing.lines.items()
        }
        self._outages = Outages(desk.events, desk.now, is_open)
        self._wanted: frozenset[str] = frozenset()
        self._classes: dict[str, AssetClass] = {}
        self._serving: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._learn = asyncio.Event()
        self._is_dirty = True
        self._reviewed_at = 0.0
        self._group: asyncio.TaskGroup | None = None
        desk.attach(self)

    def want(self, symbols: Iterable[str]) -> None:
        """Set the wanted symbols, as their instruments write them; takes effect a moment later.

        Raises:
            ValueError: They are more than one process can follow.
        """
        wanted = frozenset(symbols)
        if len(wanted) > MAX_WANTED:
            raise ValueError(f"{len(wanted)} symbols are wanted live; {MAX_WANTED} may be")
        if wanted != self._wanted:
            self._outages.heard(self._wanted - wanted, "no longer wanted")
            self._wanted = wanted
            self._learn.set()
            self._changed()

    async def run(self) -> None:
        """Keep the feeds as they should be until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                group.create_task(self._learn_symbols(), name="learn symbols")
                while True:
                    await self._step()
                    await self._pause()
        finally:
            self._group = None
            self._serving.clear()

    def serving(self, symbol: str) -> str | None:
        """Return the source that a symbol's live prices come from now."""
        return self._serving.get(symbol)

    def state(self, source: str) -> LiveState:
        """Return how a source's live prices are."""
        lane = self._lanes[source]
        return LiveState(
            symbols=sum(name == source for name in self._serving.values()),
            breaker=lane.breaker.state,
            is_running=lane.feed is not None,
        )

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_STEP_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return
        await asyncio.sleep(self._policy.debounce_seconds)
        self._wake.clear()

    async def _step(self) -> None:
        now = loop_time()
        self._outages.check()
        for lane in self._lanes.values():
            await self._look_at(lane, now)
        if self._is_dirty or now - self._reviewed_at >= _REVIEW_SECONDS:
            self._is_dirty = False
            self._reviewed_at = now
            self._assign()
        for lane, symbols in self._due().items():
            await self._fit(lane, symbols)

    async def _look_at(self, lane: LiveLane, now: float) -> None:
        """Notice that a feed ended or is silent."""
        if lane.task is not None and lane.task.done():
            self._lost(lane, lane.task.result(), "source_down")
        elif lane.feed is not None:
            is_open = any(map(self._is_open, lane.feed.symbols))
            if lane.watch(now, is_open=is_open):
                failure = SourceUnreachable("nothing was heard although the market is open")
                task = lane.task
                self._lost(lane, failure, "source_silent")
                if task is not None:
                    task.cancel()
                    await asyncio.wait([task], timeout=self._policy.restart_seconds)

    def _lost(self, lane: LiveLane, failure: SourceFailure, cause: Cause) -> None:
        feed = lane.feed
        lane.line.tally.failed(failure, self._desk.now())
        lane.lost(failure, loop_time())
        lane.retained = frozenset()
        self._is_dirty = True
        if feed is not None:
            served = [each for each in feed.symbols if self._serving.get(each) == lane.name]
            self._outages.began(
                served, Loss(lane.name, lane.heard_at, cause, str(failure)[:MAX_TEXT])
            )

    def _assign(self) -> None:
        """Give each wanted symbol to the first source in its order that is trusted."""
        moved: dict[tuple[str, str, EventKind], list[str]] = defaultdict(list)
        for gone in self._serving.keys() - self._wanted:
            del self._serving[gone]
        for symbol in self._wanted:
            chain = self._chain(symbol)
            before = self._serving.get(symbol)
            after = next((lane for lane in chain if lane.is_trusted), None)
            if after is None:
                # Nobody is well: whoever is tried first delivers at once.
                after = next((lane for lane in chain if lane.is_on_trial), None)
            if before is not None and before not in [lane.name for lane in chain]:
                del self._serving[symbol]
                self._outages.heard([symbol], "no source knows it live" if after is None else "")
            if after is None or after.name == before:
                continue
            self._serving[symbol] = after.name
            names = [lane.name for lane in chain]
            if before in names:
                is_back = names.index(after.name) < names.index(before)
                kind = EventKind.RECOVERED if is_back else EventKind.FAILED_OVER
                moved[before, after.name, kind].append(symbol)
        for (old, new, kind), symbols in moved.items():
            self._tell_move(old, new, kind, symbols)

    def _due(self) -> Mapping[LiveLane, frozenset[str]]:
        """Return the symbols each lane should have, those it is only tried with included."""
        due: dict[LiveLane, set[str]] = {lane: set() for lane in self._lanes.values()}
        now = loop_time()
        tried = {
            lane.name
            for lane in self._lanes.values()
            if lane.is_on_trial or (lane.breaker.state is BreakerState.OPEN and lane.may_start(now))
        }
        for symbol, name in self._serving.items():
            due[self._lanes[name]].add(symbol)
        if tried or self._wanted - self._serving.keys():
            for symbol in self._wanted:
                for lane in self._chain(symbol):
                    if lane.name == self._serving.get(symbol):
                        break
                    if lane.name in tried:
                        due[lane].add(symbol)
        return {lane: frozenset(symbols) for lane, symbols in due.items()}

    async def _fit(self, lane: LiveLane, symbols: frozenset[str]) -> None:
        """Start, change or stop a lane's feed."""
        if not symbols:
            if lane.feed is not None:
                await lane.stop()
            return
        if lane.feed is not None and not lane.feed.change(symbols):
            lane.retained = frozenset() if lane.is_on_trial else lane.feed.symbols & symbols
            await lane.stop()
        now = loop_time()
        if lane.may_start(now) and self._group is not None:
            feed = self._feed(lane, symbols)
            task = self._group.create_task(self._run(lane, feed), name=f"live {lane.name}")
            task.add_done_callback(lambda _: self._changed())
            lane.started(feed, task, now, self._desk.now())
            # A trial may be all there is: then it serves from now on.
            self._is_dirty |= lane.is_on_trial

    def _feed(self, lane: LiveLane, symbols: frozenset[str]) -> PriceFeed:
        if lane.line.capabilities.live == "stream":
            return StreamFeed(lane.line, symbols, self._deliver)
        return PollFeed(
            lane.line,
            symbols,
            self._deliver,
            quoting=self._desk.quoting,
            policy=self._policy,
            now=self._desk.now,
        )

    async def _run(self, lane: LiveLane, feed: PriceFeed) -> SourceFailure:
        if lane.must_weed:
            found = await weed(lane.line, feed.symbols, UNKNOWN_SECONDS)
            if found:
                lane.must_weed = False
                return Weeded("does not know some of the symbols")
        return await feed.run()

    async def _deliver(self, feed: PriceFeed, ticks: Ticks) -> None:
        lane = self._lanes[feed.line.name]
        if lane.feed is not feed:
            return
        now = self._desk.now()
        if lane.retained:
            self._tell_resubscribed(lane, now)
        lane.heard(now, loop_time())
        if lane.is_on_trial:
            ticks = self._served_by(lane.name, ticks)
            self._outages.heard(
                each for each in feed.symbols if self._serving.get(each) == lane.name
            )
        else:
            self._outages.heard(feed.symbols)
        if len(ticks):
            await self._sink(ticks)
            lane.heard(self._desk.now(), loop_time())

    def _served_by(self, name: str, ticks: Ticks) -> Ticks:
        mine = np.array([self._serving.get(each) == name for each in ticks.symbols], dtype=np.bool_)
        if len(mine) == 0 or mine.all():
            return ticks
        kept = ticks.take(mine[ticks.symbol])
        self.spare += len(ticks) - len(kept)
        return kept

    async def _learn_symbols(self) -> None:
        """Learn the asset class of what is wanted; what fails is tried again a while later."""
        slots = asyncio.Semaphore(_LEARNING)

        async def learn(symbol: str) -> None:
            async with slots:
                try:
                    instrument = await self._desk.instrument(symbol)
                except SourceFailure:
                    # Counted and kept by the line of the source that failed.
                    return
            self._classes[symbol] = instrument.asset_class
            self._changed()

        while True:
            self._learn.clear()
            for gone in self._classes.keys() - self._wanted:
                del self._classes[gone]
            await asyncio.gather(*(learn(each) for each in self._wanted - self._classes.keys()))
            try:
                async with asyncio.timeout(_REVIEW_SECONDS):
                    await self._learn.wait()
            except TimeoutError:
                continue

    def _chain(self, symbol: str) -> list[LiveLane]:
        asset_class = self._classes.get(symbol)
        if asset_class is None:
            return []
        now = loop_time()
        chain = self._desk.routing.chain(asset_class, "live")
        return [self._lanes[line.name] for line in chain if line.knows(symbol, now)]

    def _changed(self) -> None:
        self._is_dirty = True
        self._wake.set()

    def _breaker_moved(self, lane: LiveLane, change: BreakerChange) -> None:
        self._is_dirty = True
        is_closed = change.after is BreakerState.CLOSED
        if is_closed or (
            change.after is BreakerState.OPEN and change.before is BreakerState.CLOSED
        ):
            self._desk.events.add(
                SourceEvent(
                    kind=EventKind.BREAKER_CLOSED if is_closed else EventKind.BREAKER_OPENED,
                    source=lane.name,
                    at=self._desk.now(),
                    cause=change.trigger,
                    detail="live prices",
                )
            )

    def _tell_move(self, old: str, new: str, kind: EventKind, symbols: list[str]) -> None:
        is_back = kind is EventKind.RECOVERED
        line = self._lanes[new if is_back else old].line
        self._desk.events.add(
            SourceEvent(
                kind=kind,
                source=line.name,
                at=self._desk.now(),
                other=old if is_back else new,
                symbols=tuple(symbols[:MAX_SYMBOLS]),
                symbol_count=len(symbols),
                detail="live prices" + (f": {line.tally.last_error}" if not is_back else ""),
            )
        )

    def _tell_resubscribed(self, lane: LiveLane, now: int) -> None:
        retained, lane.retained = lane.retained, frozenset()
        open_now = [symbol for symbol in sorted(retained) if self._is_open(symbol)]
        for at in range(0, len(open_now), MAX_SYMBOLS):
            part = tuple(open_now[at : at + MAX_SYMBOLS])
            self._desk.events.add(
                SourceEvent(
                    kind=EventKind.RESUBSCRIBED,
                    source=lane.name,
                    at=now,
                    symbols=part,
                    symbol_count=len(part),
                    start=lane.heard_at,
                    end=now,
                    cause="source_down",
                )
            )
