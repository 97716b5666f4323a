"""The market data agent on a recording: its life, its clock, and what it says of its health.

Owns the order of start and end. A recording that cannot be read to its end says so, and stands
still there.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI

from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.live.agent import Threads
from trading_dashboard.agents.market_data.live.hours import Hours
from trading_dashboard.agents.market_data.played.playing import Playing
from trading_dashboard.agents.market_data.played.position import PlayedPosition
from trading_dashboard.agents.market_data.played.reading import PlayedScores
from trading_dashboard.agents.market_data.recording.library import Library
from trading_dashboard.agents.market_data.records import MICROSECONDS
from trading_dashboard.models.market_api import ClockChange

SAVE_SECONDS = 1.0
SCORE_TURNS = 5
ARRIVE_SECONDS = 60.0
"""A change of the position is answered once all before it was told, or after so long."""

logger = logging.getLogger(__name__)


class PlayedAgent:
    """The life of the parts."""

    def __init__(
        self,
        playing: Playing,
        library: Library,
        hours: Hours,
        scores: PlayedScores,
        position: PlayedPosition,
        threads: Threads,
    ) -> None:
        """Take the parts, made and not started."""
        self.hub = playing.hub
        self.player = playing.player
        self._hours = hours
        self._library = library
        self._playing = playing
        self._position = position
        self._scores = scores
        self._threads = threads
        self._failure: str | None = None
        self._save_error: str | None = None

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Play while serving."""
        runner = asyncio.create_task(self._run(), name="playing")
        runner.add_done_callback(self._ended)
        try:
            await self._arrived()
            yield
        finally:
            runner.cancel()
            await asyncio.gather(runner, return_exceptions=True)
            await self._library.close()
            self._position.close()
            self._threads.close()

    async def close_streams(self) -> None:
        """End every stream; returns once their last message is on its way."""
        self.hub.close()
        await self.hub.empty.wait()

    async def set_clock(self, change: ClockChange) -> None:
        """Change the clock; returns once all before a new position was told and it is on disk.

        Raises:
            InvalidRange: The position or speed cannot be used.
            StoreUnusable: The change is not on disk.
        """
        position = None
        if change.now is not None:
            position = int(change.now.timestamp() * MICROSECONDS)
        self.player.set(position=position, speed=change.speed, paused=change.paused)
        if position is None:
            self.hub.clock_changed()
        else:
            await self._arrived()
        try:
            self._position.save()
            await self._threads(self._position.sync)
        except OSError as error:
            raise StoreUnusable(
                "The clock's change could not be put on disk.",
                observed=str(error),
                next_step="Check the data directory's free space and permissions.",
            ) from error

    def health(self) -> dict[str, Any]:
        """Return what `/health` says beside the common fields; from memory."""
        clock, player = self.player.clock, self.player
        body: dict[str, Any] = {
            "status": "degraded" if player.trouble or self._save_error else "healthy",
            "checks": {
                "recording": {
                    "status": "degraded" if player.trouble else "healthy",
                    "message": player.trouble,
                },
                "position": {
                    "status": "degraded" if self._save_error else "healthy",
                    "message": self._save_error,
                },
            },
            "clock": clock.body(),
            "data": {
                "state": "idle" if clock.is_finished else "fresh",
                "market": clock.body()["market"],
                "source": player.name,
                "age_seconds": 0.0,
            },
        }
        if self._failure:
            body.update(status="unhealthy", message=f"The playing failed: {self._failure}")
        elif player.trouble:
            body["message"] = f"The recording ends early: {player.trouble}"
        elif self._save_error:
            body["message"] = f"The position cannot be saved: {self._save_error}"
        elif clock.is_finished:
            body["message"] = "The recording has been played to its end."
        elif clock.is_paused:
            body["message"] = "The recording is paused: market time stands still."
        return body

    # Private

    async def _arrived(self) -> None:
        """Wait until all that was heard before the position was told."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ARRIVE_SECONDS):
                await self.player.arrived.wait()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._playing.run(), name="player")
            group.create_task(self.hub.run(), name="hub")
            group.create_task(self._do_chores(), name="chores")

    async def _do_chores(self) -> None:
        """Learn the hours of new symbols, score, and save the position, now and then."""
        learnt: set[str] = set()
        for turn in itertools.count():
            for symbol, instrument in list(self._playing.knowledge.instruments.items()):
                if symbol not in learnt:
                    learnt.add(symbol)
                    await self._hours.learn(instrument)
            try:
                self._position.save()
            except OSError as error:
                self._save_error = str(error)
            else:
                self._save_error = None
            if turn % SCORE_TURNS == 0:
                self._scores.report()
            await asyncio.sleep(SAVE_SECONDS)

    def _ended(self, runner: asyncio.Task[None]) -> None:
        """End the process if the playing failed: nothing would be new any more."""
        if not runner.cancelled() and (error := runner.exception()) is not None:
            self._failure = f"{type(error).__name__}: {error}"
            logger.error("The playing failed, the agent ends to be restarted", exc_info=error)
            signal.raise_signal(signal.SIGTERM)
