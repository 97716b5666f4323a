"""Playing a recording: a source whose past is real and whose present is the clock.

Owns the order and the time in which things are heard again: the same batches in the same order at
every speed, silence where there was silence, and nothing before its time. What it says is labelled
with the recording and the source that was recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from trading_dashboard.agents.market_data.recording.clock import PlayerClock
from trading_dashboard.agents.market_data.recording.files import ChunkLine, Recording
from trading_dashboard.agents.market_data.recording.heard import KNOWN, Heard, labelled
from trading_dashboard.agents.market_data.recording.past import RecordedPast
from trading_dashboard.agents.market_data.recording.recorder import OffLoop
from trading_dashboard.agents.market_data.records import Bars
from trading_dashboard.models.errors import RecordingDamaged

TOGETHER = 256
"""Batches handed over without giving others a turn, when nothing is waited for."""

logger = logging.getLogger(__name__)


class RecordingPlayer:
    """Plays one recording by its clock. Used from one event loop, by one reader of `play`."""

    def __init__(
        self,
        recording: Recording,
        clock: PlayerClock,
        *,
        in_thread: OffLoop,
        on_jump: Callable[[], None] = lambda: None,
        catch_up: Callable[[Heard | None], None] | None = None,
    ) -> None:
        """Make a player at the clock's position.

        Args:
            recording: What is played.
            clock: Its position and pace; change it by `set` only.
            in_thread: Does the work on files.
            on_jump: Called when the position was set, before anything of there is heard: what was
                built on what was heard before must begin anew.
            catch_up: Takes what was heard before the position played from, at once and in order,
                then None; without it, what was before is not told.
        """
        self.recording = recording
        self.clock = clock
        self.name = f"recording:{recording.head.name} of {recording.head.source}"
        self.trouble: str | None = None
        """Why it could not be played to its end."""
        self.arrived = asyncio.Event()
        """Set when all that was heard before the position it was set to has been told."""
        self._in_thread = in_thread
        self._on_jump = on_jump
        self._catch_up = catch_up
        self._changed = asyncio.Event()
        self._jumps = 0
        self.past = RecordedPast(recording, self.name)
        """Bars as they were known at a moment; ask for none later than the clock."""

    # Control

    def set(
        self,
        *,
        position: int | None = None,
        speed: float | None = None,
        paused: bool | None = None,
    ) -> None:
        """Change position, speed or pause. Raises `InvalidRange`; then nothing has changed."""
        self.clock.set(position=position, speed=speed, paused=paused)
        if position is not None:
            self._jumps += 1
            self.arrived.clear()
            self._on_jump()
        self._changed.set()

    # Playing

    async def play(self) -> AsyncIterator[Heard]:
        """Yield all that was heard from the clock's position on, each at its time.

        It goes on after a jump, and waits at the end for one.
        """
        while True:
            jumps = self._jumps
            start = self.clock.now()
            self.clock.hold_at(start)
            await self._tell_before(start, jumps)
            async for heard in self._batches(start):
                if not await self._wait(heard.at, jumps):
                    break
                self.clock.reach(heard.at)
                yield self._labelled(heard)
                if jumps != self._jumps:
                    break
            else:
                await self._wait(self.clock.last, jumps)
                if jumps == self._jumps:
                    self.clock.reach(self.clock.last)
            while jumps == self._jumps:
                self._changed.clear()
                await self._changed.wait()

    # The past

    async def history(self, symbol: str, interval: str, start: int, end: int) -> Bars:
        """Return closed bars that open in [start, end), as they were known at the clock."""
        known_at = self.clock.now()
        return await self._in_thread(lambda: self.past.bars(symbol, interval, start, end, known_at))

    # Private

    async def _tell_before(self, start: int, jumps: int) -> None:
        if self._catch_up is not None:
            async for heard in self._batches(0):
                # What was known when the recording began is no news of its first moment.
                is_to_come = heard.at >= start and not isinstance(heard.batch, KNOWN)
                if is_to_come or heard.at > start or jumps != self._jumps:
                    break
                self._catch_up(self._labelled(heard))
                await self._give_a_turn()
            if jumps == self._jumps:
                self._catch_up(None)
        if jumps == self._jumps:
            self.arrived.set()

    async def _batches(self, start: int) -> AsyncIterator[Heard]:
        """Yield what was heard from a time on; a damaged chunk ends it."""
        for chunk in self.recording.chunks:
            if chunk.last < start:
                continue
            try:
                batches = await self._in_thread(lambda chunk=chunk: self._read(chunk))  # type: ignore[misc]
            except RecordingDamaged as error:
                self.trouble = f"{error.message} Observed: {error.observed}."
                logger.error("%s", self.trouble)
                return
            for heard in batches:
                # What was heard at the very position is still to come.
                if heard.at >= start:
                    yield heard

    def _read(self, chunk: ChunkLine) -> Sequence[Heard]:
        return list(self.recording.read(chunk))

    async def _wait(self, at: int, jumps: int) -> bool:
        """Wait until the clock is there; False if it was set to somewhere else."""
        self.clock.skip_closed(at)
        self.clock.hold_at(at)
        while jumps == self._jumps:
            pause = self.clock.seconds_until(at)
            if pause == 0.0:
                await self._give_a_turn()
                return jumps == self._jumps
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()
        return False

    _turns = itertools.count()

    async def _give_a_turn(self) -> None:
        if next(self._turns) % TOGETHER == 0:
            await asyncio.sleep(0)

    def _labelled(self, heard: Heard) -> Heard:
        return replace(heard, batch=labelled(heard.batch, self.name))
