"""Hours such as ``close-5m/close+1m`` or ``21:55/22:01``: how they are written and read.

When they are on a given day is `orchestrator.protected_hours`'.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time

from trading_dashboard.models.market_offsets import Offset, looks_like_offset, parse_offset

EXAMPLE = "close-5m/close+1m or 21:55/22:01"

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class SessionHours:
    """From one moment of a session to a later one."""

    start: Offset
    end: Offset


@dataclass(frozen=True, slots=True)
class ClockHours:
    """From one time of day to another, over midnight if that is earlier."""

    start: time
    end: time


def parse_hours(text: str) -> SessionHours | ClockHours:
    """Return what a text such as ``close-5m/close+1m`` means.

    Raises:
        ValueError: It means nothing, or nothing lies between its ends; says what to write.
    """
    start, slash, end = text.partition("/")
    if not slash:
        raise ValueError(f"Write a start and an end, such as {EXAMPLE}.")
    if looks_like_offset(start) and looks_like_offset(end):
        hours = SessionHours(parse_offset(start), parse_offset(end))
        is_overnight = (hours.start.anchor, hours.end.anchor) == ("close", "open")
        is_same = hours.start.anchor == hours.end.anchor
        if is_overnight or (is_same and hours.start.seconds >= hours.end.seconds):
            raise ValueError("Let it end later than it starts, within one session.")
        return hours
    clock = ClockHours(_clock(start), _clock(end))
    if clock.start == clock.end:
        raise ValueError("Let it end at another time than it starts.")
    return clock


def _clock(text: str) -> time:
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(f"Write {EXAMPLE}.")
    return time(int(match[1]), int(match[2]))
