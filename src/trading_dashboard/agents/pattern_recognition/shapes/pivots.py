"""Turning points that are known when they are known: a zigzag that reverses by multiples of ATR.

A high is a pivot once a later bar's low is `factor` × ATR below it; that bar is its `known_at`.
Until then it may be replaced by a higher one, afterwards never: nothing is redrawn.
"""

from __future__ import annotations

from typing import Any

from trading_dashboard.agents.pattern_recognition.detections import Pivot

KEPT = 24
"""Newest pivots kept of one zigzag."""


class ZigZag:
    """One scale. `pivots` alternate between highs and lows, oldest first."""

    __slots__ = ("bar", "factor", "other_bar", "other_price", "pivots", "price", "side")

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self.side = 0
        """1 while looking for a high, -1 for a low, 0 before the first turn."""
        self.bar = -1
        self.price = 0.0
        """The extreme so far on that side; before the first turn the high."""
        self.other_bar = -1
        self.other_price = 0.0
        """Before the first turn the low."""
        self.pivots: list[Pivot] = []

    def push(self, bar: int, high: float, low: float, atr: float) -> Pivot | None:
        """Take a closed bar; return the pivot it confirms, if it does."""
        if self.side > 0:
            if high > self.price:
                self.bar, self.price = bar, high
            elif self.price - low >= self.factor * atr and low < self.price:
                return self._turn(bar, low, known_at=bar)
        elif self.side < 0:
            if low < self.price:
                self.bar, self.price = bar, low
            elif high - self.price >= self.factor * atr and high > self.price:
                return self._turn(bar, high, known_at=bar)
        else:
            return self._begin(bar, high, low, self.factor * atr)
        return None

    def _turn(self, bar: int, price: float, known_at: int) -> Pivot:
        pivot = Pivot(self.bar, self.price, self.side > 0, known_at)
        self.pivots.append(pivot)
        if len(self.pivots) > KEPT:
            del self.pivots[0]
        self.side = -self.side
        self.bar, self.price = bar, price
        return pivot

    def _begin(self, bar: int, high: float, low: float, reach: float) -> Pivot | None:
        """Wait for the first move of `reach`; if both ways at once, wait on."""
        if self.bar < 0 or high > self.price:
            self.bar, self.price = bar, high
        if self.other_bar < 0 or low < self.other_price:
            self.other_bar, self.other_price = bar, low
        if reach <= 0:
            return None
        fell, rose = self.price - low >= reach, high - self.other_price >= reach
        if fell and not rose and self.bar < bar:
            self.side = 1
            return self._turn(bar, low, known_at=bar)
        if rose and not fell and self.other_bar < bar:
            self.side = -1
            self.bar, self.price = self.other_bar, self.other_price
            return self._turn(bar, high, known_at=bar)
        return None

    def snapshot(self) -> dict[str, Any]:
        """Return everything, to be written as JSON."""
        state = {name: getattr(self, name) for name in self.__slots__ if name != "pivots"}
        state["pivots"] = [[p.bar, p.price, p.is_high, p.known_at] for p in self.pivots]
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        for name in self.__slots__:
            if name != "pivots":
                setattr(self, name, state[name])
        self.pivots = [Pivot(*row) for row in state["pivots"]]
