"""Orders of the last minute, counted on the monotonic clock: a guard against what runs away.

In real time also in a replay: it is a program's pace that is bounded, not the market's.
"""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 60.0


class Pace:
    """When orders were let through."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def add(self, monotonic: float) -> None:
        """Count an order."""
        self._times.append(monotonic)

    def count(self, monotonic: float) -> int:
        """Return how many there were within the minute that ends now."""
        while self._times and self._times[0] <= monotonic - WINDOW_SECONDS:
            self._times.popleft()
        return len(self._times)
