"""The market data agent: the life of its parts, and what it says of its health.

Owns what is started and closed in which order. The store belongs to this process; after the start
it is touched from one thread of its own, never from the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from fastapi import FastAPI

from trading_dashboard.agents.kit.memory import give_back
from trading_dashboard.agents.market_data.demo.clock import ReplayClock
from trading_dashboard.agents.market_data.demo.dataset import CALENDAR, SOURCE, TIME_ZONE
from trading_dashboard.agents.market_data.demo.journal import PositionJournal
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.replay_feed import ReplayFeed
from trading_dashboard.agents.market_data.demo.store import MarketStore
from trading_dashboard.agents.market_data.demo.tap import DemoTap
from trading_dashboard.agents.market_data.demo.timeline import Instant
from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.recording.library import Library
from trading_dashboard.agents.market_data.streaming.hub import StreamHub
from trading_dashboard.models.errors import InvalidRange
from trading_dashboard.models.market import MAX_REPLAY_SPEED
from trading_dashboard.models.market_api import ClockChange

RECORDINGS_FOLDER = "recordings"
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
        self.hub = StreamHub(ReplayFeed(market, clock))
        self.tap = DemoTap(market, clock, lambda: self.library.is_hearing)
        self.library = Library(
            store.path.parent / RECORDINGS_FOLDER,
            now=self.tap.now,
            in_thread=self.on_disk,
            about={"calendar": CALENDAR, "time_zone": TIME_ZONE, "intraday": "simulated"},
            known=self.tap,
        )
        self.setting = asyncio.Lock()
        """Held while the clock is being set, so that acknowledgements come in order."""
        self.failure: str | None = None
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="disk")
        self._quick = ThreadPoolExecutor(max_workers=1, thread_name_prefix="quick")
        self._slow = ThreadPoolExecutor(max_workers=1, thread_name_prefix="slow")
        self._slow_waiting = 0

    @contextlib.asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Run the hub while serving; leave the exact position behind."""
        runner = asyncio.create_task(self.hub.run(), name="hub")
        runner.add_done_callback(self._hub_ended)
        hearing = asyncio.create_task(self.tap.run(self.library.hear), name="tap")
        try:
            yield
        finally:
            runner.cancel()
            hearing.cancel()
            await asyncio.gather(runner, hearing, return_exceptions=True)
            await self.library.close()
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
        loop = asyncio.get_running_loop()
        if sessions <= QUICK_SESSIONS:
            return await loop.run_in_executor(self._quick, work)
        self._slow_waiting += 1
        try:
            return await loop.run_in_executor(self._slow, work)
        finally:
            self._slow_waiting -= 1
            if not self._slow_waiting:
                with contextlib.suppress(RuntimeError):  # the agent is ending
                    self._slow.submit(give_back)

    async def set_clock(self, change: ClockChange) -> None:
        """Change the replay's clock; returns once the change is on disk.

        Raises:
            InvalidRange: The time or the speed cannot be used.
            StoreUnusable: The change is not on disk.
        """
        clock = self.clock
        position = None
        if change.now is not None:
            self._check_jump(change.now)
            position = clock.timeline.position_of(change.now)
        if change.speed is not None and change.speed > MAX_REPLAY_SPEED:
            raise InvalidRange(
                "Only a recording can be played so fast.",
                subject="speed",
                observed=change.speed,
                next_step=f"Use 0.1 to {MAX_REPLAY_SPEED:g}.",
            )
        async with self.setting:
            # Subscribers get all that happened at the old pace before the new one begins.
            self.hub.advance()
            try:
                clock.set(position=position, speed=change.speed, paused=change.paused)
                if position is not None:
                    self.hub.jumped()
                else:
                    self.hub.clock_changed()
                await self.on_disk(self.journal.sync)
            except OSError as error:
                raise StoreUnusable(
                    "The clock's change could not be put on disk.",
                    observed=str(error),
                    next_step="Check the data directory's free space and permissions.",
                ) from error

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

    def _check_jump(self, now: datetime) -> None:
        first, last = self.clock.first_instant(), self.clock.last_instant()
        if not first <= now <= last:
            raise InvalidRange(
                "now is outside the replay's data.",
                subject="now",
                observed=now.isoformat(),
                next_step=f"Use a time from {first.isoformat()} to {last.isoformat()}.",
            )

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
