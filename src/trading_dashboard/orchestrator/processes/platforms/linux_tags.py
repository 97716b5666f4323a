"""Linux's place for a tag: the soft RLIMIT_LOCKS.

Owns putting it there, and killing by it. It is a resource limit that Linux hands to every child and
has not enforced since 2.4. Whatever a tagged process forks has it from birth, and may clear its
environment, change its session and lose its parent without losing the tag.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

if sys.platform == "linux":
    import resource

    from trading_dashboard.orchestrator.processes.platforms.linux_table import (
        LOCKS_LIMIT,
        last_pid,
        list_pids,
        read_tag,
    )

assert sys.platform == "linux"  # noqa: S101 - tells the type checker

CHASE_SECONDS = 0.1
YOUNGEST = 8
"""How many pids, from the one given out last downwards, a link of a chain is looked for among."""
YOUNGEST_PASSES = 50
"""How often they are tried before all pids are listed again."""


class LinuxTags:
    """Tags in a resource limit."""

    read = staticmethod(read_tag)

    def __init__(self) -> None:
        self._forking = threading.Lock()

    def put(self, pid: int, tag: int) -> bool:
        """Tag a child that is not reaped. False if the system does not allow it.

        It may refuse a program that runs as somebody else; that one is known by its other marks.
        """
        try:
            _, hard = resource.prlimit(pid, LOCKS_LIMIT)
            resource.prlimit(pid, LOCKS_LIMIT, (tag, hard))
        except (OSError, ValueError):
            return False
        return True

    @contextlib.contextmanager
    def from_birth(self, tag: int | None) -> Iterator[None]:
        """Have every child that this process starts within the block tagged; none, if None."""
        with self._forking:
            if tag is None:
                yield
                return
            before = resource.getrlimit(LOCKS_LIMIT)
            is_tagged = self.put(0, tag)
            try:
                yield
            finally:
                if is_tagged:
                    resource.setrlimit(LOCKS_LIMIT, before)

    def chase(self, is_wanted: Callable[[int], bool], never: frozenset[int] = frozenset()) -> int:
        """Kill tagged processes that are gone again before a look at the whole table is over.

        Blocks for at most about `CHASE_SECONDS`, and until a list of all pids holds nobody new.
        Between the lists, which take milliseconds where dead links have not been reaped, those
        born last are tried: a pass takes some 0.02 ms. Returns how many were killed; nobody in
        `never` is.
        """
        never = never | {os.getpid()}
        known: set[int] = set()
        killed, until = 0, time.monotonic() + CHASE_SECONDS
        while time.monotonic() < until:
            born = set(list_pids()) - known
            if not born:
                break
            known |= born
            killed += sum(_kill(pid, is_wanted) for pid in born - never)
            killed += _kill_youngest(is_wanted, never)
        return killed


def _kill_youngest(is_wanted: Callable[[int], bool], never: frozenset[int]) -> int:
    killed = 0
    for _ in range(YOUNGEST_PASSES):
        last = last_pid()
        # The one given out last may not be there yet, and its parent is about to go.
        for pid in range(last, max(last - YOUNGEST, 0), -1):
            killed += pid not in never and _kill(pid, is_wanted)
    return killed


def _kill(pid: int, is_wanted: Callable[[int], bool]) -> bool:
    tag = read_tag(pid)
    if tag is None or not is_wanted(tag):
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
