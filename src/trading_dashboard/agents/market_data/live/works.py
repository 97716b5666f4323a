"""The moving parts of the live market: what comes in is followed, judged, shown and kept.

Owns what happens to ticks, to bars and to the events of sources on their way between the parts, and
the regular chores. Each part's own work is its own; the order of start and end is `agent`'s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trading_dashboard.agents.market_data.aggregation.activity_bars import (
    ActivityBars,
    is_activity,
)
from trading_dashboard.agents.market_data.aggregation.changes import Changes
from trading_dashboard.agents.market_data.aggregation.time_bars import TimeBars
from trading_dashboard.agents.market_data.choosing.desk import SourceDesk
from trading_dashboard.agents.market_data.choosing.events import EventKind, SourceEvent
from trading_dashboard.agents.market_data.choosing.live import LiveFeeds
from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.live.book import PriceBook
from trading_dashboard.agents.market_data.live.clock import LiveClock
from trading_dashboard.agents.market_data.live.condition import Condition
from trading_dashboard.agents.market_data.live.gaps import GapKeeper
from trading_dashboard.agents.market_data.live.hours import Hours
from trading_dashboard.agents.market_data.live.looking import Looker
from trading_dashboard.agents.market_data.live.pending import BarBatch
from trading_dashboard.agents.market_data.live.pipeline import Pipeline
from trading_dashboard.agents.market_data.live.ports import InThread
from trading_dashboard.agents.market_data.live.restoring import kept_of_now, restore
from trading_dashboard.agents.market_data.quality.scorer import Scorer, note_key
from trading_dashboard.agents.market_data.recording.heard import Silence
from trading_dashboard.agents.market_data.recording.library import Library
from trading_dashboard.agents.market_data.records import Ticks
from trading_dashboard.agents.market_data.sources.contract import SourceFailure
from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.agents.market_data.store.backup import back_up_into, is_backup_due
from trading_dashboard.agents.market_data.store.contract import Writing
from trading_dashboard.agents.market_data.streaming.hub import StreamHub
from trading_dashboard.agents.market_data.streaming.live_feed import LiveFeed

CHORE_SECONDS = 1.0
UPKEEP_SECONDS = 60.0
FIRST_LOOK_SECONDS = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkParts:
    """What the works connect."""

    archive: DuckArchive
    backups: Path
    """The folder of the archive's copies."""
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
    library: Library
    looker: Looker
    time_bars: TimeBars
    activity_bars: ActivityBars
    followed: Sequence[str]


