"""The market data agent: its parts put together, and their life.

Owns what is started and closed in which order. The store belongs to this process; after the start
it is touched from one thread of its own, never from the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI

from trading_dashboard import __version__
from trading_dashboard.agents.kit import (
    AgentApp,
    AgentEnvironment,
    checked_settings,
    create_agent_app,
)
from trading_dashboard.agents.market_data.clock import ReplayClock
from trading_dashboard.agents.market_data.dataset import SOURCE
from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.journal import PositionJournal
from trading_dashboard.agents.market_data.loading import open_market
from trading_dashboard.agents.market_data.market import DemoMarket
from trading_dashboard.agents.market_data.store import MarketStore
from trading_dashboard.agents.market_data.stream import StreamHub
from trading_dashboard.agents.market_data.timeline import Instant, Timeline
from trading_dashboard.models.errors import SourceRefused
from trading_dashboard.models.settings import MarketDataSettings

NAME = "market_data"
DEFAULT_PORT = 8000
STORE_FILE = "market_data.duckdb"
JOURNAL_FILE = "replay.position"
QUICK_SESSIONS = 50
"""So many are simulated in less than a tenth of a second."""

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class MarketDataAgent:
    """Everything this process holds. Made before the event loop runs, `lifespan` within it."""

    def __init__(
        self,
        store: MarketStore,
        journal: PositionJournal,
        market: DemoMarket,
        clock: ReplayClock,
    ) -> None:
        self.store = store
        self.journal = journal
        self.market = market
        self.clock = clock
        self.hub = StreamHub(market, clock)
        self.setting = asyncio.Lock()
        """Held while the clock is being set, so that acknowledgements come in order."""
        self.failure: str | None = None
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="disk")
        self._quick = ThreadPoolExecutor(max_workers=1, thread_name_prefix="quick")
        self._slow = ThreadPoolExecutor(max_workers=1, thread_name_prefix="slow")

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Run the hub while serving; leave the exact position behind."""
        runner = asyncio.create_task(self.hub.run(), name="hub")
        runner.add_done_callback(self._hub_ended)
        try:
            yield
        finally:
            runner.cancel()
            await asyncio.gather(runner, return_exceptions=True)
            await self.on_disk(self._leave)
            self._disk.shutdown()
            self._quick.shutdown(cancel_futures=True)
            self._slow.shutdown(cancel_futures=True)

    async def close_streams(self) -> None:
        """End every stream; returns once their last message is on its way."""
        self.hub.close()
        await self.hub.empty.wait()

    async def on_disk(self, work: Callable[[], Result]) -> Result:
        """Do blocking work on files or the store in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)

    async def computed(self, work: Callable[[], Result], sessions: int) -> Result:
        """Do work that simulates so many sessions in a thread, one piece at a time.

        What takes seconds has a thread of its own: a chart does not wait behind a scan of years.
        """
        lane = self._quick if sessions <= QUICK_SESSIONS else self._slow
        return await asyncio.get_running_loop().run_in_executor(lane, work)

    def health(self) -> dict[str, Any]:
        """Return what `/health` says beside the common fields; from memory."""
        instant = self.clock.instant()
        state = self.clock.state(instant)
        trouble = self.hub.record_error
        body: dict[str, Any] = {
            "status": "degraded" if trouble else "healthy",
            "checks": {
                "store": {"status": "healthy"},
                "position": (
                    {"status": "degraded", "message": trouble} if trouble
                    else {"status": "healthy"}
                ),
            },
            "data": self._freshness(instant, state.market.value),
            "clock": state.model_dump(mode="json"),
        }  # fmt: skip
        if self.failure:
            body["status"] = "unhealthy"
            body["message"] = f"The replay failed: {self.failure}"
        elif trouble:
            body["message"] = f"The replay stands still, its position cannot be saved: {trouble}"
        elif instant.finished:
            body["message"] = "The replay has reached the end of its data."
        elif state.paused:
            body["message"] = "The replay is paused: market time stands still."
        return body

    def _freshness(self, instant: Instant, market: str) -> dict[str, Any]:
        """Return how old the newest price is, in market time; stale if time should have passed."""
        overdue = self.clock.overdue_seconds()
        data: dict[str, Any] = {
            "state": "stale" if overdue else "fresh",
            "market": market,
            "source": SOURCE,
        }
        data["age_seconds"] = round(instant.offset % 1.0 + overdue, 3)
        if instant.finished:
            data.update(state="idle", age_seconds=0.0)
        return data

    def _hub_ended(self, runner: asyncio.Task[None]) -> None:
        """End the process if the hub failed: without it market time stands still for ever."""
        if not runner.cancelled() and (error := runner.exception()) is not None:
            self.failure = f"{type(error).__name__}: {error}"
            logger.error("The replay failed, the agent ends to be restarted", exc_info=error)
            signal.raise_signal(signal.SIGTERM)

    def _leave(self) -> None:
        try:
            self.clock.settle()
            self.journal.sync()
        except OSError as error:
            logger.error("The replay's position could not be recorded at the end: %s", error)
        self.journal.close()
        try:
            self.store.close()
        except StoreUnusable as error:
            logger.error("%s Observed: %s", error.message, error.observed)


def build(environment: AgentEnvironment) -> AgentApp:
    """Return the agent's application, its data loaded.

    Raises:
        ConfigurationError: The settings have mistakes.
        SourceRefused: The environment does not allow the source.
        StoreInUse, StoreUnusable: The store cannot be used.
    """
    settings = checked_settings(MarketDataSettings, environment)
    check_source(settings, environment)
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
    from trading_dashboard.agents.market_data.routes import add_metrics, add_routes

    add_routes(app, agent)
    add_metrics(app, agent)
    app.before_exit.append(agent.close_streams)
    return app


def check_source(settings: MarketDataSettings, environment: AgentEnvironment) -> None:
    """Raise `SourceRefused` if the environment does not allow the source."""
    if environment.environment == "production" and settings.source == "demo":
        setting = f"agents.{environment.name}.settings.source"
        raise SourceRefused(
            f"{setting} is 'demo', a replay of the past, which production refuses.",
            subject=setting,
            observed="environment production, source demo",
            next_step=f"Set {setting} to a real source, or use the environment development.",
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
