"""What a chart pattern of the catalogue is made of: words, source, settings, and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["reversal", "range", "flag", "cup", "gap"]
Points = tuple[tuple[float, float], ...]

BULKOWSKI = "Bulkowski, Encyclopedia of Chart Patterns, 2nd ed. 2005"
MAGEE = "Edwards and Magee, Technical Analysis of Stock Trends, 9th ed. 2007"
LMW = "Lo, Mamaysky and Wang, Journal of Finance 55(4), 2000"
ONEIL = "O'Neil, How to Make Money in Stocks, 4th ed. 2009"


@dataclass(frozen=True, slots=True)
class Picture:
    """A schematic: prices as one polyline, lines beside it; x and y from 0 to 1, y upwards."""

    path: Points
    lines: tuple[Points, ...] = ()
    gap_after: int | None = None
    """The polyline is broken after this point: a gap."""

    def turned_over(self) -> Picture:
        """Return the mirror image, highs for lows."""
        lines = tuple(_turned(line) for line in self.lines)
        return Picture(_turned(self.path), lines, self.gap_after)


def _turned(points: Points) -> Points:
    return tuple((x, round(1 - y, 3)) for x, y in points)


@dataclass(frozen=True, slots=True)
class ShapeKind:
    """One chart pattern.

    Attributes:
        id: What detections call it.
        name: What people call it.
        group: Which recogniser finds it; patterns of a group compete for the same bars.
        directions: 1, -1 or both, as it may break out.
        definition: What must be true; names in it are those of `ShapeSettings`.
        source: Book or paper, with chapter.
        spans: How many bars, from the first turning point to the last, as settings by name.
        settings: Names of the thresholds that are its own.
        picture: How to draw it.
    """

    id: str
    name: str
    group: Group
    directions: tuple[int, ...]
    definition: str
    source: str
    spans: tuple[str, str]
    settings: tuple[str, ...]
    picture: Picture
