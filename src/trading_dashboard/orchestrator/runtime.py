"""The seam between deciding and doing: where agents run.

Owns the contract only. `LocalRuntime` (processes of this machine) implements it; a cluster can.
The supervision core talks to agents' processes through this and nothing else.

What `poll` returns: before `start` there is no handle to ask with; from `start` until the leader
has ended, None; afterwards the same `ExitStatus` for ever.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from trading_dashboard.models.events import LogFigures, LogLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Everything needed to start one agent once.

    Attributes:
        agent: Name of the agent.
        generation: 1 for the agent's first process in this run, then 2, 3, …
        command: Program and arguments, resolved; no shell.
        working_directory: Absolute.
        env: Added to the supervisor's own environment; may hold secrets, never logged.
    """

    agent: str
    generation: int
    command: tuple[str, ...]
    working_directory: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """One started process tree.

    Attributes:
        pid: The leader's.
        started_at: Wall clock, UTC.
        started_monotonic: `time.monotonic()` at the start.
        process: The runtime's own object; a `subprocess.Popen` for local processes.
    """

    agent: str
    generation: int
    pid: int
    started_at: datetime
    started_monotonic: float
    process: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a leader ended: an exit code, or minus the signal's number."""

    returncode: int

    def __str__(self) -> str:
        if self.returncode >= 0:
            return f"exit code {self.returncode}"
        try:
            name = signal.Signals(-self.returncode).name
        except ValueError:
            return f"signal {-self.returncode}"
        return f"signal {-self.returncode} ({name})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReport:
    """What it took to end a process tree.

    Attributes:
        exit_status: The leader's; None if it could not be observed.
        members: How many processes the tree had when stopping began.
        killed: How many had to be killed after the grace period.
        seconds: How long it took.
    """

    exit_status: ExitStatus | None
    members: int
    killed: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process tree uses now: CPU of one core since the last call, resident memory."""

    cpu_percent: float | None
    memory_bytes: int
    processes: int
    proportional_bytes: int | None = None
    """Pages that processes share counted once; None where nobody asked or the system does not
    tell."""

    @property
    def held_bytes(self) -> int:
        """Return the best figure there is of what the tree keeps from others."""
        return self.memory_bytes if self.proportional_bytes is None else self.proportional_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEnd:
    """How a command that was run beside an agent ended.

    Attributes:
        returncode: None if it had to be ended, or could not be run.
        problem: Why there is no return code, as what the command did.
        last_line: The last line it wrote, without secrets.
    """

    returncode: int | None = None
    problem: str | None = None
    last_line: str = ""


class LogWatch(Protocol):
    """Looks for a text in what an agent writes."""

    seen_at: float | None
    """When a line with it came last (monotonic); None if none came yet."""

    def close(self) -> None:
        """Look no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortOwner:
    """Who holds a port. `pid` and `command` are None where the system does not tell.

    `is_leftover` is True only for a process that provably belongs to a dead run of this project.
    """

    port: int
    pid: int | None
    command: str | None
    is_leftover: bool


ExitCallback = Callable[[Handle, ExitStatus], None]
"""Called on the runtime's event loop, once, as soon as the leader has ended."""


class Runtime(Protocol):
    """Where agents run. One instance per supervisor, used from one event loop."""

    async def open(self) -> None:
        """Make ready: claim the project, clean up what a dead run left, start the guardian.

        Raises:
            AlreadySupervised: Another live supervisor owns the project.
        """

    async def close(self) -> None:
        """End everything still running, then the guardian, then give the project back."""

    async def start(self, launch: Launch, on_exit: ExitCallback) -> Handle:
        """Start the process.

        Raises:
            AgentStartFailed: The program does not exist, is not executable, and so on.
        """

    async def stop(self, handle: Handle, grace_seconds: float) -> StopReport:
        """End the whole tree: ask, wait, kill, reap. Returns when no member is alive.

        Also to be called after the leader exited by itself: its descendants may live on.
        Calling it twice is harmless. A second call with a shorter grace shortens the first.
        """

    def poll(self, handle: Handle) -> ExitStatus | None:
        """Return how the leader ended, or None while it lives."""

    async def usage(self, handle: Handle, exact_above: int | None = None) -> Usage | None:
        """Return what the tree uses, or None if it is gone.

        Args:
            handle: Of the tree.
            exact_above: Look at shared pages too if more than so many bytes are resident. That is
                never less than what the tree really holds, and a thousand times faster to read.
        """

    async def port_owner(self, host: str, port: int) -> PortOwner | None:
        """Return who holds the port, or None if it can be bound."""

    async def port_rival(self, handle: Handle, host: str, port: int) -> PortOwner | None:
        """Return who listens on the tree's port in its place.

        None if a member of the tree listens there, and wherever the system does not tell.
        """

    async def serves(self, handle: Handle, host: str, port: int) -> bool:
        """Return whether a member of the tree listens on this machine's port, for certain."""

    def listeners(self, port: int) -> frozenset[int] | None:
        """Return numbers that stand for who listens on the port; None if the system does not tell.

        They may be half a second old. As long as they stay the same, so does who listens.
        """

    async def run_command(self, launch: Launch, errand: str, timeout_seconds: float) -> CommandEnd:
        """Run a command beside the agent's tree, and leave no process of it behind.

        Never raises for anything the command does. One run of an errand exists at a time.
        """

    async def remove_leftover(self, owner: PortOwner) -> bool:
        """End a leftover's process tree. False if it is not provably ours (nothing is done)."""

    def logs(self, agent: str, lines: int) -> Sequence[LogLine]:
        """Return the newest lines in memory, oldest first."""

    def log_figures(self, agent: str) -> LogFigures:
        """Return how much the agent has written in this run, and what became of it."""

    def follow_logs(self, agents: Sequence[str]) -> AsyncIterator[LogLine]:
        """Yield lines as they arrive; a slow reader loses the oldest and is told by `seq`."""

    def watch_log(self, agent: str, pattern: str) -> LogWatch:
        """Look for a text in the lines the agent writes from now on."""

    def write_log(self, agent: str, level: str, text: str) -> None:
        """Add a line of the supervisor's own (stream `supervisor`) to an agent's log."""

    def log_path(self, agent: str) -> Path:
        """Return the file the agent's log is written to."""
