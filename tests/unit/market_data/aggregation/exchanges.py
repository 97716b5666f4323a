"""Sessions of made-up exchanges with real time zones, and ticks for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from trading_dashboard.agents.market_data.records import MICROSECONDS, Ticks
from trading_dashboard.agents.market_data.sessions import ALWAYS_OPEN, Sessions

EPOCH = date(1970, 1, 1)


def exchange(
    zone: str,
    first: date,
    days: int,
    hours: tuple[str, str],
    pause: tuple[str, str] | None = None,
    holidays: Sequence[date] = (),
) -> Sessions:
    """Return sessions on the weekdays of so many days."""
    trading = [
        day
        for day in (first + timedelta(days=i) for i in range(days))
        if day.weekday() < 5 and day not in holidays
    ]
    columns = [[at(f"{day} {text}", zone) for day in trading] for text in (*hours, *(pause or ()))]
    columns += [[0] * len(trading)] * (4 - len(columns))
    return _sessions(zone, [(day - EPOCH).days for day in trading], columns, zone)


def always_open(first: date, days: int) -> Sessions:
    """Return sessions from midnight to midnight UTC."""
    numbers = [(first - EPOCH).days + i for i in range(days)]
    day = 86_400 * MICROSECONDS
    columns = [[n * day for n in numbers], [(n + 1) * day for n in numbers], [0] * days, [0] * days]
    return _sessions(ALWAYS_OPEN, numbers, columns, "UTC")


def _sessions(name: str, days: list[int], columns: list[list[int]], zone: str) -> Sessions:
    open_at, close_at, break_start, break_end = (np.array(c, dtype=np.int64) for c in columns)
    return Sessions(
        calendar=name,
        time_zone=zone,
        day=np.array(days, dtype=np.int64),
        open_at=open_at,
        close_at=close_at,
        break_start=break_start,
        break_end=break_end,
    )


def at(text: str, zone: str = "UTC") -> int:
    """Return microseconds of a local time such as ``2024-03-08 09:30`` (seconds optional)."""
    moment = datetime.combine(
        date.fromisoformat(text[:10]), time.fromisoformat(text[11:]), ZoneInfo(zone)
    )
    return round(moment.timestamp() * 1000) * 1000


def ticks_of(
    rows: Sequence[tuple[str, int, float, float]], source: str = "fake", delay: int = 0
) -> Ticks:
    """Return ticks of rows (symbol, at, price, size)."""
    symbols = tuple(sorted({row[0] for row in rows}))
    times = np.array([row[1] for row in rows], dtype=np.int64)
    return Ticks(
        source=source,
        symbols=symbols,
        symbol=np.array([symbols.index(row[0]) for row in rows], dtype=np.int32),
        at=times,
        price=np.array([row[2] for row in rows], dtype=np.float64),
        size=np.array([row[3] for row in rows], dtype=np.float64),
        received=times + delay,
    )
