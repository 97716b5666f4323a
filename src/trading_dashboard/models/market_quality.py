"""How good market data are: what a score is made of, as it travels.

A part that nobody could measure is None, never 100.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from trading_dashboard.models.market import Wire

QUALITY_GRADES: tuple[tuple[float, Literal["A+", "A", "B", "C", "D", "F"]], ...] = (
    (99.5, "A+"), (98.0, "A"), (95.0, "B"), (90.0, "C"), (80.0, "D"), (0.0, "F"),
)  # fmt: skip
"""The least total of each grade."""


class QualityReasonCount(Wire):
    """How many rows were quarantined for one reason."""

    reason: str
    rows: int = Field(ge=0)


class SeriesQuality(Wire):
    """The score of one symbol of one source over a rolling window; each part is 0 to 100."""

    symbol: str
    source: str
    score: float = Field(ge=0, le=100)
    """Weighted mean of the parts that are known."""
    known: float = Field(ge=0, le=100)
    """Weight of the parts that are known, in percent."""
    grade: Literal["A+", "A", "B", "C", "D", "F"]
    completeness: float | None = None
    """Bars there are of those the exchange's sessions ask for."""
    accuracy: float | None = None
    """Rows that are no outliers, and splits that fit the prices."""
    timeliness: float | None = None
    """Ticks that came in time, and newest bars that are there."""
    consistency: float | None = None
    """Rows that contradict neither themselves nor each other nor another source."""
    validity: float | None = None
    """Rows that can be read and can be."""
    uniqueness: float | None = None
    """Rows that came once."""
    rows: int = Field(ge=0)
    """Rows that came within the window."""
    rejected: int = Field(ge=0)
    """Rows that were quarantined of these."""
    expected: int = Field(ge=0)
    """Bars that should be there, of all intervals that were looked at."""
    present: int = Field(ge=0)
    compared: int = Field(ge=0)
    """Bars that another source has, too."""
    disagreeing: int = Field(ge=0)
    gaps: int = Field(ge=0)
    """Runs of missing bars."""
    reasons: list[QualityReasonCount]
    """Why rows were quarantined, the most frequent first."""
    window_days: int = Field(ge=1)
    computed_at: datetime
