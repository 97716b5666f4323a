"""A mark on processes that outlives their environment, session and parent.

Owns the tag: a number in the soft RLIMIT_LOCKS, a resource limit that Linux hands to every child
and has not enforced since 2.4. Whatever a tagged process forks has it from birth, and may clear its
environment, change its session and lose its parent without losing the tag. Its upper bits name the
run, its lower ones the tree. Only Linux has it; elsewhere nobody is tagged.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count

from trading_dashboard.orchestrator.processes.process_tree import (
    LOCKS_LIMIT,
    RunMarker,
    list_pids,
    read_tag,
)

if sys.platform == "linux":
    import resource

TAG_BIT = 1 << 61
"""Set in every tag: as a limit it is out of reach, and nobody means such a number."""
TREE_BITS = 20
CHASE_SECONDS = 0.1

_forking = threading.Lock()


def run_number(run_id: str) -> int:
    """Return the number that stands for a run: the upper bits of its tags."""
    digest = hashlib.blake2b(run_id.encode(), digest_size=8).digest()
    return (TAG_BIT | int.from_bytes(digest, "big") & (TAG_BIT - 1)) >> TREE_BITS


def tag_process(pid: int, tag: int) -> bool:
    """Tag a child that is not reaped. False if the system does not allow it.

    It may refuse a program that runs as somebody else; that one is known by its other marks.
    """
    if sys.platform != "linux":
        return False
    try:
        _, hard = resource.prlimit(pid, LOCKS_LIMIT)
        resource.prlimit(pid, LOCKS_LIMIT, (tag, hard))
    except (OSError, ValueError):
        return False
    return True


@contextlib.contextmanager
def tagged_from_birth(tag: int | None) -> Iterator[None]:
    """Have every child that this process starts within the block tagged; none, if None.

    Only for a process that nobody but us starts children in: theirs would be tagged, too.
    """
    if sys.platform != "linux":
        yield
        return
    with _forking:
        if tag is None:
            yield
            return
        before = resource.getrlimit(LOCKS_LIMIT)
        is_tagged = tag_process(0, tag)
        try:
            yield
        finally:
            if is_tagged:
                resource.setrlimit(LOCKS_LIMIT, before)


class TagBook:
    """Which tag means which tree, for one run and the dead one before it."""

    def __init__(self, run_id: str, state_directory: str) -> None:
        self.run = run_number(run_id)
        self._state_directory = state_directory
        self._runs = {self.run: run_id}
        self._trees: dict[int, RunMarker] = {}
        self._numbers = count()

    def assign(self, marker: RunMarker) -> int:
        """Return a new tag for a tree."""
        tag = self.run << TREE_BITS | next(self._numbers) % (1 << TREE_BITS)
        self._trees[tag] = marker
        return tag

    def forget(self, tag: int) -> None:
        """Drop a tree of which nothing is left."""
        self._trees.pop(tag, None)

    def remember(self, run_id: str) -> None:
        """Know the tags of an earlier run of this project."""
        self._runs.setdefault(run_number(run_id), run_id)

    def is_of_this_run(self, tag: int) -> bool:
        """Return whether the run that is under way tagged the process."""
        return tag >> TREE_BITS == self.run

    def is_of_earlier_run(self, tag: int) -> bool:
        """Return whether a run that is known to be dead tagged the process."""
        return tag >> TREE_BITS in self._runs and not self.is_of_this_run(tag)

    def marker_of(self, tag: int | None) -> RunMarker | None:
        """Return what a tag stands for: a tree, at least a run, or nothing of ours."""
        run_id = self._runs.get(tag >> TREE_BITS) if tag is not None else None
        if tag is None or run_id is None:
            return None
        return self._trees.get(tag) or RunMarker(run_id, "", 0, self._state_directory)


def chase(is_wanted: Callable[[int], bool], never: frozenset[int] = frozenset()) -> int:
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


def _kill(pid: int, is_wanted: Callable[[int], bool]) -> bool:
    tag = read_tag(pid)
    if sys.platform != "linux" or tag is None or not is_wanted(tag):
        return False
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        # Read again after the pidfd was opened: none but ours can be hit.
        tag = read_tag(pid)
        if tag is None or not is_wanted(tag):
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
