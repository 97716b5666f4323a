"""Reading a table whose processes come and go while it is read.

Owns the proof that nobody is missing. A list of pids is not taken at one moment: it is walked, from
low numbers to high ones, while processes fork and end. It cannot miss a family that is alive all
the while, though, as long as new pids are higher than older ones: whoever is ahead of the walk and
forks leaves his child ahead of it, too. So some member of the family is in the list. Either he is
still alive when his row is read; or he is not, and then the list is read again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from trading_dashboard.orchestrator.processes.process_stat import ProcessStat, TableReading

ROUNDS = 20
"""How often the list is read before the table is given as one that may not be whole."""
CYCLE_SECONDS = 1.0
"""In less time than this not all numbers can have been given out once."""
ROWS_PER_LOOK = 64
"""After how many rows is looked whether the numbers began again, so that it is in less time."""


class _Numbers:
    """Notices when pids began again at the low ones."""

    def __init__(self, last_pid: Callable[[], int]) -> None:
        self.began_again = False
        self._last_pid = last_pid
        self._seen, self._seen_at = last_pid(), time.monotonic()

    def look(self) -> None:
        seen, now = self._last_pid(), time.monotonic()
        if seen < self._seen or now - self._seen_at > CYCLE_SECONDS:
            self.began_again = True
        self._seen, self._seen_at = seen, now


def read_whole(
    list_pids: Callable[[], Iterable[int]],
    read_row: Callable[[int], ProcessStat | None],
    last_pid: Callable[[], int] = lambda: 0,
) -> TableReading:
    """Return the rows of all processes.

    Args:
        list_pids: Returns all pids, in the order in which they were given out.
        read_row: Returns a process's row, or None if there is no such process.
        last_pid: Returns the pid given out last; constant where nobody tells.
    """
    found: dict[int, ProcessStat] = {}
    missed: set[int] = set()
    rounds, numbers = 0, _Numbers(last_pid)
    for _ in range(ROUNDS):
        has_ended = False
        born = [pid for pid in list_pids() if pid not in found and pid not in missed]
        # The youngest first: who is about to be gone again is among them.
        for index, pid in enumerate(reversed(born)):
            if index % ROWS_PER_LOOK == 0:
                numbers.look()
            row = read_row(pid)
            if row is None:
                missed.add(pid)
            else:
                found[pid] = row
            has_ended = has_ended or row is None or not row.is_alive
        numbers.look()
        rounds += 1
        if numbers.began_again:
            # Children may be behind the walk, and a number that was looked at another's.
            found.clear()
            missed.clear()
            rounds, numbers.began_again = 0, False
        elif rounds > 1 and not has_ended:
            # Not after one round: a child that got a low number just before it may have shown up
            # behind the walk, and its parent ended ahead of it.
            return TableReading(found.values())
    return TableReading(found.values(), is_whole=False)
