"""The lengths of bars, and how days group into weeks and months.

Owns what `models.market.INTERVALS` mean in time. Weeks are ISO weeks, months calendar months.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from trading_dashboard.agents.market_data.records import Integers
from trading_dashboard.models.market import INTERVALS

SECONDS = {
    "1s": 1, "5s": 5, "15s": 15, "30s": 30,
    "1m": 60, "2m": 120, "5m": 300, "15m": 900, "30m": 1800,
    "1h": 3600, "2h": 7200, "4h": 14_400,
}  # fmt: skip
"""Length of the intervals shorter than a day."""
DAILY = ("1d", "1w", "1M")


def ordered(intervals: Iterable[str]) -> tuple[str, ...]:
    """Return the intervals shortest first, each once. Raises ValueError for an unknown one."""
    wanted = set(intervals)
    unknown = sorted(wanted.difference(INTERVALS))
    if unknown or not wanted:
        raise ValueError(f"intervals must be some of {', '.join(INTERVALS)}, got {unknown}")
    return tuple(interval for interval in INTERVALS if interval in wanted)


def group_keys(days: Integers, interval: str) -> Integers:
    """Return int64[n]: equal for days (since 1970) that share a bar of 1d, 1w or 1M."""
    if interval == "1w":
        return (days + 3) // 7  # 1970-01-01 was a Thursday
    if interval == "1M":
        months = days.astype("datetime64[D]").astype("datetime64[M]")
        keys: Integers = months.astype(np.int64)
        return keys
    return days
