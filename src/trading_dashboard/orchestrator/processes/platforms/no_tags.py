"""Where the system has no place for a tag: nobody carries one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext


class NoTags:
    """Tags nobody and finds nobody."""

    def read(self, pid: int) -> int | None:  # noqa: ARG002 - of no process
        """Return None."""
        return None

    def put(self, pid: int, tag: int) -> bool:  # noqa: ARG002 - on no process
        """Return False."""
        return False

    def from_birth(self, tag: int | None) -> AbstractContextManager[None]:  # noqa: ARG002
        """Do nothing."""
        return nullcontext()

    def chase(
        self,
        is_wanted: Callable[[int], bool],  # noqa: ARG002
        never: frozenset[int] = frozenset(),  # noqa: ARG002
    ) -> int:
        """Find nobody."""
        return 0
