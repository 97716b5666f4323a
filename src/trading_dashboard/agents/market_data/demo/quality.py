"""How good the replayed data are, judged from the real rows the clock has reached.

Owns the parts of the score, the holes in a series and the rows that contradict themselves. What
cannot be measured here, such as agreement with another source, is left out, not guessed.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from trading_dashboard.agents.market_data.demo.dataset import SOURCE
from trading_dashboard.agents.market_data.demo.series import DailySeries
from trading_dashboard.agents.market_data.demo.timeline import Instant, Timeline, iso
from trading_dashboard.agents.market_data.records import Integers

GRADES = ((97.0, "A+"), (90.0, "A"), (80.0, "B"), (70.0, "C"), (60.0, "D"))
UNEXPLAINED_JUMP = 2.0
"""An open that is so many times the adjusted close before, or its inverse, hides a split."""


def score(series: DailySeries, timeline: Timeline, instant: Instant) -> dict[str, Any]:
    """Return a body shaped like `QualityScore`, of the days that have closed."""
    rows = series.closed_rows(instant)
    missing = len(missing_sessions(series, instant))
    flawed = sum(1 for row in series.flawed if row < rows)
    parts = {
        "completeness": _share(rows, rows + missing),
        "consistency": _share(rows - _jumps(series, rows), rows),
        "validity": _share(rows - flawed, rows),
        "uniqueness": _share(len(np.unique(series.session[:rows])), rows),
    }
    total = round(sum(parts.values()) / len(parts), 2)
    return {
        "symbol": series.listing.symbol,
        "source": SOURCE,
        "score": total,
        "grade": grade(total),
        "accuracy": None,
        "timeliness": None,
        **parts,
        "rows": rows,
        "rejected": flawed,
        "gaps": len(gaps(series, timeline, instant)),
        "computed_at": iso(instant.now),
    }


def grade(total: float) -> str:
    """Return the grade of a score."""
    return next((name for least, name in GRADES if total >= least), "F")


def missing_sessions(series: DailySeries, instant: Instant) -> Integers:
    """Return the sessions since the first row, closed by then, that have no row."""
    if not series.closed_rows(instant):
        return np.empty(0, dtype=np.int64)
    expected = np.arange(int(series.session[0]), instant.last_closed + 1)
    return np.setdiff1d(expected, series.session, assume_unique=True)


def gaps(series: DailySeries, timeline: Timeline, instant: Instant) -> list[dict[str, Any]]:
    """Return bodies shaped like `GapInfo`, newest first: sessions in a row are one gap."""
    missing = missing_sessions(series, instant)
    runs = np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1) if len(missing) else []
    return [
        {
            "symbol": series.listing.symbol,
            "source": SOURCE,
            "interval": "1d",
            "start": iso(timeline.sessions[int(run[0])].open_at),
            "end": iso(timeline.sessions[int(run[-1])].close_at),
            "cause": "not_delivered",
            "detail": f"The data set has no row for {len(run)} sessions.",
            "found_at": None,
            "filled_at": None,
            "attempts": 0,
        }
        for run in reversed(runs)
    ]


def rejected(series: DailySeries, instant: Instant) -> list[dict[str, Any]]:
    """Return bodies shaped like `RejectedRow`, newest first: rows that contradict themselves.

    Their days are replayed within the widened range, at half the quality score.
    """
    closed = series.closed_rows(instant)
    return [
        {
            "symbol": series.listing.symbol,
            "source": SOURCE,
            "interval": "1d",
            "timestamp": f"{row.session}T00:00:00Z",
            "received": None,
            "reason": "contradicts_itself",
            "detail": "; ".join(row.flaws),
            "row": json.dumps(asdict(row)),
        }
        for index, row in sorted(series.flawed.items(), reverse=True)
        if index < closed
    ]


def _jumps(series: DailySeries, rows: int) -> int:
    """Return how many of the first rows open far from the close before, without a reason."""
    before = [series.previous_close(row) for row in range(1, rows)]
    if not before:
        return 0
    moved = np.abs(np.log(series.open[1:rows] / np.array(before, dtype=np.float64)))
    return int((moved >= np.log(UNEXPLAINED_JUMP)).sum())


def _share(good: int, of: int) -> float:
    return round(100.0 * good / of, 2) if of else 100.0
