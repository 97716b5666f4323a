"""What is said of one candlestick pattern, and whose words they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from trading_dashboard.models.patterns import Direction

BULL: tuple[Direction, ...] = ("bullish",)
BEAR: tuple[Direction, ...] = ("bearish",)
BOTH: tuple[Direction, ...] = ("bullish", "bearish")
NONE: tuple[Direction, ...] = ("neutral",)

_NISON = "Nison, Japanese Candlestick Charting Techniques (2nd ed. 2001), chapter {}"
_MORRIS = "Morris, Candlestick Charting Explained (3rd ed. 2006), chapter {}"

LINES = _MORRIS.format("2, Candlestick lines")
REVERSAL = _MORRIS.format("3, Reversal candle patterns")
CONTINUATION = _MORRIS.format("4, Continuation patterns")
NISON_LINES = _NISON.format("3, Constructing the candlesticks")
NISON_REVERSAL = _NISON.format("4, Reversal patterns")
NISON_STARS = _NISON.format("5, Stars")
NISON_MORE = _NISON.format("6, More reversal formations")
NISON_CONTINUATION = _NISON.format("7, Continuation patterns")
NISON_DOJI = _NISON.format("8, The magic doji")
HIKKAKE = (
    "Chesler, Trading false moves with the hikkake pattern, Active Trader, April 2004; "
    "thresholds as in TA-Lib"
)


class Clear(IntEnum):
    """Which feature of the last bar makes a pattern clear: a row of the table of shapes."""

    BODY = 0
    """A long body."""
    SMALL_BODY = 1
    """A short body."""
    SHADOW = 2
    """A long shadow."""


@dataclass(frozen=True, slots=True)
class CandleKind:
    """One candlestick pattern.

    Attributes:
        id: TA-Lib's name of its function.
        name: As the books call it.
        span: How many bars make it up. A hikkake's confirmation comes up to three bars later,
            which its hit then spans too.
        reads: How many bars it looks at: those, and the ones they are compared with.
        directions: Which ones it can have.
        clear: What makes it clear, for its strength.
        definition: What must be true, in words. Bar 1 is the first it spans.
        source: Book and chapter.
        penetration: How far into the first body a close must reach, as a share of it; None where
            the definition asks for none.
    """

    id: str
    name: str
    span: int
    reads: int
    directions: tuple[Direction, ...]
    clear: Clear
    definition: str
    source: str
    penetration: float | None = None

    @property
    def is_directed(self) -> bool:
        """Whether its sign says which way: a doji's does not."""
        return self.directions != NONE
