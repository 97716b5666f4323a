"""One process at one moment, as every system's process table can tell it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

Identity = tuple[int, int]
"""A pid and its start time in clock ticks; the pid alone may be somebody else's tomorrow."""


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
    """What it inherited where a tag of ours would be; None where there is none."""
    threads: int = 1

    @property
    def identity(self) -> Identity:
        """Return what tells this process from any other that has or had its pid."""
        return (self.pid, self.start_ticks)

    @property
    def is_alive(self) -> bool:
        """Return False for a zombie: it runs no code and holds no resources.

        One whose first thread has ended alone looks like one, and its other threads run on.
        """
        return self.state not in "ZX" or self.threads > 1


class TableReading(NamedTuple):
    """All rows, and whether nobody can be missing in them."""

    rows: Collection[ProcessStat]
    is_whole: bool = True
    """False if processes came and went too fast for the list: who is not in it may be alive."""
