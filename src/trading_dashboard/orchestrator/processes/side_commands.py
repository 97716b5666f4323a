"""Commands run beside agents: probes that are programs.

Owns one run from its start until its last process is gone. A run has a session, a marker and a
deadline of its own; whatever is left of it then is killed. It never waits for output, which is
bounded, and at most one run of an errand exists at a time.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from trading_dashboard.models.errors import AgentStartFailed
from trading_dashboard.orchestrator.output.cleaning import clean
from trading_dashboard.orchestrator.output.redaction import Redactor
from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM
from trading_dashboard.orchestrator.processes.platforms.seam import Guardian, Leader
from trading_dashboard.orchestrator.processes.process_tree import RunMarker
from trading_dashboard.orchestrator.processes.run_tag import TagBook
from trading_dashboard.orchestrator.processes.scanner import Scanner
from trading_dashboard.orchestrator.processes.spawning import Spawned, discard, spawn
from trading_dashboard.orchestrator.processes.stopping import Ending, marked
from trading_dashboard.orchestrator.runtime import CommandEnd, Launch

MAX_OUTPUT_BYTES = 1024 * 1024
KEPT_BYTES = 4096
READ_BYTES = 64 * 1024
ENDING_SECONDS = 2.0
"""How long the end of what is left of a run is waited for; it goes on by itself."""


class SideCommands:
    """Runs commands, each errand one at a time."""

    def __init__(
        self,
        spawner: Executor,
        scanner: Scanner,
        guardian: Guardian,
        tags: TagBook,
        never: Callable[[], frozenset[int]],
    ) -> None:
        """Take what is needed.

        Args:
            spawner: Where to spawn.
            scanner: Reads the process table.
            guardian: Ends what runs if we die.
            tags: Knows which tag means which run.
            never: Returns pids that are never members.
        """
        self._spawner = spawner
        self._scanner = scanner
        self._guardian = guardian
        self.tags = tags
        self._never = never
        self._numbers = itertools.count(1)
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def run(
        self, launch: Launch, errand: str, marker: RunMarker, timeout_seconds: float
    ) -> CommandEnd:
        """Return how the command ended. When cancelled, the run is ended first."""
        key = (launch.agent, errand)
        if key in self._running:
            return CommandEnd(problem="the previous run cannot be ended")
        run = _Run(self, launch, marker, timeout_seconds)
        task = asyncio.create_task(run.live(), name=f"{errand} of {launch.agent}")
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key))
        try:
            await asyncio.wait([task], timeout=timeout_seconds + ENDING_SECONDS)
        except asyncio.CancelledError:
            run.abort()
            await asyncio.wait([task], timeout=ENDING_SECONDS)
            raise
        if task.done():
            task.result()  # a bug of ours is the caller's to report
        return run.end

    async def close(self) -> None:
        """Let go of runs that cannot be ended."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def mark(self, marker: RunMarker) -> RunMarker:
        """Return the marker of another run beside the tree that carries `marker`."""
        errand = str(next(self._numbers))
        return RunMarker(
            marker.run_id, marker.agent, marker.generation, marker.state_directory, errand
        )

    async def start(self, launch: Launch, marker: RunMarker, tag: int) -> Spawned:
        """Start the process.

        Raises:
            AgentStartFailed: It cannot be started.
        """
        loop = asyncio.get_running_loop()
        spawned = await loop.run_in_executor(
            self._spawner, spawn, launch, marker, tag, self.tags.is_dedicated
        )
        self._guardian.add(spawned.process.pid)
        return spawned

    async def sweep(self, process: Leader, marker: RunMarker, tag: int) -> None:
        """Kill all that is left of a run, and reap its leader."""

        def session() -> int | None:
            return None if process.is_reaped else process.pid

        find = marked(marker.__eq__, self._never, session)
        chase = partial(PLATFORM.tags.chase, tag.__eq__)
        await Ending(self._scanner, find, 0.0, leader=process, chase=chase).run()
        self._guardian.remove(process.pid)
        await asyncio.get_running_loop().run_in_executor(self._spawner, process.reap)

    async def throw_away(self, spawned: Spawned) -> None:
        """End what cannot be watched."""
        self._guardian.remove(spawned.process.pid)
        await asyncio.get_running_loop().run_in_executor(self._spawner, discard, spawned)


