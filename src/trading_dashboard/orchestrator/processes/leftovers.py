"""What a dead run of this project left running.

Owns the proof. A process is a leftover only if it carries this project's state directory and
another run's id in its environment, or the tag of the run that the lease says died, and sees the
same files as we do, while we hold the project's lock: then no supervisor lives that it could belong
to. Without that proof nobody is signalled.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM
from trading_dashboard.orchestrator.processes.process_tree import (
    Identity,
    ProcessStat,
    ProcessTable,
    RunMarker,
    members,
    more_credible,
    parse_marker,
    read_environ,
    read_stat,
)


class Leftovers:
    """Tells leftovers from everybody else."""

    def __init__(
        self,
        state_directory: Path,
        run_id: str,
        marker_of: Callable[[int | None], RunMarker | None] = lambda _: None,
    ) -> None:
        """Take the project, the run that holds its lock, and who knows what tags mean."""
        self._state_directory = str(state_directory)
        self._run_id = run_id
        self._marker_of = marker_of
        self._never = frozenset(_self_and_ancestors())

    def find(
        self, snapshot: ProcessTable, seen: Collection[Identity] = ()
    ) -> Mapping[int, ProcessStat]:
        """Return all leftovers in a snapshot with markers; `seen` were found before."""
        proven = [
            snapshot.processes[pid].identity
            for pid, marker in snapshot.markers.items()
            if self._is_proven(pid, marker)
        ]
        return members(
            snapshot,
            session=None,
            is_ours=lambda _: False,
            seen=[*proven, *seen],
            never=self._never,
        )

    def marker_of(self, pid: int) -> RunMarker | None:
        """Return the marker of a leftover, or None if the process is not provably one."""
        told = parse_marker(read_environ(pid) or b"")
        marker = more_credible(told, self._marker_of(PLATFORM.tags.read(pid)))
        if marker is None or pid in self._never or not self._is_proven(pid, marker):
            return None
        return marker

    def _is_proven(self, pid: int, marker: RunMarker) -> bool:
        return (
            marker.run_id != self._run_id
            and marker.state_directory == self._state_directory
            and _sees_our_files(pid)
        )


def _sees_our_files(pid: int) -> bool:
    """Return False for a process in another container, where the same path is another folder."""
    try:
        ours, theirs = (Path(f"/proc/{who}/ns/mnt") for who in ("self", pid))
        return ours.readlink() == theirs.readlink()
    except OSError:
        # Not Linux, or just gone.
        return not Path("/proc/self/ns/mnt").exists()


def _self_and_ancestors() -> set[int]:
    found, pid = {0, 1}, os.getpid()
    while pid not in found:
        found.add(pid)
        process = read_stat(pid)
        pid = process.parent if process is not None else 0
    return found
