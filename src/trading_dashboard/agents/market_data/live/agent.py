"""The market data agent on real sources: the order of start and end, and what it says of itself.

Owns the lifespan and `/health`. Acknowledged data is on disk; at the end what still waits is put
there, and told if it could not be.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import FastAPI

from trading_dashboard.agents.market_data.choosing.states import SourceState
from trading_dashboard.agents.market_data.live.works import Works
from trading_dashboard.agents.market_data.store.backup import Recovery

READERS = 4

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class Threads:
    """Threads for what blocks."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="archive")

    async def __call__(self, work: Callable[[], Result]) -> Result:
        """Return what `work` returns."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """End them; what is under way ends first."""
        self._pool.shutdown()


class LiveAgent:
    """The life of the parts."""

    def __init__(self, works: Works, threads: Threads, recovery: Recovery | None) -> None:
        """Take the parts, and what had to be done to open the archive."""
        parts = works.parts
        self.hub = parts.hub
        self.clock = parts.clock
        self._archive = parts.archive
        self._desk = parts.desk
        self._library = parts.library
        self._recovery = recovery
        self._threads = threads
        self._works = works
        self._failure: str | None = None

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Run the parts while serving."""
        await self._desk.open()
        self._works.pipeline.start()
        runner = asyncio.create_task(self._works.run(), name="works")
        runner.add_done_callback(self._ended)
        try:
            yield
        finally:
            runner.cancel()
            await asyncio.gather(runner, return_exceptions=True)
            await self._close()

    async def close_streams(self) -> None:
        """End every stream; returns once their last message is on its way."""
        self.hub.close()
        await self.hub.empty.wait()

    def health(self) -> dict[str, Any]:
        """Return what `/health` says beside the common fields; from memory."""
        states = self._works.condition.states
        broken = self._works.condition.broken()
        clock = self.clock.body()
        store = self._works.pipeline.stats().store
        trouble = store.error or self._works.upkeep_error
        lost = None if self._recovery is None else str(self._recovery)
        body: dict[str, Any] = {
            "status": "healthy",
            "checks": {
                "store": {
                    "status": "degraded" if trouble or lost else "healthy",
                    "message": trouble or lost,
                },
                "sources": {
                    "status": "degraded" if broken else "healthy",
                    "message": _told(broken),
                },
            },
            "data": self._works.condition.freshness(self.clock.micros(), clock["market"]),
            "clock": clock,
        }
        if self._failure:
            body.update(status="unhealthy", message=f"The live market failed: {self._failure}")
        elif trouble:
            body.update(status="degraded", message=f"The archive cannot be written: {trouble}")
        elif lost:
            body.update(status="degraded", message=lost)
        elif states and len(broken) == len(states):
            body.update(status="degraded", message=f"No source answers. {_told(broken)}")
        return body

    def _ended(self, runner: asyncio.Task[None]) -> None:
        """End the process if the works failed: nothing would be new any more."""
        if not runner.cancelled() and (error := runner.exception()) is not None:
            self._failure = f"{type(error).__name__}: {error}"
            logger.error("The live market failed, the agent ends to be restarted", exc_info=error)
            signal.raise_signal(signal.SIGTERM)

    async def _close(self) -> None:
        if not await self._works.pipeline.close():
            logger.error("Not all that came could be put on disk before the end")
        try:
            await self._library.close()
            await self._works.save_scores()
            await self._desk.close()
        except Exception:
            logger.exception("Not all parts could be closed")
        await self._threads(self._archive.close)
        self._threads.close()


def _told(states: list[SourceState]) -> str | None:
    return "; ".join(f"{state.name}: {state.last_error or state.state}" for state in states) or None
