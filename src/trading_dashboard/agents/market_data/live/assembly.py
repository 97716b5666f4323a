"""The live market put together from its settings: which sources, which files, which routes.

Owns what is made of what. Nothing is asked of a provider here.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence

from trading_dashboard import __version__
from trading_dashboard.agents.kit import AgentApp, AgentEnvironment, create_agent_app
from trading_dashboard.agents.market_data.aggregation.time_bars import TimeBars
from trading_dashboard.agents.market_data.api.routes import add_reading, add_stream
from trading_dashboard.agents.market_data.calendars import ExchangeCalendars
from trading_dashboard.agents.market_data.choosing.desk import SourceDesk
from trading_dashboard.agents.market_data.choosing.events import SourceEvent
from trading_dashboard.agents.market_data.choosing.live import LiveFeeds
from trading_dashboard.agents.market_data.choosing.quota import ArchiveNotes
from trading_dashboard.agents.market_data.choosing.states import source_body
from trading_dashboard.agents.market_data.live.agent import LiveAgent, Threads
from trading_dashboard.agents.market_data.live.book import PriceBook
from trading_dashboard.agents.market_data.live.clock import LiveClock
from trading_dashboard.agents.market_data.live.desk import LiveDesk, LiveParts
from trading_dashboard.agents.market_data.live.finishing import Finishing
from trading_dashboard.agents.market_data.live.gaps import GapKeeper
from trading_dashboard.agents.market_data.live.gates import CountedBars, CountedTicks
from trading_dashboard.agents.market_data.live.history import LiveHistory
from trading_dashboard.agents.market_data.live.hours import Hours
from trading_dashboard.agents.market_data.live.intake import Intake
from trading_dashboard.agents.market_data.live.past import LivePast
from trading_dashboard.agents.market_data.live.pipeline import Pipeline
from trading_dashboard.agents.market_data.live.works import WorkParts, Works
from trading_dashboard.agents.market_data.live.write_queue import WriteQueue
from trading_dashboard.agents.market_data.market import Body
from trading_dashboard.agents.market_data.quality.bar_gate import BarGate
from trading_dashboard.agents.market_data.quality.scorer import Scorer
from trading_dashboard.agents.market_data.quality.tick_gate import TickGate
from trading_dashboard.agents.market_data.records import Bars
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    Source,
    SourceFailure,
    SourceSettings,
)
from trading_dashboard.agents.market_data.sources.keys import SourceKeys
from trading_dashboard.agents.market_data.sources.registry import load_source
from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.agents.market_data.store.retention import Retention
from trading_dashboard.agents.market_data.streaming.hub import StreamHub
from trading_dashboard.agents.market_data.streaming.live_feed import LiveFeed
from trading_dashboard.models.errors import SourceRefused, UnknownSymbol
from trading_dashboard.models.market import INTERVALS
from trading_dashboard.models.settings import MarketDataSettings

ARCHIVE_FILE = "archive.duckdb"
KEYS_FILE = "keys"
CALENDARS_FOLDER = "calendars"
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
    archive = DuckArchive(directory / ARCHIVE_FILE, retention=_retention(settings))
    try:
        return _assemble(settings, environment, sources, calendars, clock, archive)
    except BaseException:
        archive.close()
        raise


def _assemble(
    settings: MarketDataSettings,
    environment: AgentEnvironment,
    sources: Sequence[Source],
    calendars: ExchangeCalendars,
    clock: LiveClock,
    archive: DuckArchive,
) -> AgentApp:
    threads, book, scorer = Threads(), PriceBook(), Scorer()
    hours = Hours(calendars, clock, threads)
    priorities = {AssetClass(kind): names for kind, names in settings.priorities.items()}
    events: asyncio.Queue[SourceEvent] = asyncio.Queue()
    desk = SourceDesk(sources, priorities, ArchiveNotes(archive), on_event=events.put_nowait)
    ticks = CountedTicks(TickGate(hours.of), scorer)
    bars = CountedBars(BarGate(), scorer, hours.of, lambda *key: _newest_price(book, *key))
    history = LiveHistory(desk, archive, bars, threads)

    async def refill(source: str, symbol: str, interval: str, start: int, end: int) -> Bars:
        instrument = await desk.instrument(symbol)
        answer = await desk.history(symbol, interval, start, end, source=source)
        return bars.sort_out(instrument, answer.value, clock.micros())[0]

    feed = LiveFeed(
        clock.body,
        resolve=lambda symbol: _resolved(desk, symbol),
        details=lambda source, symbol: _details(book, scorer, source, symbol),
        intervals=INTERVALS,
    )
    hub = StreamHub(feed)
    time_bars = TimeBars(hours.of, INTERVALS)
    works = Works(
        WorkParts(
            archive=archive,
            book=book,
            clock=clock,
            desk=desk,
            events=events,
            feed=feed,
            gaps=GapKeeper(
                archive,
                refill,
                lambda symbol: _certain(hours, symbol),
                now=clock.micros,
                in_thread=threads,
            ),
            hours=hours,
            hub=hub,
            in_thread=threads,
            scorer=scorer,
            time_bars=time_bars,
            followed=settings.symbols,
        )
    )
    works.pipeline = Pipeline(
        ticks, time_bars, WriteQueue(archive), works.show_ticks, works.show_bars
    )
    works.feeds = LiveFeeds(desk, works.take, hours.is_open)
    agent = LiveAgent(
        archive=archive,
        book=book,
        clock=clock,
        desk=desk,
        hours=hours,
        hub=hub,
        threads=threads,
        works=works,
        followed=tuple(settings.symbols),
    )
    finishing = Finishing(archive, scorer.total, clock.micros)
    market = LiveDesk(
        LiveParts(
            sources=desk,
            archive=archive,
            hours=hours,
            clock=clock,
            book=book,
            past=LivePast(history, archive, clock, finishing, threads),
            intake=Intake(desk, book, ticks, archive, clock, threads),
            scores=scorer,
            source_bodies=lambda: _source_bodies(desk),
            in_thread=threads,
            data_directory=environment.data_directory,
            symbols=settings.symbols,
        )
    )
    return _app(environment, agent, market)


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


def _source_bodies(desk: SourceDesk) -> list[Body]:
    return [source_body(state, is_active=True) for state in desk.states()]


def _newest_price(book: PriceBook, source: str, symbol: str) -> float | None:
    known = book.newest(source, symbol)
    return None if known is None else known.quote.price


def _details(book: PriceBook, scorer: Scorer, source: str, symbol: str) -> Body:
    """Return what a streamed price says beside what ticks tell."""
    known = book.newest(source, symbol)
    score = scorer.total(source, symbol)
    if known is None:
        return {"quality_score": score}
    quote = known.quote
    before = quote.previous_close
    return {
        "quality_score": score,
        "previous_close": before,
        "change_percent": round((quote.price / before - 1.0) * 100.0, 4) if before else None,
        "currency": quote.currency or "USD",
    }


def _certain(hours: Hours, symbol: str) -> Sessions:
    sessions = hours.of(symbol)
    if sessions is None:
        raise UnknownSymbol(f"The sessions of {symbol} are not known yet.", subject=symbol)
    return sessions


def _resolved(desk: SourceDesk, symbol: str) -> str:
    """Return a symbol as it is written, as far as it is known; a feed weeds out what nobody has."""
    known = desk.known(symbol.strip())
    return known.symbol if known is not None else symbol.strip().upper()
