"""Looking at the process table for many who want to know at the same time.

Owns when the table is read and what is remembered about environments. Who asks while a reading is
under way shares the next one: a hundred agents stopped together cost a handful of readings.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from typing import TypeVar

from trading_dashboard.orchestrator.processes.process_tree import (
    Identity,
    ProcessStat,
    ProcessTable,
    RunMarker,
    more_credible,
    parse_marker,
    read_environ,
    take_snapshot,
)

T = TypeVar("T")

UNREADABLE_TRIES = 3
"""How often an empty environment is read again before it is believed."""


class Scanner:
    """Reads the process table off the loop."""

    def __init__(
        self,
        executor: Executor,
        since_ticks: int,
        marker_of: Callable[[int | None], RunMarker | None] = lambda _: None,
    ) -> None:
        """Take where to read, since when, and what tags mean.

        Args:
            executor: Where to read.
            since_ticks: Older processes cannot carry the marker sought.
            marker_of: Returns what a process without a marker in its environment stands for.
        """
        self._executor = executor
        self._marker_of = marker_of
        self._since_ticks = since_ticks
        self._markers: dict[Identity, RunMarker | None] = {}
        self._unreadable: dict[Identity, int] = {}
        self._running: asyncio.Task[ProcessTable] | None = None
        self._queued: asyncio.Task[ProcessTable] | None = None
        self._recent: ProcessTable | None = None
        self._recent_at = 0.0

    async def scan(self) -> ProcessTable:
        """Return a snapshot, with markers, whose reading begins after this call."""
        # Cancelled with everything else when the loop ends, it would stay here for ever.
        if self._queued is None or self._queued.done():
            self._queued = asyncio.get_running_loop().create_task(self._read_next(self._running))
        return await asyncio.shield(self._queued)

    async def recent(self, max_age_seconds: float) -> ProcessTable:
        """Return a snapshot not older than that."""
        if self._recent is None or time.monotonic() - self._recent_at > max_age_seconds:
            return await self.scan()
        return self._recent

    async def off_loop(self, work: Callable[[], T]) -> T:
        """Do other work that reads the table where the readings are done."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def close(self) -> None:
        """Wait for readings under way."""
        for task in (self._running, self._queued):
            if task is not None:
                await asyncio.wait([task])

    async def _read_next(self, before: asyncio.Task[ProcessTable] | None) -> ProcessTable:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._queued = self._queued, None
        try:
            loop = asyncio.get_running_loop()
            snapshot = await loop.run_in_executor(self._executor, self._read)
            self._recent, self._recent_at = snapshot, time.monotonic()
            return snapshot
        finally:
            self._running = None

    def _read(self) -> ProcessTable:
        """Read the table and the environments not known yet. One thread at a time."""
        taken = take_snapshot()
        processes = taken.processes
        markers: dict[int, RunMarker] = {}
        undetermined: set[int] = set()
        known: dict[Identity, RunMarker | None] = {}
        for process in processes.values():
            is_older = process.start_ticks < self._since_ticks or process.pid == 1
            if is_older or not process.is_alive:
                continue
            identity = process.identity
            if identity in self._markers:
                marker = known[identity] = self._markers[identity]
            else:
                marker = self._ask(process, known, undetermined)
            if marker is not None:
                markers[process.pid] = marker
        self._markers = known
        self._unreadable = {
            identity: tries
            for identity, tries in self._unreadable.items()
            if identity[0] in undetermined
        }
        return replace(taken, markers=markers, undetermined=frozenset(undetermined))

    def _ask(
        self,
        process: ProcessStat,
        known: dict[Identity, RunMarker | None],
        undetermined: set[int],
    ) -> RunMarker | None:
        tagged = self._marker_of(process.tag)
        if tagged is not None and tagged.agent:
            # What it says in its environment may be its own invention.
            known[process.identity] = tagged
            return tagged
        environ = read_environ(process.pid)
        marker = more_credible(parse_marker(environ or b""), tagged)
        if environ == b"" and marker is None:
            # So it is while a program is being loaded, too: ask again before believing it.
            tries = self._unreadable.get(process.identity, 0) + 1
            self._unreadable[process.identity] = tries
            if tries <= UNREADABLE_TRIES:
                undetermined.add(process.pid)
            else:
                known[process.identity] = None
            return None
        known[process.identity] = marker
        return marker
