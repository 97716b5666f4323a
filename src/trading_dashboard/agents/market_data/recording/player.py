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
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from trading_dashboard.agents.market_data.recording.clock import PlayerClock
from trading_dashboard.agents.market_data.recording.files import ChunkLine, Recording
from trading_dashboard.agents.market_data.recording.heard import Batch, Heard
from trading_dashboard.agents.market_data.recording.recorder import OffLoop
from trading_dashboard.agents.market_data.records import BAR_COLUMNS, Bars, Integers, Ticks
from trading_dashboard.agents.market_data.sources.contract import PastBars
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
    ) -> None:
        """Make a player at the clock's position.

        Args:
            recording: What is played.
            clock: Its position and pace; change it by `set` only.
            in_thread: Does the work on files.
            on_jump: Called when the position was set, before anything of there is heard: what was
                built on what was heard before must begin anew.
        """
        self.recording = recording
        self.clock = clock
        self.name = f"recording:{recording.head.name} of {recording.head.source}"
        self.trouble: str | None = None
        """Why it could not be played to its end."""
        self._in_thread = in_thread
        self._on_jump = on_jump
        self._changed = asyncio.Event()
        self._jumps = 0
        self._past: dict[tuple[str, str], tuple[Integers, Bars]] | None = None

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
            async for heard in self._batches(start):
                if not await self._wait(heard.at, jumps):
                    break
                self.clock.reach(heard.at)
                yield replace(heard, batch=self._labelled(heard.batch))
                if jumps != self._jumps:
                    break
            else:
                await self._wait(self.clock.last, jumps)
                if jumps == self._jumps:
                    self.clock.reach(self.clock.last)
            while jumps == self._jumps:
                self._changed.clear()
                await self._changed.wait()

    async def live(self, symbols: frozenset[str]) -> AsyncIterator[Ticks]:
        """Yield the ticks of some symbols, as a `Source` does."""
        async with contextlib.aclosing(self.play()) as playing:  # type: ignore[type-var]
            async for heard in playing:
                if isinstance(heard.batch, Ticks):
                    is_wanted = np.isin(heard.batch.symbols, list(symbols))[heard.batch.symbol]
                    if is_wanted.any():
                        yield heard.batch.take(is_wanted)

    # The past

    async def history(self, symbol: str, interval: str, start: int, end: int) -> PastBars:
        """Return recorded bars that open in [start, end), as they were known at the clock."""
        if self._past is None:
            self._past = await self._in_thread(self._load_past)
        heard, bars = self._past.get((symbol, interval), (np.array([], np.int64), None))
        if bars is None:
            return PastBars(bars=Bars.of(self.name, symbol, interval, []))
        known = bars.take((heard <= self.clock.now()) & (bars.start >= start) & (bars.start < end))
        # Of each bar the newest word counts; they are in the order they were heard.
        _, last = np.unique(known.start[::-1], return_index=True)
        return PastBars(bars=known.take(np.asarray(len(known) - 1 - last, dtype=np.int64)))

    # Private

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

    def _labelled(self, batch: Batch) -> Batch:
        return replace(batch, source=self.name)

    def _load_past(self) -> dict[tuple[str, str], tuple[Integers, Bars]]:
        """Read all closed bars; what cannot be read is left out."""
        parts: dict[tuple[str, str], list[tuple[int, Bars]]] = {}
        for heard in self._all():
            if isinstance(heard.batch, Bars):
                bars = heard.batch.take(heard.batch.closed)
                parts.setdefault((bars.symbol, bars.interval), []).append((heard.at, bars))
        return {key: _joined(self.name, found) for key, found in parts.items()}

    def _all(self) -> Iterator[Heard]:
        for chunk in self.recording.chunks:
            try:
                yield from self.recording.read(chunk)
            except RecordingDamaged as error:
                logger.error("%s Observed: %s", error.message, error.observed)
                return


def _joined(source: str, parts: Sequence[tuple[int, Bars]]) -> tuple[Integers, Bars]:
    """Return when each bar was heard, and the bars, in that order."""
    heard = np.concatenate([np.full(len(bars), at, dtype=np.int64) for at, bars in parts])
    first = parts[0][1]
    columns = {
        name: np.concatenate([getattr(bars, name) for _, bars in parts]) for name in BAR_COLUMNS
    }
    bars = Bars(source=source, symbol=first.symbol, interval=first.interval, **columns)
    return heard, bars
