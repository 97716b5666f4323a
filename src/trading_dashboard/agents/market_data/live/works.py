"""The moving parts of the live market: what comes in is followed, judged, shown and kept.

Owns what happens to ticks, to bars and to the events of sources on their way between the parts, and
the regular chores. Each part's own work is its own; the order of start and end is `agent`'s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from trading_dashboard.agents.market_data.aggregation.time_bars import TimeBars
from trading_dashboard.agents.market_data.choosing.desk import SourceDesk
from trading_dashboard.agents.market_data.choosing.events import EventKind, SourceEvent
from trading_dashboard.agents.market_data.choosing.live import LiveFeeds
from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.live.book import PriceBook
from trading_dashboard.agents.market_data.live.clock import LiveClock
from trading_dashboard.agents.market_data.live.gaps import GapKeeper
from trading_dashboard.agents.market_data.live.hours import Hours
from trading_dashboard.agents.market_data.live.pending import BarBatch
from trading_dashboard.agents.market_data.live.pipeline import Pipeline
from trading_dashboard.agents.market_data.live.ports import InThread
from trading_dashboard.agents.market_data.quality.scorer import Scorer, note_key
from trading_dashboard.agents.market_data.records import Ticks
from trading_dashboard.agents.market_data.sources.contract import SourceFailure
from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.agents.market_data.store.contract import Writing
from trading_dashboard.agents.market_data.streaming.hub import StreamHub
from trading_dashboard.agents.market_data.streaming.live_feed import LiveFeed

CHORE_SECONDS = 1.0
UPKEEP_SECONDS = 60.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkParts:
    """What the works connect."""

    archive: DuckArchive
    book: PriceBook
    clock: LiveClock
    desk: SourceDesk
    events: asyncio.Queue[SourceEvent]
    """What happened to sources and is to be read here."""
    feed: LiveFeed
    gaps: GapKeeper
    hours: Hours
    hub: StreamHub
    in_thread: InThread
    scorer: Scorer
    time_bars: TimeBars
    followed: Sequence[str]


class Works:
    """Moves ticks, bars and events. All of it on one event loop."""

    def __init__(self, parts: WorkParts) -> None:
        self._parts = parts
        self._watched: set[tuple[str, str]] = set()
        self.pipeline: Pipeline
        """Set once: it is made with this object's own methods."""
        self.feeds: LiveFeeds
        self.upkeep_error: str | None = None
        """Why sorting and ageing the archive fails now; None while all is well."""

    @property
    def hub(self) -> StreamHub:
        """Return who is subscribed."""
        return self._parts.hub

    # What comes in

    async def take(self, ticks: Ticks) -> None:
        """Take ticks of the source that serves their symbols."""
        for symbol in ticks.symbols:
            if (ticks.source, symbol) not in self._watched:
                await self._begin(ticks.source, symbol)
        self.pipeline.push(ticks)

    def show_ticks(self, ticks: Ticks) -> None:
        """Take ticks that are believed: they are the newest prices."""
        for symbol in ticks.symbols:
            self._parts.feed.serve(symbol, ticks.source)
        self._parts.book.take_ticks(ticks)
        self._parts.feed.publish(ticks)

    def show_bars(self, changes: BarBatch) -> None:
        """Take changed bars."""
        for change in changes:
            self._parts.feed.publish_bars(change.bars)

    # For ever

    async def run(self) -> None:
        """Do everything there is to do, until cancelled."""
        await self._take_up()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.feeds.run(), name="feeds")
            group.create_task(self._parts.hub.run(), name="hub")
            group.create_task(self._parts.gaps.run(), name="gaps")
            group.create_task(self._tell_events(), name="events")
            group.create_task(self._do_chores(), name="chores")
            group.create_task(self._keep_up(), name="upkeep")

    async def save_scores(self) -> None:
        """Put on disk what was counted since the last time."""
        if notes := self._parts.scorer.changed_notes():
            await self._parts.in_thread(lambda: self._parts.archive.write(Writing(notes=notes)))

    # Private

    async def _begin(self, source: str, symbol: str) -> None:
        """Learn a symbol's hours before its first tick is judged."""
        self._watched.add((source, symbol))
        try:
            await self._parts.hours.learn(await self._parts.desk.instrument(symbol))
        except SourceFailure as failure:
            logger.warning("The hours of %s are not known: %s", symbol, failure)
            self._watched.discard((source, symbol))
            return
        self._parts.time_bars.watch(source, [symbol], self._parts.clock.micros())

    async def _take_up(self) -> None:
        """Learn what is followed, and find what was missed while nobody ran."""
        await self._parts.in_thread(self._restore_scores)
        served: dict[str, str] = {}
        for symbol in self._parts.followed:
            try:
                instrument = await self._parts.desk.instrument(symbol)
                await self._parts.hours.learn(instrument)
            except SourceFailure as failure:
                logger.warning("%s cannot be followed yet: %s", symbol, failure)
                continue
            if (source := self._parts.desk.serving(instrument.symbol)) is not None:
                served[instrument.symbol] = source
        await self._parts.gaps.take_up(served)

    async def _tell_events(self) -> None:
        """Turn outages into gaps; after one, bars are whole only from its end on."""
        gaps = self._parts.gaps
        while True:
            event = await self._parts.events.get()
            if event.kind is EventKind.OUTAGE_BEGAN:
                cause = "source_silent" if event.cause == "source_silent" else "source_down"
                gaps.outage_began(
                    event.source,
                    event.symbols,
                    at=event.start or event.at,
                    cause=cast(Literal["source_down", "source_silent"], cause),
                    detail=event.detail,
                )
            elif event.kind is EventKind.OUTAGE_ENDED:
                end = event.end or event.at
                self._parts.time_bars.watch(event.source, list(event.symbols), end)
                await gaps.outage_ended(event.source, at=end)

    async def _do_chores(self) -> None:
        """Close bars by the clock, and follow what somebody reads."""
        followed = frozenset(self._parts.followed)
        while True:
            self.pipeline.advance(self._parts.clock.micros())
            self.feeds.want(followed | frozenset(self._parts.hub.wanted))
            await asyncio.sleep(CHORE_SECONDS)

    def _restore_scores(self) -> None:
        for series in self._parts.archive.series():
            text = self._parts.archive.note(note_key(series.source, series.symbol))
            if text is not None:
                self._parts.scorer.restore(series.source, series.symbol, text)

    def _maintain(self) -> None:
        self._parts.archive.maintain(self._parts.clock.micros())

    async def _keep_up(self) -> None:
        """Sort and age the archive, save the scores, renew the calendars, now and then."""
        while True:
            await asyncio.sleep(UPKEEP_SECONDS)
            try:
                await self.save_scores()
                await self._parts.in_thread(self._maintain)
            except StoreUnusable as error:
                if self.upkeep_error is None:
                    logger.error("The archive cannot be kept up: %s", error)
                self.upkeep_error = str(error)
            else:
                self.upkeep_error = None
