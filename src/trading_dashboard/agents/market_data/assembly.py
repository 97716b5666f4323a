"""The market data agent put together from its environment: settings, files, routes.

Owns what the agent is made of and where its replay begins. Its life is `agent`'s.
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, time
from pathlib import Path

from trading_dashboard import __version__
from trading_dashboard.agents.kit import (
    AgentApp,
    AgentEnvironment,
    checked_settings,
    create_agent_app,
)
from trading_dashboard.agents.market_data.agent import MarketDataAgent
from trading_dashboard.agents.market_data.api.recordings import add_recordings
from trading_dashboard.agents.market_data.api.routes import add_routes
from trading_dashboard.agents.market_data.demo.clock import ReplayClock
from trading_dashboard.agents.market_data.demo.dataset import SOURCE
from trading_dashboard.agents.market_data.demo.journal import PositionJournal
from trading_dashboard.agents.market_data.demo.loading import open_market
from trading_dashboard.agents.market_data.demo.timeline import Timeline
from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.models.errors import SourceRefused
from trading_dashboard.models.settings import MarketDataSettings

NAME = "market_data"
DEFAULT_PORT = 8000
STORE_FILE = "market_data.duckdb"
JOURNAL_FILE = "replay.position"

logger = logging.getLogger(__name__)


def build(environment: AgentEnvironment) -> AgentApp:
    """Return the agent's application, its data loaded.

    Raises:
        ConfigurationError: The settings have mistakes.
        SourceRefused: The environment does not allow the source.
        StoreInUse, StoreUnusable: The store cannot be used.
    """
    settings = checked_settings(MarketDataSettings, environment)
    check_source(settings, environment)
    if settings.source == "live":
        # What real sources need is not loaded for a replay.
        from trading_dashboard.agents.market_data.live.assembly import build_live

        return build_live(settings, environment)
    if settings.source == "recording":
        from trading_dashboard.agents.market_data.played.assembly import build_played

        return build_played(settings, environment)
    store, market = open_market(environment.data_directory / STORE_FILE, settings.seed)
    journal, clock = open_clock(
        market.timeline, environment.data_directory / JOURNAL_FILE, settings
    )
    agent = MarketDataAgent(store, journal, market, clock)
    app = create_agent_app(
        environment,
        version=__version__,
        title="Market data agent",
        description="Replayed market data: real days, simulated within the day. Nothing later "
        "than the market clock is ever answered.",
        health=agent.health,
        lifespan=agent.lifespan,
    )
    if environment.token_file is None:
        app.operator.ensure()
    add_routes(app, agent)
    add_recordings(app, agent.library, lambda: [SOURCE])
    app.before_exit.append(agent.close_streams)
    return app


def check_source(settings: MarketDataSettings, environment: AgentEnvironment) -> None:
    """Raise `SourceRefused` if the environment does not allow the source."""
    if environment.environment == "production" and settings.source != "live":
        setting = f"agents.{environment.name}.settings.source"
        raise SourceRefused(
            f"{setting} is '{settings.source}', a replay of the past, which production refuses.",
            subject=setting,
            observed=f"environment production, source {settings.source}",
            next_step=f"Set {setting} to live, or use the environment development.",
        )


def open_clock(
    timeline: Timeline, path: Path, settings: MarketDataSettings
) -> tuple[PositionJournal, ReplayClock]:
    """Return the open journal of the replay's position, and the clock it says.

    Raises:
        StoreUnusable: The journal cannot be read or written.
    """
    try:
        journal = PositionJournal(path)
        return journal, resume_clock(timeline, journal, settings)
    except OSError as error:
        raise StoreUnusable(
            f"The replay's position cannot be kept in {path}.",
            subject=str(path),
            observed=error.strerror or str(error),
            next_step="Check the folder's permissions and free space.",
        ) from error


def resume_clock(
    timeline: Timeline, journal: PositionJournal, settings: MarketDataSettings
) -> ReplayClock:
    """Return the clock where the journal left it, or at the start if the settings changed."""
    configured = f"{settings.replay_start} at {settings.replay_speed:g}"
    record = journal.read()
    speed, paused = settings.replay_speed, False
    midnight = datetime.combine(settings.replay_start, time.min, UTC)
    position = timeline.position_of(midnight)
    if record is not None and record.configured == configured:
        index = timeline.index_from(date.fromisoformat(record.session))
        if index < len(timeline):
            position = timeline.start_of(index) + record.offset
            speed, paused = record.speed, record.paused
    clock = ReplayClock(
        timeline, journal, position=position, speed=speed, paused=paused, configured=configured
    )
    clock.set()
    journal.sync()
    state = clock.state()
    logger.info("The replay is at %s, speed %g%s", state.now, speed, ", paused" if paused else "")
    return clock
