"""Which processes exist, and which of them belong to one process tree.

Owns reading the system's process table and the membership rule. It signals nobody. A process is
identified by its pid together with its start time, never by its pid alone.
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import psutil

if sys.platform == "linux":
    import resource

RUN_ID = "TRADING_DASHBOARD_RUN_ID"
AGENT = "TRADING_DASHBOARD_AGENT"
GENERATION = "TRADING_DASHBOARD_GENERATION"
STATE_DIRECTORY = "TRADING_DASHBOARD_STATE_DIRECTORY"

MAX_ENVIRON_BYTES = 4 * 1024 * 1024
LOCKS_LIMIT = 10
"""RLIMIT_LOCKS of include/uapi/asm-generic/resource.h; what stands in it: `run_tag.py`."""
CATCH_UP_ROUNDS = 20
ROW_BYTES = 2048

Identity = tuple[int, int]
"""A pid and its start time in clock ticks since boot."""


class ProcessStat(NamedTuple):
    """One row of the process table."""

    pid: int
    start_ticks: int
    state: str
    parent: int
    group: int
    session: int
    cpu_ticks: int
    resident_bytes: int
    tag: int | None = None
    """The limit that may be a tag of ours."""

    @property
    def identity(self) -> Identity:
        """Return what tells this process from any other that has or had its pid."""
        return (self.pid, self.start_ticks)

    @property
    def is_alive(self) -> bool:
        """Return False for a zombie: it runs no code and holds no resources."""
        return self.state not in "ZX"


@dataclass(frozen=True, slots=True)
class RunMarker:
    """What each process we start carries in its environment."""

    run_id: str
    agent: str
    generation: int
    state_directory: str

    def as_env(self) -> dict[str, str]:
        """Return the environment variables that carry it."""
        return {
            RUN_ID: self.run_id,
            AGENT: self.agent,
            GENERATION: str(self.generation),
            STATE_DIRECTORY: self.state_directory,
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
        if key in {RUN_ID, AGENT, GENERATION, STATE_DIRECTORY}:
            values[key] = os.fsdecode(value)
    if RUN_ID not in values:
        return None
    generation = values.get(GENERATION, "")
    return RunMarker(
        run_id=values[RUN_ID],
        agent=values.get(AGENT, ""),
        generation=int(generation) if generation.isdecimal() else 0,
        state_directory=values.get(STATE_DIRECTORY, ""),
    )


def own_start_ticks() -> int:
    """Return when this process was started."""
    own = read_stat(os.getpid())
    return own.start_ticks if own is not None else 0


if sys.platform == "linux":
    CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
    _KERNEL_THREAD = 0x00200000  # PF_KTHREAD, include/linux/sched.h
    _PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

    def list_pids() -> list[int]:
        """Return all pids."""
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - speed

    def read_stat(pid: int) -> ProcessStat | None:
        """Return the process's row, or None if there is no such process (or it is the kernel's)."""
        data = _read(f"/proc/{pid}/stat", ROW_BYTES)
        if not data:
            return None
        # The name stands in parentheses and may itself hold spaces and parentheses.
        fields = data[data.rindex(b")") + 2 :].split()
        if int(fields[6]) & _KERNEL_THREAD:
            return None
        return ProcessStat(
            pid=pid,
            start_ticks=int(fields[19]),
            state=fields[0].decode(),
            parent=int(fields[1]),
            group=int(fields[2]),
            session=int(fields[3]),
            cpu_ticks=int(fields[11]) + int(fields[12]),
            resident_bytes=int(fields[21]) * _PAGE_BYTES,
            tag=read_tag(pid),
        )

    def read_tag(pid: int) -> int | None:
        """Return the limit that carries the tag, or None if there is none to be read."""
        try:
            tag = resource.prlimit(pid, LOCKS_LIMIT)[0]
        except OSError:
            return None
        return None if tag == resource.RLIM_INFINITY else tag

    def read_environ(pid: int) -> bytes | None:
        """Return the environment the process was started with, or None if it cannot be read."""
        return _read(f"/proc/{pid}/environ", MAX_ENVIRON_BYTES)

    def _read(path: str, limit: int) -> bytes | None:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return None
        try:
            data = os.read(descriptor, min(limit, 16_384))
            # A row of the table is one short line; it comes whole.
            while ROW_BYTES < limit > len(data) and (more := os.read(descriptor, 65_536)):
                data += more
            return data
        except OSError:
            return None
        finally:
            os.close(descriptor)

else:
    CLOCK_TICKS = 100

    def list_pids() -> list[int]:
        """Return all pids."""
        return psutil.pids()

    def read_stat(pid: int) -> ProcessStat | None:
        """Return the process's row, or None if there is no such process."""
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                is_zombie = process.status() == psutil.STATUS_ZOMBIE
                times = process.cpu_times()
                return ProcessStat(
                    pid=pid,
                    start_ticks=int(process.create_time() * CLOCK_TICKS),
                    state="Z" if is_zombie else "S",
                    parent=process.ppid() or 0,
                    group=os.getpgid(pid),
                    session=os.getsid(pid),
                    cpu_ticks=int((times.user + times.system) * CLOCK_TICKS),
                    resident_bytes=process.memory_info().rss,
                )
        except (psutil.Error, OSError):
            return None

    def read_tag(_: int) -> int | None:
        """Return None: there are no tags here."""
        return None

    def read_environ(pid: int) -> bytes | None:
        """Return the environment the process was started with, or None if it cannot be read."""
        try:
            entries = psutil.Process(pid).environ()
        except (psutil.Error, OSError):
            return None
        return b"\0".join(os.fsencode(f"{name}={value}") for name, value in entries.items())


def take_snapshot() -> ProcessTable:
    """Read the process table, without environments.

    Who ended between being listed and being read may have left a child younger than the list. So
    the list is read again for those, until nobody has ended meanwhile.
    """
    found: dict[int, ProcessStat] = {}
    missed: set[int] = set()
    for _ in range(CATCH_UP_ROUNDS):
        has_ended = False
        for pid in list_pids():
            if pid in found or pid in missed:
                continue
            row = read_stat(pid)
            if row is None:
                missed.add(pid)
            else:
                found[pid] = row
            has_ended = has_ended or row is None or not row.is_alive
        if not has_ended:
            break
    return ProcessTable(found)
