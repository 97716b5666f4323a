"""A mark on processes that outlives their environment, session and parent.

Owns what a tag says: its upper bits name the run, its lower ones the tree. Where a process carries
it, and whether it can at all, is the platform's business (`platforms/seam.py`, `Tags`).
"""

from __future__ import annotations

import hashlib
from itertools import count

from trading_dashboard.orchestrator.processes.process_tree import RunMarker

TAG_BIT = 1 << 61
"""Set in every tag: as a limit it is out of reach, and nobody means such a number."""
TREE_BITS = 20


def run_number(run_id: str) -> int:
    """Return the number that stands for a run: the upper bits of its tags."""
    digest = hashlib.blake2b(run_id.encode(), digest_size=8).digest()
    return (TAG_BIT | int.from_bytes(digest, "big") & (TAG_BIT - 1)) >> TREE_BITS


class TagBook:
    """Which tag means which tree, for one run and the dead one before it."""

    def __init__(self, run_id: str, state_directory: str, *, is_dedicated: bool = False) -> None:
        """Take the run, its project, and whether nobody else starts children in this process."""
        self.is_dedicated = is_dedicated
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
