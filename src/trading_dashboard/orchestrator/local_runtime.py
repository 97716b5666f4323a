"""Agents as processes of this machine.

Owns which trees exist and the order in which the parts are opened and closed; the parts do the
work (`processes/`, `output/`). One instance per supervisor, used from one event loop. What it
promises is written at `Runtime`; three things beyond:

- `on_exit` is called for every end of a leader, also one that `stop` asked for.
- A `start` that is cancelled leaves no process; a `stop` that is cancelled goes on by itself, and
  calling it again waits for the same ending.
- When `stop` has returned, the tree's last output is in `logs`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from trading_dashboard.config.settings import LogSettings
from trading_dashboard.models.errors import SupervisorShuttingDown
from trading_dashboard.models.events import LogFigures, LogLine
from trading_dashboard.orchestrator.output.book import LogBook
from trading_dashboard.orchestrator.output.pump import OutputStream
from trading_dashboard.orchestrator.output.redaction import Redactor
from trading_dashboard.orchestrator.processes.lease import ProjectLease
from trading_dashboard.orchestrator.processes.leftovers import Leftovers
from trading_dashboard.orchestrator.processes.listeners import Listeners
from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM
from trading_dashboard.orchestrator.processes.port_owners import PortOwners
from trading_dashboard.orchestrator.processes.process_tree import (
    RunMarker,
    own_start_ticks,
)
from trading_dashboard.orchestrator.processes.run_tag import TagBook
from trading_dashboard.orchestrator.processes.scanner import Scanner
from trading_dashboard.orchestrator.processes.side_commands import SideCommands
from trading_dashboard.orchestrator.processes.spawning import (
    Spawned,
    discard,
    explain,
    spawn,
)
from trading_dashboard.orchestrator.processes.stopping import Ending, Find, marked
from trading_dashboard.orchestrator.processes.supervised_tree import SupervisedTree
from trading_dashboard.orchestrator.processes.upkeep import keep_up
from trading_dashboard.orchestrator.runtime import (
    CommandEnd,
    ExitCallback,
    ExitStatus,
    Handle,
    Launch,
    LogWatch,
    PortOwner,
    StopReport,
    Usage,
)

T = TypeVar("T")

logger = logging.getLogger(__name__)

CLOSE_GRACE_SECONDS = 2.0
CLOSE_LIMIT_SECONDS = 8.0
"""`close` gives up on processes that cannot be ended, such as those stuck in the kernel."""
USAGE_AGE_SECONDS = 0.9
WRITER_CLOSE_SECONDS = 2.0
SPAWN_THREADS = 4


class LocalRuntime:
    """Starts, watches and ends process trees of this machine."""

    def __init__(
        self,
        state_directory: Path,
        logs: LogSettings | None = None,
        *,
        run_id: str | None = None,
        is_dedicated: bool = False,
    ) -> None:
        """Prepare; nothing is touched before `open`.

        Args:
            state_directory: `var/` of the project.
            logs: How much of the agents' output is kept.
            run_id: Tells this run from all others; made up by default.
            is_dedicated: Nobody else starts children in this process; see `spawn`.
        """
        self.run_id = run_id or uuid.uuid4().hex
        self.state_directory = state_directory.resolve()
        self._settings = logs or LogSettings()
        self._book = LogBook(self.state_directory / "log", self._settings)
        self._pump = PLATFORM.make_pump(self._book.announce)
        self._spawner = ThreadPoolExecutor(SPAWN_THREADS, "spawn")
        self._reader = ThreadPoolExecutor(1, "process-table")
        self._trees: dict[tuple[str, int], SupervisedTree] = {}
        self._stops: dict[tuple[str, int], asyncio.Task[StopReport]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._starting: set[asyncio.Task[SupervisedTree]] = set()
        self._is_open = False
        self._closing: asyncio.Task[None] | None = None
        self._tags = TagBook(self.run_id, str(self.state_directory), is_dedicated=is_dedicated)
        self._scanner = Scanner(self._reader, own_start_ticks(), self._tags.marker_of)
        self._lease = ProjectLease(self.state_directory / "run", complain=logger.warning)
        self._leftovers = Leftovers(self.state_directory, self.run_id, self._tags.marker_of)
        self._owners = PortOwners(self._reader, self._scanner, self._leftovers)
        self._guardian = PLATFORM.make_guardian(
            self.run_id,
            self._tags.run,
            self.state_directory / "log" / "guardian.log",
            self._spawner,
            complain=logger.warning,
        )
        self._listeners = Listeners()
        self._commands = SideCommands(
            self._spawner, self._scanner, self._guardian, self._tags, self._never_members
        )

    async def open(self) -> None:
        """Make ready.

        Raises:
            AlreadySupervised: Another live supervisor owns the project.
            SupervisorShuttingDown: It was closed; a runtime is opened once.
        """
        if self._closing is not None:
            raise SupervisorShuttingDown(
                "This supervisor was closed and cannot be opened again.",
                subject=str(self.state_directory),
                next_step="Make a new AgentManager.",
            )
        for name in ("", "run", "log", "data"):
            PLATFORM.make_private(self.state_directory / name)
        PLATFORM.raise_descriptor_limit()
        self._lease.claim(self.run_id)
        if self._lease.previous is not None:
            self._tags.remember(self._lease.previous.run_id)
        try:
            guarding = self._own(self._guardian.open())
            await self._end_all(self._leftovers.find, self._tags.is_of_earlier_run)
            await guarding
            self._lease.publish()
        except BaseException:
            await asyncio.shield(self._own(self._guardian.close()))
            self._lease.release()
            raise
        self._book.open()
        self._pump.start()
        self._own(keep_up(self._spawner, self._guardian.wake, self._lease.mend))
        self._is_open = True

    def update_lease(self, **fields: str | None) -> None:
        """Publish where this run serves: `control_url`, `dashboard_url`."""
        self._lease.publish(**fields)

    async def close(self) -> None:
        """End everything still running and let go of everything. Twice is harmless."""
        if not self._is_open:
            return
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    async def start(self, launch: Launch, on_exit: ExitCallback) -> Handle:
        """Start the process.

        Raises:
            AgentStartFailed: The program does not exist, is not executable, and so on.
            SupervisorShuttingDown: The runtime is closed or closing.
        """
        if not self._is_open or self._closing is not None:
            raise SupervisorShuttingDown(
                f"Agent '{launch.agent}' was not started: the supervisor is stopping.",
                subject=launch.agent,
            )
        starting = self._own(self._start(launch))
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)
        try:
            tree = await asyncio.shield(starting)
        except asyncio.CancelledError:
            self._own(self._undo(starting))
            raise
        # Only now, so that the caller knows the handle before it hears of its end.
        tree.report_to(on_exit)
        return tree.handle

    async def stop(self, handle: Handle, grace_seconds: float) -> StopReport:
        """End the whole tree; return when no member is alive and the leader is reaped."""
        key = (handle.agent, handle.generation)
        tree = self._trees.get(key)
        if tree is None:
            status = self.poll(handle)
            return StopReport(exit_status=status, members=0, killed=0, seconds=0.0)
        if key in self._stops:
            tree.shorten(grace_seconds)
        else:
            self._stops[key] = self._own(self._stop(key, tree, grace_seconds))
        return await asyncio.shield(self._stops[key])

    def poll(self, handle: Handle) -> ExitStatus | None:
        """Return how the leader ended, or None while it lives."""
        returncode = handle.process.poll()
        return None if returncode is None else ExitStatus(returncode)

    async def usage(self, handle: Handle, exact_above: int | None = None) -> Usage | None:
        """Return what the tree uses, or None if it is gone. At most about once a second anew."""
        tree = self._trees.get((handle.agent, handle.generation))
        recent = await self._scanner.recent(USAGE_AGE_SECONDS)
        return await tree.usage(recent, self._reader, exact_above) if tree else None

    async def port_owner(self, host: str, port: int) -> PortOwner | None:
        """Return who holds the port, or None if it can be bound."""
        return await self._owners.owner(host, port)

    async def port_rival(self, handle: Handle, host: str, port: int) -> PortOwner | None:
        """Return who listens on the tree's port in its place, None if nobody does for certain."""
        tree = self._trees.get((handle.agent, handle.generation))
        return None if tree is None else await self._owners.rival(tree, host, port)

    async def serves(self, handle: Handle, host: str, port: int) -> bool:
        """Return whether a member of the tree listens on this machine's port, for certain."""
        tree = self._trees.get((handle.agent, handle.generation))
        return tree is not None and await self._owners.serves(tree, host, port)

    def listeners(self, port: int) -> frozenset[int] | None:
        """Return numbers that stand for who listens on the port; None if nobody tells."""
        return self._listeners.on(port)

    async def run_command(self, launch: Launch, errand: str, timeout_seconds: float) -> CommandEnd:
        """Run a command beside the agent's tree, and leave no process of it behind."""
        return await self._commands.run(launch, errand, self._marker(launch), timeout_seconds)

    async def remove_leftover(self, owner: PortOwner) -> bool:
        """End a leftover's process tree. False if it is not provably ours (nothing is done)."""
        if owner.pid is None:
            return False
        leftover = self._leftovers.marker_of(owner.pid)
        if leftover is None:
            return False
        find = marked(leftover.__eq__, self._never_members)
        await self._end_all(find, self._tags.is_of_earlier_run)
        return True

    def logs(self, agent: str, lines: int) -> Sequence[LogLine]:
        """Return the newest lines in memory, oldest first."""
        return self._book.log(agent).ring.tail(lines)

    def log_figures(self, agent: str) -> LogFigures:
        """Return how much the agent has written in this run, and what became of it."""
        return self._book.log(agent).figures()

    def follow_logs(self, agents: Sequence[str]) -> AsyncIterator[LogLine]:
        """Yield the lines that arrive after this call; a slow reader misses the oldest."""
        return self._book.follow(agents)

    def watch_log(self, agent: str, pattern: str) -> LogWatch:
        """Look for a text in the lines the agent writes from now on."""
        return self._book.log(agent).watch(pattern)

    def write_log(self, agent: str, level: str, text: str) -> None:
        """Add a line of the supervisor's own (stream `supervisor`) to an agent's log."""
        self._book.log(agent).note(level, text)
        self._book.announce()

    def log_path(self, agent: str) -> Path:
        """Return the file the agent's log is written to."""
        return self._book.path(agent)

    @property
    def guardian_pid(self) -> int | None:
        """Return the guardian's pid; None for the moment in which it is being replaced."""
        return self._guardian.pid

    async def _start(self, launch: Launch) -> SupervisedTree:
        marker = self._marker(launch)
        tag = self._tags.assign(marker)
        try:
            return await self._start_tagged(launch, marker, tag)
        except BaseException:
            self._tags.forget(tag)
            raise

    async def _start_tagged(self, launch: Launch, marker: RunMarker, tag: int) -> SupervisedTree:
        loop = asyncio.get_running_loop()
        spawned = await loop.run_in_executor(
            self._spawner, spawn, launch, marker, tag, self._tags.is_dedicated
        )
        handle = Handle(
            agent=launch.agent,
            generation=launch.generation,
            pid=spawned.process.pid,
            started_at=spawned.started_at,
            started_monotonic=spawned.started_monotonic,
            process=spawned.process,
        )
        log = self._book.log(launch.agent)
        log.redactor = Redactor.knowing(launch.env)
        tree = SupervisedTree(
            handle, marker, tag, self._scanner, self._never_members, self._guardian.remove, log
        )
        tree.streams = self._connect(spawned, launch.agent)
        try:
            tree.watch()
        except OSError as error:
            await loop.run_in_executor(self._spawner, discard, spawned)
            self._pump.finish(tree.streams, lambda: None)
            raise explain(launch, error) from error
        self._guardian.add(handle.pid)
        self._trees[launch.agent, launch.generation] = tree
        return tree

    def _marker(self, launch: Launch) -> RunMarker:
        return RunMarker(self.run_id, launch.agent, launch.generation, str(self.state_directory))

    def _connect(self, spawned: Spawned, agent: str) -> list[OutputStream]:
        log, limit = self._book.log(agent), self._settings.max_line_bytes
        streams = [
            OutputStream(spawned.stdout, "stdout", log, limit),
            OutputStream(spawned.stderr, "stderr", log, limit),
        ]
        for stream in streams:
            self._pump.add(stream)
        return streams

    async def _undo(self, starting: asyncio.Task[SupervisedTree]) -> None:
        """End what a cancelled start has started."""
        await asyncio.wait([starting])
        if not starting.cancelled() and starting.exception() is None:
            await self.stop(starting.result().handle, 0.0)

    async def _stop(
        self, key: tuple[str, int], tree: SupervisedTree, grace_seconds: float
    ) -> StopReport:
        try:
            return await tree.end(grace_seconds, self._pump)
        finally:
            tree.close()
            self._tags.forget(tree.tag)
            del self._trees[key], self._stops[key]

    async def _end_all(self, find: Find, has_tag: Callable[[int], bool]) -> None:
        # Asks all processes: what a dead run left is older than this one.
        scanner = Scanner(self._reader, 0, self._tags.marker_of)
        hunt = partial(PLATFORM.tags.chase, has_tag, self._never_members())
        await Ending(scanner, find, CLOSE_GRACE_SECONDS, chase=hunt).run()
        await scanner.close()

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_LIMIT_SECONDS):
                await asyncio.gather(*self._starting, return_exceptions=True)
                await asyncio.gather(
                    *(self.stop(tree.handle, CLOSE_GRACE_SECONDS) for tree in self._trees.values()),
                    return_exceptions=True,
                )
                await self._commands.close()
                find = marked(self._is_of_run, self._never_members)
                await self._end_all(find, self._tags.is_of_this_run)
        except TimeoutError:
            logger.error("gave up ending: %s", ", ".join(name for name, _ in self._trees))
        except Exception:  # the guardian looks once more; the rest is closed whatever happens
            logger.exception("ending what is left failed")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._scanner.close()
        self._book.end_followers()
        await asyncio.to_thread(self._pump.close, WRITER_CLOSE_SECONDS)
        await asyncio.to_thread(self._book.close, WRITER_CLOSE_SECONDS)
        await self._guardian.close()
        self._lease.release()
        self._spawner.shutdown(wait=False)
        self._reader.shutdown(wait=False)

    def _own(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` in a task that `close` accounts for."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _never_members(self) -> frozenset[int]:
        return frozenset({0, 1, os.getpid(), os.getppid(), self._guardian.pid or 0})

    def _is_of_run(self, marker: RunMarker) -> bool:
        return marker.run_id == self.run_id
