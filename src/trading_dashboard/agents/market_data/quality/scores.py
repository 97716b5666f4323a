"""How counts become a score: six parts, their weighted mean, and a grade.

Owns the formulas (docs/market-data/quality.md has them too). Pure. A part without anything to
count is unknown, and an unknown part neither raises nor lowers the total.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

from trading_dashboard.agents.market_data.quality.reasons import ScorePart
from trading_dashboard.models.market_quality import QUALITY_GRADES

WEIGHTS: Mapping[ScorePart, float] = {
    ScorePart.COMPLETENESS: 25.0,
    ScorePart.ACCURACY: 25.0,
    ScorePart.TIMELINESS: 10.0,
    ScorePart.CONSISTENCY: 15.0,
    ScorePart.VALIDITY: 15.0,
    ScorePart.UNIQUENESS: 10.0,
}


@dataclass(slots=True)
class SeriesCounts:
    """What was counted of one series within a window.

    Attributes:
        received: Rows that came: ticks, bars and corporate actions.
        invalid, inaccurate, inconsistent, doubled, untimely: Rows quarantined, by the part of the
            score that their reason lowers.
        repeated: Identical rows of which one was kept.
        timed: Ticks believed that came while the exchange was open.
        late: Of these, the ones that were too old when they came.
        expected, present: Bars.
        newest_expected, newest_missing: How often the newest bar was looked for, and not there.
        compared, disagreeing: Bars, of all comparisons with other sources.
        gaps: Runs of missing bars.
    """

    received: int = 0
    invalid: int = 0
    inaccurate: int = 0
    inconsistent: int = 0
    doubled: int = 0
    untimely: int = 0
    repeated: int = 0
    timed: int = 0
    late: int = 0
    expected: int = 0
    present: int = 0
    newest_expected: int = 0
    newest_missing: int = 0
    compared: int = 0
    disagreeing: int = 0
    gaps: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(
            *(getattr(self, one.name) + getattr(other, one.name) for one in fields(self))
        )

    @property
    def rejected(self) -> int:
        """Return how many rows were quarantined."""
        return self.invalid + self.inaccurate + self.inconsistent + self.doubled + self.untimely


@dataclass(frozen=True, slots=True)
class Score:
    """Parts from 0 to 100, None where unknown; `known` is the weight of the others, in percent."""

    parts: Mapping[ScorePart, float | None]
    total: float | None
    known: float
    grade: str | None


def score(counts: SeriesCounts) -> Score:
    """Return what the counts are worth."""
    received = counts.received
    consistency = _share(received - counts.inconsistent, received)
    agreed = _share(counts.compared - counts.disagreeing, counts.compared)
    if consistency is not None and agreed is not None:
        consistency = consistency * agreed / 100
    timed = counts.timed + counts.newest_expected + counts.untimely
    parts = {
        ScorePart.COMPLETENESS: _share(counts.present, counts.expected),
        ScorePart.ACCURACY: _share(received - counts.inaccurate, received),
        ScorePart.TIMELINESS: _share(
            timed - counts.late - counts.newest_missing - counts.untimely, timed
        ),
        ScorePart.CONSISTENCY: agreed if consistency is None else consistency,
        ScorePart.VALIDITY: _share(received - counts.invalid, received),
        ScorePart.UNIQUENESS: _share(received - counts.doubled - counts.repeated, received),
    }
    known = {part: value for part, value in parts.items() if value is not None}
    weight = sum(WEIGHTS[part] for part in known)
    if not weight:
        return Score(parts, None, 0.0, None)
    total = sum(WEIGHTS[part] * value for part, value in known.items()) / weight
    return Score(parts, total, weight, grade_of(total))


def grade_of(total: float) -> str:
    """Return the grade of a total."""
    return next(name for least, name in QUALITY_GRADES if total >= least)


def _share(good: int, of: int) -> float | None:
    """Return a percentage, None of nothing."""
    return max(0.0, 100.0 * good / of) if of > 0 else None
