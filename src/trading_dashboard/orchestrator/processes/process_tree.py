"""Which processes exist, and which of them belong to one process tree.

Owns the membership rule. It signals nobody; how the system's process table is read is the
platform's. A process is identified by its pid together with its start time, never by its pid alone.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM
from trading_dashboard.orchestrator.processes.process_stat import Identity, ProcessStat

__all__ = [
    "AGENT",
    "CLOCK_TICKS",
    "GENERATION",
    "RUN_ID",
    "STATE_DIRECTORY",
    "Identity",
    "ProcessStat",
    "ProcessTable",
    "RunMarker",
    "members",
    "more_credible",
    "own_start_ticks",
    "parse_marker",
    "read_environ",
    "read_stat",
    "take_snapshot",
]

RUN_ID = "TRADING_DASHBOARD_RUN_ID"
AGENT = "TRADING_DASHBOARD_AGENT"
GENERATION = "TRADING_DASHBOARD_GENERATION"
STATE_DIRECTORY = "TRADING_DASHBOARD_STATE_DIRECTORY"
ERRAND = "TRADING_DASHBOARD_ERRAND"

CLOCK_TICKS = PLATFORM.clock_ticks
read_stat = PLATFORM.read_stat
read_environ = PLATFORM.read_environ


@dataclass(frozen=True, slots=True)
class RunMarker:
    """What each process we start carries in its environment."""

    run_id: str
    agent: str
    generation: int
    state_directory: str
    errand: str = ""
    """Numbers a command that was run beside the agent; its tree is none of the agent's."""

    def as_env(self) -> dict[str, str]:
        """Return the environment variables that carry it."""
        return {
            RUN_ID: self.run_id,
            AGENT: self.agent,
            GENERATION: str(self.generation),
            STATE_DIRECTORY: self.state_directory,
            **({ERRAND: self.errand} if self.errand else {}),
        }


@dataclass(frozen=True)
class ProcessTable:
    """The process table at one moment."""

    processes: Mapping[int, ProcessStat]
    markers: Mapping[int, RunMarker] = field(default_factory=dict)
    """Run markers by pid, of the processes that were asked."""
    undetermined: frozenset[int] = frozenset()
    """Processes whose environment could not be read (yet): a program is just being loaded."""
    read_at: float = field(default_factory=time.monotonic)
    """When it was read, monotonic, in seconds."""
    is_whole: bool = True
    """Whether it proves that who is not in it is not alive."""

    @cached_property
    def children(self) -> Mapping[int, list[ProcessStat]]:
        """Return processes by parent."""
        index: dict[int, list[ProcessStat]] = defaultdict(list)
        for process in self.processes.values():
            index[process.parent].append(process)
        return index

    @cached_property
    def sessions(self) -> Mapping[int, list[ProcessStat]]:
        """Return processes by session."""
        index: dict[int, list[ProcessStat]] = defaultdict(list)
        for process in self.processes.values():
            index[process.session].append(process)
        return index


def members(
    snapshot: ProcessTable,
    *,
    session: int | None,
    is_ours: Callable[[RunMarker], bool],
    seen: Iterable[Identity] = (),
    never: Iterable[int] = (),
) -> dict[int, ProcessStat]:
    """Return the living processes of a tree, by pid.

    Args:
        snapshot: Where to look.
        session: Session of the tree's leader; only while the leader is unreaped, so that its
            number cannot belong to anybody else.
        is_ours: Judges a run marker.
        seen: Members known from before; found again by pid and start time.
        never: Pids that are never members, such as the supervisor's own.
    """
    found: dict[int, ProcessStat] = {}
    if session is not None:
        found.update((process.pid, process) for process in snapshot.sessions.get(session, ()))
    for pid, marker in snapshot.markers.items():
        if is_ours(marker):
            found[pid] = snapshot.processes[pid]
    for identity in seen:
        process = snapshot.processes.get(identity[0])
        if process is not None and process.identity == identity:
            found[process.pid] = process
    excluded = frozenset(never)
    waiting = [pid for pid in found if pid not in excluded]
    while waiting:
        for relative in _relatives(snapshot, waiting.pop()):
            if relative.pid not in found and relative.pid not in excluded:
                found[relative.pid] = relative
                waiting.append(relative.pid)
    return {
        pid: process for pid, process in found.items() if process.is_alive and pid not in excluded
    }


def _relatives(snapshot: ProcessTable, pid: int) -> Iterable[ProcessStat]:
    """Return the children of a process, and the session it leads: both stem from it."""
    yield from snapshot.children.get(pid, ())
    if snapshot.processes[pid].session == pid:
        yield from snapshot.sessions.get(pid, ())


def parse_marker(environ: bytes) -> RunMarker | None:
    """Return the run marker in an environment block, or None."""
    if RUN_ID.encode() not in environ:
        return None
    values: dict[str, str] = {}
    for entry in environ.split(b"\0"):
        name, _, value = entry.partition(b"=")
        key = name.decode(errors="replace")
        if key in {RUN_ID, AGENT, GENERATION, STATE_DIRECTORY, ERRAND}:
            values[key] = os.fsdecode(value)
    if RUN_ID not in values:
        return None
    generation = values.get(GENERATION, "")
    return RunMarker(
        run_id=values[RUN_ID],
        agent=values.get(AGENT, ""),
        generation=int(generation) if generation.isdecimal() else 0,
        state_directory=values.get(STATE_DIRECTORY, ""),
        errand=values.get(ERRAND, ""),
    )


def more_credible(told: RunMarker | None, tagged: RunMarker | None) -> RunMarker | None:
    """Return what a process is, given its environment's word and its tag's: they may differ.

    The tag knows the run, the environment may know more. It may name another run only to get away.
    """
    if tagged is None:
        return told
    return told if told is not None and told.run_id == tagged.run_id else tagged


def own_start_ticks() -> int:
    """Return when this process was started."""
    own = read_stat(os.getpid())
    return own.start_ticks if own is not None else 0


def take_snapshot() -> ProcessTable:
    """Read the process table, without environments."""
    rows, is_whole = PLATFORM.read_table()
    return ProcessTable({process.pid: process for process in rows}, is_whole=is_whole)
