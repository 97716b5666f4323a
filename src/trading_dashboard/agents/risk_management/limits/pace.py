"""Orders of the last minute, counted on the monotonic clock: a guard against what runs away.

In real time also in a replay: it is a program's pace that is bounded, not the market's.
"""

from __future__ import annotations

WINDOW_SECONDS = 60.0


class Pace:
    """When orders were let through."""

    def __init__(self) -> None:
        self._times: dict[str, float] = {}
        """By the order's id, oldest first."""

    def add(self, order_id: str, monotonic: float) -> None:
        """Count an order."""
        self._times[order_id] = monotonic

    def give_back(self, order_id: str) -> None:
        """Count an order no more: it was never placed after all."""
        self._times.pop(order_id, None)

    def count(self, monotonic: float) -> int:
        """Return how many there were within the minute that ends now."""
        while self._times:
            oldest = next(iter(self._times))
            if self._times[oldest] > monotonic - WINDOW_SECONDS:
                break
            del self._times[oldest]
        return len(self._times)
