"""What an operating system has to offer so that process trees can be supervised on it.

Owns the contracts only. `linux`, `darwin` and `windows` implement them; `choice` picks one. Above
this seam nobody asks which system it is, and no module of another system is ever imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from trading_dashboard.orchestrator.output.pump import LogPump
from trading_dashboard.orchestrator.processes.process_stat import (
    Identity,
    ProcessStat,
    TableReading,
)
from trading_dashboard.orchestrator.runtime import ExitStatus


class Leader(Protocol):
    """The first process of a tree, our child."""

    @property
    def pid(self) -> int:
        """Return its number."""

    @property
    def is_reaped(self) -> bool:
        """Return whether the number may be somebody else's by now."""

    def poll(self) -> int | None:
        """Return the return code, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the return code once it has ended.

        Raises:
            subprocess.TimeoutExpired: It has not ended within `timeout` seconds.
        """

    def reap(self) -> None:
        """Give everything back to the system. The process must have ended."""


class Watch(Protocol):
    """A look-out for a leader's end."""

    def close(self) -> None:
        """Stop watching: nothing is reported any more."""


class Closeable(Protocol):
    """Something that is held until it is closed."""

    def close(self) -> None:
        """Let go of it."""


class ProcessReference(Protocol):
    """A hold on one process, alive or not, that never becomes a hold on another.

    `ask`, `wake` and `kill` raise PermissionError if the process is not ours to end.
    """

    def ask(self) -> None:
        """Ask it to end, where a single process can be asked."""

    def wake(self) -> None:
        """Let it run on if it was stopped: it could not hear a request."""

    def kill(self) -> None:
        """End it."""

    def watch(self, on_end: Callable[[], None]) -> None:
        """Call `on_end` once on the running loop, as soon as the process has ended."""

    def close(self) -> None:
        """Let go of it."""


class Guardian(Protocol):
    """Ends the run's processes if the supervisor dies."""

    @property
    def pid(self) -> int | None:
        """Return its pid, None while there is none."""

    async def open(self) -> None:
        """Begin to guard."""

    async def close(self) -> None:
        """The run ended cleanly: guard no longer."""

    def add(self, leader: int) -> None:
        """Guard this leader's tree, too."""

    def remove(self, leader: int) -> None:
        """The leader was reaped: its number is nobody's now."""

    def wake(self) -> None:
        """Let it go on if somebody stopped it."""


class Tags(Protocol):
    """A number that a process hands on to whatever it starts, and cannot lose by accident.

    Where the system has no place for one, nobody ever has a tag. What is in it: `run_tag.py`.
    """

    @property
    def read(self) -> Callable[[int], int | None]:
        """Return what returns a process's tag, or whatever else stands there; None if nothing."""

    def put(self, pid: int, tag: int) -> bool:
        """Tag a child that is not reaped. False if the system does not allow it."""

    def from_birth(self, tag: int | None) -> AbstractContextManager[None]:
        """Have every child that this process starts within the block tagged; none, if None.

        Only for a process that nobody but us starts children in: theirs would be tagged, too.
        """

    def chase(self, is_wanted: Callable[[int], bool], never: frozenset[int] = frozenset()) -> int:
        """Kill tagged processes that are gone again before a look at the whole table is over.

        Blocks for a moment. Returns how many were killed; nobody in `never` is.
        """


class Platform(Protocol):
    """One operating system.

    Attributes:
        name: What people call it.
        notice: What a user must know before relying on it; None where it was run.
        clock_ticks: How many ticks of `ProcessStat` make a second.
        tags: What marks processes though they shed everything else.
    """

    name: str
    notice: str | None
    clock_ticks: int
    tags: Tags

    # The process table.

    def read_table(self) -> TableReading:
        """Return the rows of all processes that could be members of a tree."""

    @property
    def read_stat(self) -> Callable[[int], ProcessStat | None]:
        """Return what returns a process's row, or None if there is no such process."""

    @property
    def read_environ(self) -> Callable[[int], bytes | None]:
        """Return what returns a process's environment; None if it cannot be read or proves nothing.

        Empty means: not yet, ask again.
        """

    def boot_id(self) -> str:
        """Return what tells this boot of the machine from others; empty where unknown."""

    # A tree.

    def spawn(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        env: Mapping[str, str],
        stdout: int,
        stderr: int,
    ) -> Leader:
        """Start the leader of a new tree, that everything it starts will belong to.

        Raises:
            OSError, ValueError: It cannot be started. Nothing is left of it.
        """

    def watch_exit(self, leader: Leader, on_exit: Callable[[ExitStatus], None]) -> Watch:
        """Call `on_exit` once on the running loop, as soon as the leader has ended.

        Raises:
            OSError: The system has no means left.
        """

    def ask_group(self, leader: Leader) -> bool:
        """Ask the leader's process group to end. False if it cannot be asked at all."""

    def kill_group(self, leader: Leader) -> None:
        """Kill what can be killed in one go, which no fork can slip past."""

    def hold(self, identity: Identity) -> ProcessReference | None:
        """Return a hold on the process, or None if it is gone."""

    def make_pump(self, announce: Callable[[], None]) -> LogPump:
        """Return what reads the trees' pipes."""

    # The project.

    def raise_descriptor_limit(self) -> None:
        """Allow this process as many descriptors as hundreds of agents need."""

    def make_private(self, folder: Path) -> None:
        """Make a folder that only its owner can enter, as far as the system has that."""

    def try_lock(self, descriptor: int) -> bool:
        """Lock the file until the descriptor is closed or we die. False if somebody else has it."""

    def take_name(self, folder: Path) -> Closeable | int | None:
        """Return a claim on the folder that holds also when everything in it is deleted.

        The pid of who has it, if somebody has; None where there is no such thing. We lose it only
        by closing it, or by ending, however we end.
        """

    def make_guardian(
        self,
        run_id: str,
        run_tag: int,
        log_file: Path,
        executor: Executor,
        complain: Callable[[str], None],
    ) -> Guardian:
        """Return what ends the run if we die."""
