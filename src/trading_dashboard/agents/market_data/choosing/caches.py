"""Answers given again for a while: bounded, the least recently used leave first.

Owns room and age; what may be kept for how long is decided by whoever keeps it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class AgedCache(Generic[K, V]):
    """Values with the monotonic time until which they are good; a weight each, one by default."""

    def __init__(self, max_weight: int, seconds: float | None) -> None:
        self._max_weight = max_weight
        self._seconds = seconds
        self._kept: OrderedDict[K, tuple[V, float, int]] = OrderedDict()
        self.weight = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K, now: float) -> V | None:
        """Return a value that is still good."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if self._seconds is not None and now >= kept[1]:
            self.drop(key)
            return None
        self._kept.move_to_end(key)
        return kept[0]

    def put(
        self, key: K, value: V, now: float, weight: int = 1, seconds: float | None = None
    ) -> None:
        """Keep a value, unless it alone would fill half of the room; for other seconds if given."""
        self.drop(key)
        if weight * 2 > self._max_weight:
            return
        self._kept[key] = (value, now + (seconds or self._seconds or 0.0), weight)
        self.weight += weight
        while self.weight > self._max_weight:
            _, (_, _, gone) = self._kept.popitem(last=False)
            self.weight -= gone

    def drop(self, key: K) -> None:
        """Forget a value."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self.weight -= kept[2]

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self.weight = 0
