"""Bars that should be there by the exchange's sessions and are not, as gaps.

Owns the comparison. A gap is a run of missing bars that follow each other, also over nights and
holidays, in which nothing is expected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from trading_dashboard.agents.market_data.quality.bar_grid import (
    DAY_US,
    cadence_of,
    day_of,
    expected,
    group_of,
)
from trading_dashboard.agents.market_data.records import Integers
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.store.contract import Gap

Cause = Literal["agent_down", "source_down", "source_silent", "not_delivered", "quarantined"]
_NONE: Integers = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """What a series has of what it should have.

    Attributes:
        expected, present: Bars.
        has_newest: Whether the newest expected bar is there; None if none is expected.
        gaps: Oldest first.
    """

    expected: int
    present: int
    has_newest: bool | None
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Which bars are looked for."""

    source: str
    symbol: str
    interval: str


def completeness(
    series: Series,
    start: Integers,
    sessions: Sessions,
    period: tuple[int, int],
    *,
    now: int,
    quarantined: Integers = _NONE,
    cause: Cause = "not_delivered",
) -> Completeness:
    """Return what is missing of a series within a period.

    Args:
        series: What it is of.
        start: int64[n], the bars that are there, by their start, in any order.
        sessions: Of its exchange.
        period: [start, end) in microseconds; bars not yet ended by its end are not expected.
        now: When this is found.
        quarantined: int64[m], starts of bars that came and were not believed: a cause of its own.
        cause: Of the others.

    Raises:
        ValueError: Nobody knows when bars of this interval are due, or there are too many.
    """
    cadence = cadence_of(series.interval)
    if cadence is None:
        raise ValueError(f"there is no interval {series.interval!r}")
    if not len(sessions):
        return Completeness(expected=0, present=0, has_newest=None, gaps=())
    wanted, ends = expected(cadence, sessions, *period)
    if cadence.kind == "time":
        missing = ~np.isin(wanted, start)
        refused = np.isin(wanted, quarantined)
    else:
        # By day, week or month: some name a week by its Monday, a holiday or not.
        keys = group_of(day_of(wanted, cadence, sessions), cadence)
        missing = ~np.isin(keys, group_of(start // DAY_US, cadence))
        refused = np.isin(keys, group_of(quarantined // DAY_US, cadence))
    gaps = _runs(series, wanted, ends, missing, missing & refused, cause, now)
    return Completeness(
        expected=len(wanted),
        present=len(wanted) - int(missing.sum()),
        has_newest=bool(~missing[-1]) if len(wanted) else None,
        gaps=gaps,
    )


def _runs(
    series: Series,
    wanted: Integers,
    ends: Integers,
    missing: np.ndarray,
    refused: np.ndarray,
    cause: Cause,
    now: int,
) -> tuple[Gap, ...]:
    """Return the missing bars as runs, each of one cause."""
    if not missing.any():
        return ()
    kind = np.where(refused, 2, np.where(missing, 1, 0))
    changes = np.flatnonzero(np.diff(kind)) + 1
    firsts = np.concatenate(([0], changes))
    lasts = np.append(firsts[1:], len(kind)) - 1
    return tuple(
        Gap(
            source=series.source,
            symbol=series.symbol,
            interval=series.interval,
            start=int(wanted[first]),
            end=int(ends[last]),
            cause="quarantined" if kind[first] == 2 else cause,
            detail=f"{last - first + 1} bar{'s' if last > first else ''} missing",
            found_at=now,
        )
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
        if kind[first]
    )
