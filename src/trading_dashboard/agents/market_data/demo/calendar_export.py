"""Print the sessions of an exchange calendar as JSON, one process, then gone.

Arguments: the calendar's name, the first and the last day, such as XNYS 2000-03-01 2013-03-01. The
calendar library needs pandas, 100 MB and more than a second; the agent asks it once, in a
process of its own, and keeps the answer in its store under the library's version.
"""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta

_MARGIN_DAYS = 14


def main(arguments: list[str]) -> int:
    """Print `sessions_of` the arguments as JSON."""
    name, first, last = arguments
    json.dump(sessions_of(name, first, last), sys.stdout)
    return 0


def sessions_of(name: str, first: str, last: str) -> list[tuple[str, int, int]]:
    """Return (day, open, close) from the first day to the session after the last day."""
    import exchange_calendars

    end = date.fromisoformat(last) + timedelta(days=_MARGIN_DAYS)
    calendar = exchange_calendars.get_calendar(name, start=first, end=end.isoformat())
    rows = [
        (day.date().isoformat(), int(open_.timestamp()), int(close.timestamp()))
        for day, open_, close in zip(
            calendar.sessions, calendar.opens, calendar.closes, strict=True
        )
    ]
    within = sum(1 for row in rows if row[0] <= last)
    return rows[: within + 1]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
