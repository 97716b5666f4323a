"""What the machine does beside what is measured: standing in line for a core, and others' work.

Owns reading it from the system; decides nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import psutil


def line(process: psutil.Process) -> tuple[float, float] | None:
    """Return the seconds the main thread ran and stood in line for a core; None if unknown."""
    try:
        text = Path(f"/proc/{process.pid}/task/{process.pid}/schedstat").read_text()
    except OSError:
        return None
    ran, waited, _ = text.split()
    return int(ran) / 1e9, int(waited) / 1e9


class Others:
    """How much of the machine went to other processes than ours."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._ours = [psutil.Process(pid) for pid in pids]
        self._before = self._look()

    def share(self) -> float:
        """Return the share of all cores others used since the last call, 0 to 1."""
        before, self._before = self._before, self._look()
        at, used = (now - then for now, then in zip(self._before, before, strict=True))
        return max(used / (at * (psutil.cpu_count() or 1)), 0.0)

    def _look(self) -> tuple[float, float]:
        """Return the time, and the CPU seconds of others so far."""
        times = psutil.cpu_times()
        used: float = times.user + times.system + getattr(times, "nice", 0.0)
        for process in self._ours:
            with contextlib.suppress(psutil.NoSuchProcess):
                used -= sum(process.cpu_times()[:2])
        return time.perf_counter(), used
