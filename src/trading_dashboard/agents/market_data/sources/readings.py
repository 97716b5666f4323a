"""Reading what providers write: numbers, times and days as text, and rows into bars.

Owns the rule that nothing is repaired and nothing vanishes: what is no number becomes NaN, what is
no time becomes `UNREADABLE`, and the row stays, for `quality` to judge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars

UNREADABLE = -1
"""The time of a row without one, in microseconds or days."""
DAY = 86_400 * MICROSECONDS
NEW_YORK = ZoneInfo("America/New_York")

SECONDS = {
    "1s": 1, "5s": 5, "15s": 15, "30s": 30, "1m": 60, "2m": 120, "5m": 300, "15m": 900,
    "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14400, "1d": 86400, "1w": 604800,
}  # fmt: skip
"""How long intervals are, except months."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE = timedelta(microseconds=1)
_OLD_ZONES = {"US/Eastern": "America/New_York"}
"""Names that not every system's zone database still has."""


class Row(NamedTuple):
    """One bar as it was read."""

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float


def number(value: object) -> float:
    """Return a number as it is written, NaN if it is none; infinities stay what they are."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return math.nan
    if isinstance(value, str) and "_" in value:  # which Python reads as a separator
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def optional(value: object) -> float | None:
    """Return a number, None where nothing that can be one was told."""
    read = number(value)
    return read if math.isfinite(read) else None


def zone_named(name: object) -> ZoneInfo | None:
    """Return a time zone by a provider's name for it, None if it is not known."""
    if not isinstance(name, str):
        return None
    try:
        return ZoneInfo(_OLD_ZONES.get(name, name))
    except (KeyError, OSError, ValueError):
        return None


def instant(text: object, zone: ZoneInfo) -> int:
    """Return the microsecond of an ISO time, in the zone if it says none; else `UNREADABLE`.

    An hour that a clock change skips is no time; of one that it repeats, the first is meant.
    """
    if not isinstance(text, str):
        return UNREADABLE
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            aware = moment.replace(tzinfo=zone)
            if aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
                return UNREADABLE
            moment = aware
        return (moment - _EPOCH) // _ONE
    except (ValueError, OverflowError):
        return UNREADABLE


def midnight(text: object) -> int:
    """Return midnight UTC of the date that a text begins with, in microseconds."""
    if not isinstance(text, str):
        return UNREADABLE
    return instant(text.strip()[:10], ZoneInfo("UTC"))


def day(text: object) -> int:
    """Return the days since 1970 of the date that a text begins with."""
    at = midnight(text)
    return UNREADABLE if at == UNREADABLE else at // DAY


def epoch_seconds(value: object) -> int:
    """Return the microsecond of a Unix time in seconds."""
    seconds = number(value)
    if not math.isfinite(seconds) or not 0 < seconds < 1e11:
        return UNREADABLE
    return round(seconds * MICROSECONDS)


def is_daily(interval: str) -> bool:
    """Return whether bars of an interval open at midnight UTC of a session's date."""
    return interval in {"1d", "1w", "1M"}


def bars_of(
    source: str,
    symbol: str,
    interval: str,
    rows: Sequence[Row],
    *,
    start: int,
    end: int,
    now: int,
    zone: ZoneInfo,
) -> Bars:
    """Return the rows that open in [start, end), and those whose time cannot be read.

    A bar that lasts beyond `now` is still forming. Without the exchange's calendar, a day lasts
    until its midnight in the zone.
    """
    wanted = [row for row in rows if row.start == UNREADABLE or start <= row.start < end]
    bars = Bars.of(source, symbol, interval, wanted)
    bars.closed[:] = closed_at(bars, now, zone)
    return bars


def closed_at(bars: Bars, now: int, zone: ZoneInfo) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return bool[n]: which bars were over at a time; one without a time is not forming."""
    clock = now
    if is_daily(bars.interval):
        local = (_EPOCH + timedelta(microseconds=now)).astimezone(zone).replace(tzinfo=UTC)
        clock = (local - _EPOCH) // _ONE
    # A month is over when the next has begun; 31 days are never too few.
    length = SECONDS.get(bars.interval, 31 * 86_400) * MICROSECONDS
    over: np.ndarray[tuple[int], np.dtype[np.bool_]] = bars.start + length <= clock
    return over
