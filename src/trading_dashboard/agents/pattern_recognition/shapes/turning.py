"""Turning points of a whole series at once: the same a `ZigZag` finds bar by bar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from trading_dashboard.agents.pattern_recognition.detections import Pivot
from trading_dashboard.agents.pattern_recognition.shapes.pivots import KEPT, ZigZag
from trading_dashboard.agents.pattern_recognition.shapes.whole import Whole

Row = tuple[int, float, float, float]
"""Bar, high, low, and how far price has to go back."""
_IN_TURN = (True, False) * (KEPT + 1)


@dataclass(slots=True)
class Turns:
    """Turning points of one scale, oldest first: highs and lows in turn.

    Attributes:
        is_high: Whether the first one is a high.
        at: Their bars.
        price: Their prices.
        known: The bars at which they were known.
    """

    is_high: bool = False
    at: list[int] = field(default_factory=list)
    price: list[float] = field(default_factory=list)
    known: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.at)

    def pivots(self, place: int, count: int) -> list[Pivot]:
        """Return up to `count` pivots, at most `KEPT`, that end with the one of this place."""
        first = max(place - count + 1, 0)
        part = slice(first, place + 1)
        flags = _IN_TURN[(first + self.is_high + 1) % 2 :]
        return list(map(Pivot, self.at[part], self.price[part], flags, self.known[part]))


def find_turns(whole: Whole, factor: float) -> Turns:
    """Return the turning points of one scale."""
    turns = Turns()
    reaches = (factor * whole.all_atrs[whole.bars]).tolist()
    rows = zip(whole.looked_at, whole.looked_highs, whole.looked_lows, reaches, strict=True)
    # The first turn is the zigzag's own affair; after it there are two cases only.
    zigzag = ZigZag(1.0)
    for row in rows:
        pivot = zigzag.push(*row)
        if pivot is not None:
            turns.is_high = pivot.is_high
            turns.at.append(pivot.bar)
            turns.price.append(pivot.price)
            turns.known.append(pivot.known_at)
            _go_on(turns, rows, zigzag)
    return turns


def _go_on(turns: Turns, rows: Iterator[Row], zigzag: ZigZag) -> None:
    """Take all rows that are left. Most of all time is spent here: each way has its own loop."""
    at, price, is_rising = zigzag.bar, zigzag.price, zigzag.side > 0
    ats, prices, knowns = turns.at.append, turns.price.append, turns.known.append
    is_turn = True
    while is_turn:
        is_turn = False
        if is_rising:
            for bar, high, low, reach in rows:
                if high > price:
                    at = bar
                    price = high
                elif price - low >= reach and low < price:
                    ats(at)
                    prices(price)
                    knowns(bar)
                    at, price, is_turn = bar, low, True
                    break
        else:
            for bar, high, low, reach in rows:
                if low < price:
                    at = bar
                    price = low
                elif high - price >= reach and high > price:
                    ats(at)
                    prices(price)
                    knowns(bar)
                    at, price, is_turn = bar, high, True
                    break
        is_rising = not is_rising
