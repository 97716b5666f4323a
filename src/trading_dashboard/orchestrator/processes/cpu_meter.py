"""How much of a core a process tree uses, from its counters at two moments.

The system counts in ticks of 10 ms, so a short stretch says little: a new figure is made over at
least `WINDOW_SECONDS`; who asks in between gets the last one.
"""

from __future__ import annotations

from collections.abc import Mapping

from trading_dashboard.orchestrator.processes.process_tree import CLOCK_TICKS, Identity

WINDOW_SECONDS = 1.5


class CpuMeter:
    """The counters of one tree at the last moment that counted, and the figure since then."""

    def __init__(self) -> None:
        self._ticks: Mapping[Identity, int] | None = None
        self._at = 0.0
        self._percent: float | None = None

    def read(self, ticks: Mapping[Identity, int], at: float) -> float | None:
        """Return percent of one core, or None before the first window is over.

        Args:
            ticks: CPU ticks used so far by each member; one that came since counts whole.
            at: When they were read, monotonic, in seconds.
        """
        if self._ticks is None:
            self._ticks, self._at = ticks, at
        elif at - self._at >= WINDOW_SECONDS:
            used = sum(
                max(count - self._ticks.get(identity, 0), 0) for identity, count in ticks.items()
            )
            self._percent = 100.0 * used / CLOCK_TICKS / (at - self._at)
            self._ticks, self._at = ticks, at
        return self._percent