class _Run:
    """One run of one command."""

    def __init__(
        self, commands: SideCommands, launch: Launch, marker: RunMarker, timeout_seconds: float
    ) -> None:
        self.end = CommandEnd(problem=f"did not end within {timeout_seconds:g} s")
        self._commands = commands
        self._launch = launch
        self._marker = commands.mark(marker)
        self._timeout_seconds = timeout_seconds
        self._is_over = asyncio.Event()
        self._output = b""
        self._read_bytes = 0

    def abort(self) -> None:
        """End it now."""
        self._is_over.set()

    async def live(self) -> None:
        """Start it, wait for its end or its deadline, and end what is left."""
        tag = self._commands.tags.assign(self._marker)
        try:
            await self._live(tag)
        finally:
            self._commands.tags.forget(tag)

    async def _live(self, tag: int) -> None:
        if os.name != "posix":  # elsewhere the event loop cannot look after pipes
            self.end = CommandEnd(problem="cannot be run on this system")
            return
        try:
            spawned = await self._commands.start(self._launch, self._marker, tag)
        except AgentStartFailed as error:
            self.end = CommandEnd(problem=f"cannot be run: {error.message}")
            return
        pipes = (spawned.stdout, spawned.stderr)
        loop = asyncio.get_running_loop()
        try:
            watch = PLATFORM.watch_exit(spawned.process, lambda _: self._is_over.set())
        except OSError as error:
            self.end = CommandEnd(problem=f"cannot be run: {error}")
            await self._commands.throw_away(spawned)
            _close(pipes)
            return
        for pipe in pipes:
            if sys.platform != "win32":
                os.set_blocking(pipe, False)
            loop.add_reader(pipe, self._read, pipe)
        try:
            await self._wait()
            self._note_end(spawned.process, pipes)
        finally:
            for pipe in pipes:
                loop.remove_reader(pipe)
            _close(pipes)
            watch.close()
            await self._commands.sweep(spawned.process, self._marker, tag)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._is_over.wait()
        except TimeoutError:
            return

    def _note_end(self, process: Leader, pipes: tuple[int, int]) -> None:
        returncode = process.poll()
        if returncode is not None:
            for pipe in pipes:
                while self._read(pipe):
                    continue
        is_flood = self._read_bytes >= MAX_OUTPUT_BYTES
        if is_flood:
            self.end = CommandEnd(problem=f"wrote more than {MAX_OUTPUT_BYTES // 1024} KiB")
        elif returncode is not None:
            self.end = CommandEnd(returncode=returncode, last_line=self._last_line())
        elif last := self._last_line():
            self.end = CommandEnd(problem=self.end.problem, last_line=last)

    def _read(self, pipe: int) -> bool:
        """Read once, unless too much came already. False if nothing came."""
        if self._read_bytes >= MAX_OUTPUT_BYTES:
            return False
        try:
            data = os.read(pipe, READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(pipe)
            return False
        self._output = (self._output + data)[-KEPT_BYTES:]
        self._read_bytes += len(data)
        if self._read_bytes >= MAX_OUTPUT_BYTES:
            self._is_over.set()
        return True

    def _last_line(self) -> str:
        redactor = Redactor.knowing(self._launch.env)
        text = redactor.redact(clean(self._output.decode(errors="replace")))
        return next((line.strip() for line in reversed(text.split("\n")) if line.strip()), "")


def _close(pipes: tuple[int, int]) -> None:
    for pipe in pipes:
        os.close(pipe)