class Works:
    """Moves ticks, bars and events. All of it on one event loop."""

    def __init__(self, parts: WorkParts) -> None:
        self.parts = parts
        self._watched: set[tuple[str, str]] = set()
        self._begun: dict[str, tuple[str, ...]] = {}
        self._served: dict[str, tuple[str, ...]] = {}
        """The newest list of symbols of each source that was gone through already: a source of
        thousands names them all with each batch."""
        self._activity: set[tuple[str, str, str]] = set()
        self.pipeline: Pipeline
        """Set once: it is made with this object's own methods."""
        self.feeds: LiveFeeds
        self.condition = Condition(parts.followed, parts.hours, parts.desk, parts.book)
        self.upkeep_error: str | None = None
        """Why sorting and ageing the archive fails now; None while all is well."""

    # What comes in

    async def take(self, ticks: Ticks) -> None:
        """Take ticks of the source that serves their symbols."""
        if ticks.symbols is not self._begun.get(ticks.source):
            for symbol in ticks.symbols:
                if (ticks.source, symbol) not in self._watched:
                    await self._begin(ticks.source, symbol)
            if all((ticks.source, symbol) in self._watched for symbol in ticks.symbols):
                self._begun[ticks.source] = ticks.symbols
        await self.pipeline.take(ticks)

    def show_ticks(self, ticks: Ticks) -> None:
        """Take ticks that are believed: they are the newest prices."""
        if ticks.symbols is not self._served.get(ticks.source):
            changed = [self.parts.feed.serve(symbol, ticks.source) for symbol in ticks.symbols]
            if any(changed):
                self._served.clear()  # those another source served until now are no longer its
            self._served[ticks.source] = ticks.symbols
        self.parts.book.take_ticks(ticks)
        self.parts.feed.publish(ticks)
        self.parts.library.hear(ticks)

    def show_bars(self, changes: BarBatch) -> None:
        """Take changed bars; those that nobody follows or records are not even looked at."""
        if isinstance(changes, Changes) and not self.parts.library.is_hearing:
            followed = self.parts.feed.followed()
            if not followed:
                return
            changes = changes.among(followed)
        for change in changes:
            self.parts.feed.publish_bars(change.bars)
            self.parts.library.hear(change.bars)

    # For ever

    async def run(self) -> None:
        """Do everything there is to do, until cancelled."""
        await self._take_up()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.feeds.run(), name="feeds")
            group.create_task(self.parts.hub.run(), name="hub")
            group.create_task(self.parts.gaps.run(), name="gaps")
            group.create_task(self._tell_events(), name="events")
            group.create_task(self._do_chores(), name="chores")
            group.create_task(self._keep_up(), name="upkeep")
            group.create_task(self._look(), name="looks")

    async def save_scores(self) -> None:
        """Put on disk what was counted since the last time."""
        if notes := self.parts.scorer.changed_notes():
            await self.parts.in_thread(lambda: self.parts.archive.write(Writing(notes=notes)))

    # Private

    async def _begin(self, source: str, symbol: str) -> None:
        """Learn a symbol's hours before its first tick is judged."""
        self._watched.add((source, symbol))
        parts, now = self.parts, self.parts.clock.micros()
        try:
            sessions = await parts.hours.learn(await parts.desk.instrument(symbol))
        except SourceFailure as failure:
            logger.warning("The hours of %s are not known: %s", symbol, failure)
            self._watched.discard((source, symbol))
            return
        kept = await parts.in_thread(
            lambda: kept_of_now(parts.archive, source, symbol, sessions, now)
        )
        if parts.hours.of(symbol) is not None:
            restore(parts.time_bars, kept)
        parts.time_bars.watch(source, [symbol], parts.clock.micros())

    async def _take_up(self) -> None:
        """Learn what is followed, and find what was missed while nobody ran."""
        await self.parts.in_thread(self._restore_scores)
        served: dict[str, str] = {}
        for symbol in self.parts.followed:
            try:
                instrument = await self.parts.desk.instrument(symbol)
                await self.parts.hours.learn(instrument)
            except SourceFailure as failure:
                logger.warning("%s cannot be followed yet: %s", symbol, failure)
                continue
            if (source := self.parts.desk.serving(instrument.symbol)) is not None:
                served[instrument.symbol] = source
        await self.parts.gaps.take_up(served)

    async def _tell_events(self) -> None:
        """Turn outages into gaps; after one, bars are whole only from its end on."""
        gaps = self.parts.gaps
        while True:
            event = await self.parts.events.get()
            if event.kind is EventKind.OUTAGE_BEGAN:
                silence = _silence(event, has_begun=True)
                self.parts.library.hear(silence)
                gaps.outage_began(
                    event.source,
                    event.symbols,
                    at=event.start or event.at,
                    cause=silence.cause,
                    detail=event.detail,
                )
            elif event.kind is EventKind.OUTAGE_ENDED:
                end = event.end or event.at
                self.parts.library.hear(_silence(event, has_begun=False))
                self.parts.time_bars.watch(event.source, list(event.symbols), end)
                await gaps.outage_ended(event.source, at=end)

    async def _do_chores(self) -> None:
        """Close bars by the clock, and follow what somebody reads."""
        followed = frozenset(self.parts.followed)
        while True:
            self.pipeline.advance(self.parts.clock.micros())
            self.feeds.want(followed | frozenset(self.parts.hub.wanted))
            self._make_activity_bars()
            await self.condition.look()
            await asyncio.sleep(CHORE_SECONDS)

    async def _look(self) -> None:
        """Look at what is kept, and compare it with a second source, in turns."""
        pause = FIRST_LOOK_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = UPKEEP_SECONDS
            try:
                await self.parts.looker.look()
                await self.parts.looker.compare(self.parts.followed)
            except StoreUnusable as error:
                logger.warning("What is kept could not be looked at: %s", error)

    def _restore_scores(self) -> None:
        for series in self.parts.archive.series():
            text = self.parts.archive.note(note_key(series.source, series.symbol))
            if text is not None:
                self.parts.scorer.restore(series.source, series.symbol, text)

    def _make_activity_bars(self) -> None:
        """Make the bars by ticks, volume and turnover that somebody reads, and no others."""
        made, wanted = self.parts.activity_bars, set()
        for symbol, intervals in self.parts.hub.wanted.items():
            source = self.parts.desk.serving(symbol)
            if source is not None:
                wanted |= {(source, symbol, kind) for kind in intervals if is_activity(kind)}
        for series in self._activity - wanted:
            made.remove(*series)
        self._activity &= wanted
        for series in wanted - self._activity:
            try:
                made.add(*series)
            except ValueError as error:  # its sessions are not known yet, or there are too many
                logger.info("%s of %s waits: %s", series[2], series[1], error)
            else:
                self._activity.add(series)

    def _maintain(self) -> None:
        self.parts.archive.maintain(self.parts.clock.micros())
        if is_backup_due(self.parts.backups, self.parts.clock.micros()):
            back_up_into(self.parts.archive, self.parts.backups)

    async def _keep_up(self) -> None:
        """Sort and age the archive, save the scores, renew the calendars, now and then."""
        while True:
            await asyncio.sleep(UPKEEP_SECONDS)
            try:
                await self.save_scores()
                await self.parts.in_thread(self._maintain)
            except StoreUnusable as error:
                if self.upkeep_error is None:
                    logger.error("The archive cannot be kept up: %s", error)
                self.upkeep_error = str(error)
            else:
                self.upkeep_error = None


def _silence(event: SourceEvent, *, has_begun: bool) -> Silence:
    is_silent = event.cause == "source_silent"
    return Silence(
        source=event.source,
        has_begun=has_begun,
        symbols=tuple(event.symbols),
        cause="source_silent" if is_silent else "source_down",
        detail=event.detail,
    )
