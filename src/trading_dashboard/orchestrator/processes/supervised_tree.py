"""One agent's process tree, from its start until its last member is gone.

Owns everything that belongs to that one tree: the leader, the watch on it, its pipes' streams, what
was seen of its members, and its ending. Who starts trees, and when, is the runtime's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from dataclasses import replace

from trading_dashboard.orchestrator.output.book import AgentLog
from trading_dashboard.orchestrator.output.pump import LogPump, OutputStream
from trading_dashboard.orchestrator.processes.cpu_meter import CpuMeter
from trading_dashboard.orchestrator.processes.memory import proportional_bytes
from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM
from trading_dashboard.orchestrator.processes.platforms.seam import Leader, Watch
from trading_dashboard.orchestrator.processes.process_tree import (
    Identity,
    ProcessStat,
    ProcessTable,
    RunMarker,
    members,
)
from trading_dashboard.orchestrator.processes.scanner import Scanner
from trading_dashboard.orchestrator.processes.stopping import Ending
from trading_dashboard.orchestrator.runtime import (
    ExitCallback,
    ExitStatus,
    Handle,
    StopReport,
    Usage,
)

LAST_OUTPUT_SECONDS = 0.5
"""How long the end of a tree waits for its last output to be read."""


class SupervisedTree:
    """A started leader and all that came of it."""

    def __init__(
        self,
        handle: Handle,
        marker: RunMarker,
        tag: int,
        scanner: Scanner,
        never: Callable[[], frozenset[int]],
        on_reap: Callable[[int], None],
        log: AgentLog,
    ) -> None:
        """Take what was started.

        Args:
            handle: Of the process; `process` is its `Leader`.
            marker: What the tree's processes carry in their environment.
            tag: What they carry though they cleared it.
            scanner: Reads the process table.
            never: Returns pids that are never members.
            on_reap: Told the leader's pid just before the number becomes free.
            log: Where remarks about the tree go.
        """
        self.handle = handle
        self.exit_status: ExitStatus | None = None
        self.streams: list[OutputStream] = []
        self._process: Leader = handle.process
        self._marker = marker
        self.tag = tag
        self._scanner = scanner
        self._never = never
        self._on_reap = on_reap
        self._log = log
        self._exited = asyncio.Event()
        self._watch: Watch | None = None
        self._on_exit: ExitCallback | None = None
        self._ending: Ending | None = None
        self._seen: set[Identity] = set()
        self._cpu = CpuMeter()

    def watch(self) -> None:
        """Begin to look out for the leader's end.

        Raises:
            OSError: No descriptor is left.
        """

        def exited(status: ExitStatus) -> None:
            self.exit_status = status
            self._exited.set()
            if self._on_exit is not None:
                self._on_exit(self.handle, status)

        self._watch = PLATFORM.watch_exit(self._process, exited)

    def report_to(self, on_exit: ExitCallback) -> None:
        """Have `on_exit` called once when the leader ends; soon, if it has ended already."""
        self._on_exit = on_exit
        if self.exit_status is not None:
            asyncio.get_running_loop().call_soon(on_exit, self.handle, self.exit_status)

    async def end(self, grace_seconds: float, pump: LogPump) -> StopReport:
        """End all members, read their last output, reap the leader. To be called once."""
        started = time.monotonic()
        self._ending = Ending(
            self._scanner,
            self.members,
            grace_seconds,
            leader=self._process,
            chase=lambda: PLATFORM.tags.chase(self.tag.__eq__),
            complain=lambda problem: self._log.note("error", f"cannot stop: {problem}"),
        )
        tally = await self._ending.run()
        # Everybody is gone, the leader is a zombie; the watch reports that on its own.
        await self._exited.wait()
        self._on_reap(self.handle.pid)
        self._process.reap()
        await self._read_last_output(pump)
        return StopReport(
            exit_status=self.exit_status,
            members=tally.members,
            killed=tally.killed,
            seconds=time.monotonic() - started,
        )

    def shorten(self, grace_seconds: float) -> None:
        """Kill no later than in `grace_seconds`, if ending has begun."""
        if self._ending is not None:
            self._ending.shorten(grace_seconds)

    def close(self) -> None:
        """Let go of what is held; the processes are left as they are."""
        if self._watch is not None:
            self._watch.close()

    def members(
        self, snapshot: ProcessTable, seen: Collection[Identity] = ()
    ) -> Mapping[int, ProcessStat]:
        """Return the living members, and remember them: they may change beyond recognition."""
        found = members(
            snapshot,
            session=None if self._process.is_reaped else self.handle.pid,
            is_ours=self._marker.__eq__,
            seen=self._seen.union(seen),
            never=self._never(),
        )
        self._seen = {process.identity for process in found.values()}
        return found

    async def usage(
        self, snapshot: ProcessTable, reader: Executor, exact_above: int | None
    ) -> Usage | None:
        """Return what the members use; CPU over the last second or more."""
        found = self.members(snapshot)
        if not found:
            return None
        ticks = {process.identity: process.cpu_ticks for process in found.values()}
        resident = {pid: process.resident_bytes for pid, process in found.items()}
        usage = Usage(
            cpu_percent=self._cpu.read(ticks, snapshot.read_at),
            memory_bytes=sum(resident.values()),
            processes=len(found),
        )
        if exact_above is None or usage.memory_bytes <= exact_above:
            return usage
        loop = asyncio.get_running_loop()
        exact = await loop.run_in_executor(reader, proportional_bytes, resident)
        return replace(usage, proportional_bytes=exact)

    async def _read_last_output(self, pump: LogPump) -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def finished() -> None:
            loop.call_soon_threadsafe(done.set)

        pump.finish(self.streams, finished)
        try:
            async with asyncio.timeout(LAST_OUTPUT_SECONDS):
                await done.wait()
        except TimeoutError:
            self._log.note("warning", "the last output could not be read in time")
