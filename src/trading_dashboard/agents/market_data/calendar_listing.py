"""Write the sessions of an exchange calendar to standard output, one process, then gone.

Arguments: the calendar's name, the first and the last day wanted. The calendar library needs
pandas, 100 MB and a second; the agent runs this in a process of its own and keeps the answer
(`calendars`, which also describes the form). Imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import signal
import sys
from datetime import date, timedelta
from typing import Any

DEADLINE_SECONDS = 120
"""Its own, should the agent be killed meanwhile."""
LATER_STARTS = ("2000-01-01", "2010-01-01", "2020-01-01")
"""For a calendar the library cannot compute from the first day on (XTAE, say)."""
RECENT_DAYS = 600
"""The least that is tried, back from the last day."""


def main(arguments: list[str]) -> int:
    """Write the calendar named by the arguments."""
    if hasattr(signal, "alarm"):
        signal.alarm(DEADLINE_SECONDS)
    sys.stdout.buffer.write(listing(*arguments))
    return 0


def listing(name: str, first: str, last: str) -> bytes:
    """Return a line of JSON that describes what follows: int64[5, n], little-endian."""
    import exchange_calendars

    calendar = _calendar(name, first, last)
    days = calendar.sessions.tz_localize(None).as_unit("s").asi8 // 86_400
    columns = (calendar.opens, calendar.closes, calendar.break_starts, calendar.break_ends)
    payload: bytes = days.astype("<i8").tobytes() + b"".join(map(_microseconds, columns))
    head = {
        "format": 1,
        "calendar": name,
        "version": exchange_calendars.__version__,
        "asked_first": first,
        "asked_last": last,
        "time_zone": str(calendar.tz),
        "sessions": len(days),
        "sha256": hashlib.sha256(payload).hexdigest(),
    }
    return json.dumps(head).encode() + b"\n" + payload


def _calendar(name: str, first: str, last: str) -> Any:
    """Return the library's calendar over the days, or over what of them it can do."""
    import exchange_calendars

    recent = str(date.fromisoformat(last) - timedelta(days=RECENT_DAYS))
    kind = type(exchange_calendars.get_calendar(name, start=recent))
    lowest, highest = kind.bound_min(), kind.bound_max()
    end = last if highest is None else min(last, str(highest.date()))
    for start in (first, *LATER_STARTS):
        begin = start if lowest is None else max(start, str(lowest.date()))
        with contextlib.suppress(ValueError):
            return exchange_calendars.get_calendar(name, start=begin, end=end)
    return exchange_calendars.get_calendar(name, start=recent, end=end)


def _microseconds(times: Any) -> bytes:
    """Return times as microseconds since 1970, 0 for a missing one."""
    numbers = times.array.as_unit("us").asi8
    return bytes((numbers * ~times.isna().to_numpy()).astype("<i8").tobytes())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
