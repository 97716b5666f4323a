"""The live market put together from its settings: which sources, which files, which routes.

Owns what is made of what. Nothing is asked of a provider here.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trading_dashboard import __version__
from trading_dashboard.agents.kit import AgentApp, AgentEnvironment, create_agent_app
from trading_dashboard.agents.market_data.aggregation.activity_bars import ActivityBars
from trading_dashboard.agents.market_data.aggregation.time_bars import TimeBars
from trading_dashboard.agents.market_data.api.figures import ClockFigures, add_metrics
from trading_dashboard.agents.market_data.api.recordings import add_recordings
from trading_dashboard.agents.market_data.api.routes import add_reading, add_stream
from trading_dashboard.agents.market_data.calendars import ExchangeCalendars
from trading_dashboard.agents.market_data.choosing.desk import SourceDesk
from trading_dashboard.agents.market_data.choosing.events import SourceEvent
from trading_dashboard.agents.market_data.choosing.live import LiveFeeds
from trading_dashboard.agents.market_data.choosing.quota import ArchiveNotes
from trading_dashboard.agents.market_data.live.agent import LiveAgent, Threads
from trading_dashboard.agents.market_data.live.book import PriceBook
from trading_dashboard.agents.market_data.live.clock import LiveClock
from trading_dashboard.agents.market_data.live.deriving import DerivedHistory
from trading_dashboard.agents.market_data.live.desk import LiveDesk, LiveParts
from trading_dashboard.agents.market_data.live.finishing import Finishing
from trading_dashboard.agents.market_data.live.gaps import GapKeeper
from trading_dashboard.agents.market_data.live.gates import CountedBars, CountedTicks
from trading_dashboard.agents.market_data.live.history import LiveHistory
from trading_dashboard.agents.market_data.live.hours import Hours
from trading_dashboard.agents.market_data.live.intake import Intake
from trading_dashboard.agents.market_data.live.known import LiveKnown
from trading_dashboard.agents.market_data.live.looking import Looker
from trading_dashboard.agents.market_data.live.lookups import (
    busiest_first,
    certain,
    comparable_sources,
    details,
    is_offered,
    resolved,
    source_bodies,
)
from trading_dashboard.agents.market_data.live.past import LivePast, PastReader
from trading_dashboard.agents.market_data.live.pipeline import Pipeline
from trading_dashboard.agents.market_data.live.works import WorkParts, Works
from trading_dashboard.agents.market_data.live.write_queue import WriteQueue
from trading_dashboard.agents.market_data.quality.bar_gate import BarGate
from trading_dashboard.agents.market_data.quality.scorer import Scorer
from trading_dashboard.agents.market_data.quality.tick_gate import TickGate
from trading_dashboard.agents.market_data.recording.library import Library
from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    Source,
    SourceFailure,
    SourceSettings,
)
from trading_dashboard.agents.market_data.sources.keys import SourceKeys
from trading_dashboard.agents.market_data.sources.registry import load_source
from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.agents.market_data.store.backup import Recovery, open_archive
from trading_dashboard.agents.market_data.store.retention import Retention
from trading_dashboard.agents.market_data.streaming.hub import StreamHub
from trading_dashboard.agents.market_data.streaming.live_feed import LiveFeed
from trading_dashboard.models.errors import SourceRefused
from trading_dashboard.models.market import INTERVALS
from trading_dashboard.models.settings import MarketDataSettings

ARCHIVE_FILE = "archive.duckdb"
BACKUPS_FOLDER = "backups"
KEYS_FILE = "keys"
CALENDARS_FOLDER = "calendars"
RECORDINGS_FOLDER = "recordings"
_SHORT = ("1s", "5s", "15s", "30s")
_MEDIUM = ("1m", "2m", "5m")

logger = logging.getLogger(__name__)


def build_live(settings: MarketDataSettings, environment: AgentEnvironment) -> AgentApp:
    """Return the agent's application over real sources.

    Raises:
        SourceRefused: A source cannot be made; says what to do.
        StoreInUse, StoreUnusable: The archive cannot be used.
        UnknownCalendar: There is no calendar of the name that is set.
    """
    directory = environment.data_directory
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    sources = make_sources(settings, environment)
    calendars = ExchangeCalendars(directory / CALENDARS_FOLDER)
    clock = LiveClock(calendars.sessions(settings.calendar))
    archive, recovery = open_archive(
        directory / ARCHIVE_FILE, directory / BACKUPS_FOLDER, {"retention": _retention(settings)}
    )
    try:
        base = _base(settings, sources, calendars, clock, archive)
        return _assemble(environment, base, recovery)
    except BaseException:
        archive.close()
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    """What the other parts stand on."""

    archive: DuckArchive
    book: PriceBook
    clock: LiveClock
    desk: SourceDesk
    events: asyncio.Queue[SourceEvent]
    hours: Hours
    scorer: Scorer
    threads: Threads
    ticks: CountedTicks
    bars: CountedBars
    followed: tuple[str, ...]
    keeps_ticks: bool


def _base(
    settings: MarketDataSettings,
    sources: Sequence[Source],
    calendars: ExchangeCalendars,
    clock: LiveClock,
    archive: DuckArchive,
) -> _Base:
    threads, book, scorer = Threads(), PriceBook(), Scorer()
    hours = Hours(calendars, clock, threads)
    events: asyncio.Queue[SourceEvent] = asyncio.Queue()
    priorities = {AssetClass(kind): names for kind, names in settings.priorities.items()}

    def newest_price(source: str, symbol: str) -> float | None:
        known = book.newest(source, symbol)
        return None if known is None else known.quote.price

    def last_close(source: str, symbol: str) -> float | None:
        # A first quote has nothing to be judged by but the last day that is kept.
        found = archive.bars(source, symbol, "1d", limit=1, newest=True)
        return float(found.column("close")[0].as_py()) if found.num_rows else None

    return _Base(
        archive=archive,
        book=book,
        clock=clock,
        desk=SourceDesk(sources, priorities, ArchiveNotes(archive), on_event=events.put_nowait),
        events=events,
        hours=hours,
        scorer=scorer,
        threads=threads,
        ticks=CountedTicks(TickGate(hours.of, reference_of=last_close), scorer),
        bars=CountedBars(BarGate(), scorer, hours.of, newest_price),
        followed=tuple(settings.symbols),
        keeps_ticks=settings.tick_days > 0,
    )


def _works(base: _Base, library: Library, history: PastReader, backups: Path) -> Works:
    time_bars = TimeBars(base.hours.of, INTERVALS)
    feed = LiveFeed(
        base.clock.body,
        forming=time_bars.forming,
        resolve=lambda symbol: resolved(base.desk, symbol),
        details=lambda source, symbol: details(base.book, base.scorer, base.hours, source, symbol),
        intervals=INTERVALS,
        has_activity=True,
    )
    gaps, activity_bars = _gap_keeper(base), ActivityBars(base.hours.of)
    works = Works(
        WorkParts(
            archive=base.archive,
            backups=backups,
            book=base.book,
            clock=base.clock,
            desk=base.desk,
            events=base.events,
            feed=feed,
            gaps=gaps,
            hours=base.hours,
            hub=StreamHub(feed),
            in_thread=base.threads,
            library=library,
            looker=_looker(base, gaps, history),
            scorer=base.scorer,
            time_bars=time_bars,
            activity_bars=activity_bars,
            followed=base.followed,
        )
    )
    works.pipeline = _pipeline(base, works)
    works.feeds = LiveFeeds(base.desk, works.take, base.hours.is_open)
    return works


def _pipeline(base: _Base, works: Works) -> Pipeline:
    return Pipeline(
        base.ticks,
        works.parts.time_bars,
        WriteQueue(base.archive),
        works.show_ticks,
        works.show_bars,
        works.parts.activity_bars,
        keeps_ticks=base.keeps_ticks,
    )


def _looker(base: _Base, gaps: GapKeeper, history: PastReader) -> Looker:
    return Looker(
        base.archive,
        base.scorer,
        gaps,
        base.desk,
        history,
        lambda instrument: comparable_sources(base.desk, instrument),
        sessions_of=base.hours.of,
        now=base.clock.micros,
        in_thread=base.threads,
    )


def _gap_keeper(base: _Base) -> GapKeeper:
    async def refill(source: str, symbol: str, interval: str, start: int, end: int) -> Bars:
        instrument = await base.desk.instrument(symbol)
        answer = await base.desk.history(symbol, interval, start, end, source=source)
        return base.bars.sort_out(instrument, answer.value, base.clock.micros())[0]

    return GapKeeper(
        base.archive,
        refill,
        lambda symbol: certain(base.hours, symbol),
        now=base.clock.micros,
        in_thread=base.threads,
    )


def _market(base: _Base, history: PastReader, directory: Path) -> LiveDesk:
    finishing = Finishing(base.archive, base.scorer.total, base.clock.micros)
    return LiveDesk(
        LiveParts(
            sources=base.desk,
            archive=base.archive,
            hours=base.hours,
            clock=base.clock,
            past=LivePast(history, base.archive, base.clock, finishing, base.threads),
            intake=Intake(base.desk, base.book, base.ticks, base.archive, base.clock, base.threads),
            scores=base.scorer,
            source_bodies=lambda: source_bodies(base.desk),
            in_thread=base.threads,
            data_directory=directory,
            symbols=base.followed,
        )
    )


def _assemble(environment: AgentEnvironment, base: _Base, recovery: Recovery | None) -> AgentApp:
    clock = base.clock.body()
    known = LiveKnown(base.archive, base.desk.known, base.threads)
    library = Library(
        environment.data_directory / RECORDINGS_FOLDER,
        now=base.clock.micros,
        in_thread=base.threads,
        about={
            "calendar": clock["calendar"],
            "time_zone": clock["time_zone"],
            "intraday": "real",
        },
        known=known,
    )
    history = DerivedHistory(
        LiveHistory(base.desk, base.archive, base.bars, base.threads),
        lambda instrument, interval, source: is_offered(base.desk, instrument, interval, source),
    )
    works = _works(base, library, history, environment.data_directory / BACKUPS_FOLDER)
    known.flush = works.pipeline.flush
    agent = LiveAgent(works, base.threads, recovery)
    app = _app(environment, agent, _market(base, history, environment.data_directory))
    add_recordings(app, library, lambda: busiest_first(base.desk))
    return app


def _app(environment: AgentEnvironment, agent: LiveAgent, market: LiveDesk) -> AgentApp:
    app = create_agent_app(
        environment,
        version=__version__,
        title="Market data agent",
        description="Market data of real sources, each series of one source, checked and kept.",
        health=agent.health,
        lifespan=agent.lifespan,
    )
    if environment.token_file is None:
        app.operator.ensure()
    add_reading(app, market)
    add_stream(app, agent.hub)
    clock = agent.clock
    add_metrics(
        app,
        agent.hub,
        ClockFigures(
            seconds=lambda: clock.micros() / MICROSECONDS, speed=lambda: 1.0, is_moving=lambda: True
        ),
    )
    app.before_exit.append(agent.close_streams)
    return app


def make_sources(settings: MarketDataSettings, environment: AgentEnvironment) -> list[Source]:
    """Return every source that is named in the priorities, in order, not yet open.

    Raises:
        SourceRefused: One cannot be made.
    """
    directory = environment.data_directory
    keys = SourceKeys(os.environ, directory / KEYS_FILE)
    names = dict.fromkeys(name for chain in settings.priorities.values() for name in chain)
    found = []
    for name in names:
        try:
            made = SourceSettings(
                name=name,
                key=keys.find(name),
                options=settings.source_options.get(name, {}),
                data_directory=str(directory),
            )
            found.append(load_source(name, made))
        except SourceFailure as failure:
            raise SourceRefused(
                f"The source {name} cannot be used: {failure}",
                subject=name,
                observed=failure.code,
                next_step=f"Mend that, or take {name} out of "
                f"agents.{environment.name}.settings.priorities.",
            ) from failure
    return found


def _retention(settings: MarketDataSettings) -> Retention:
    days = dict.fromkeys(_SHORT, settings.second_bar_days)
    days |= dict.fromkeys(_MEDIUM, settings.minute_bar_days)
    return Retention(
        ticks_days=max(settings.tick_days, 1),
        bars_days=days,
        rejected_rows=100_000,
        filled_gaps_days=365,
    )
