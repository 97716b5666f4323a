"""A mark on processes that outlives their environment, session and parent.

Owns the tag: two numbers in RLIMIT_LOCKS, a resource limit that Linux hands to every child and has
not enforced since 2.4. A leader gets it right after its start; all that it forks has it from birth,
and may clear its environment, change its session and lose its parent without losing the tag. The
hard limit names the run, the soft one the tree. Only Linux has it; elsewhere nobody is tagged.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from trading_dashboard.orchestrator.processes.process_tree import (
    LOCKS_LIMIT,
    RunMarker,
    Tag,
    list_pids,
    read_tag,
)

if sys.platform == "linux":
    import resource

RUN_BIT, TREE_BIT = 1 << 62, 1 << 61
"""Both limits stay far beyond what anybody could reach; the soft one is the lower one."""
CHASE_SECONDS = 0.1


class TreeTag(NamedTuple):
    """What one tree's processes carry."""

    tree: int
    run: int


def run_number(run_id: str) -> int:
    """Return the number that stands for a run."""
    digest = hashlib.blake2b(run_id.encode(), digest_size=8).digest()
    return RUN_BIT | int.from_bytes(digest, "big") >> 3


def tag_process(pid: int, tag: TreeTag) -> bool:
    """Tag a child that is not reaped. False if the system does not allow it.

    It may refuse a program that runs as somebody else; that one is known by its other marks.
    """
    if sys.platform != "linux":
        return False
    try:
        resource.prlimit(pid, LOCKS_LIMIT, (tag.tree, tag.run))
    except OSError:
        return False
    return True


class TagBook:
    """Which tag means which tree, for one run and the dead one before it."""

    def __init__(self, run_id: str, state_directory: str) -> None:
        self.run = run_number(run_id)
        self._state_directory = state_directory
        self._runs = {self.run: run_id}
        self._trees: dict[int, RunMarker] = {}
        self._numbers = count()

    def assign(self, marker: RunMarker) -> TreeTag:
        """Return a new tag for a tree."""
        tag = TreeTag(TREE_BIT | next(self._numbers), self.run)
        self._trees[tag.tree] = marker
        return tag

    def forget(self, tag: TreeTag) -> None:
        """Drop a tree of which nothing is left."""
        self._trees.pop(tag.tree, None)

    def remember(self, run_id: str) -> None:
        """Know the tags of an earlier run of this project."""
        self._runs.setdefault(run_number(run_id), run_id)

    def is_of_this_run(self, tag: Tag) -> bool:
        """Return whether the run that is under way tagged the process."""
        return tag[1] == self.run

    def is_of_earlier_run(self, tag: Tag) -> bool:
        """Return whether a run that is known to be dead tagged the process."""
        return tag[1] in self._runs and tag[1] != self.run

    def marker_of(self, tag: Tag | None) -> RunMarker | None:
        """Return what a tag stands for: a tree, at least a run, or nothing of ours."""
        run_id = self._runs.get(tag[1]) if tag is not None else None
        if tag is None or run_id is None:
            return None
        known = self._trees.get(tag[0]) if tag[1] == self.run else None
        return known or RunMarker(run_id, "", 0, self._state_directory)


def chase(is_wanted: Callable[[Tag], bool], never: frozenset[int] = frozenset()) -> int:
    """Kill tagged processes that are gone again before a look at the whole table is over.

    Blocks for at most `CHASE_SECONDS`. Only those born since the last round are looked at, so a
    round takes some 0.1 ms. Returns how many were killed; nobody in `never` is.
    """
    known = {*never, os.getpid()}
    killed, until = 0, time.monotonic() + CHASE_SECONDS
    while time.monotonic() < until:
        born = set(list_pids()) - known
        known |= born
        if not born:
            break
        killed += sum(_kill(pid, is_wanted) for pid in born)
    return killed


def _kill(pid: int, is_wanted: Callable[[Tag], bool]) -> bool:
    tag = read_tag(pid)
    if sys.platform != "linux" or tag is None or not is_wanted(tag):
        return False
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        # Read after the pidfd was opened: if it still carries the tag, or is gone, none but ours
        # can be hit.
        tag = read_tag(pid)
        if tag is None or not is_wanted(tag):
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
