"""Print the sessions of an exchange calendar as JSON, one process, then gone.

Arguments: the calendar's name and the first day, such as XNYS 2024-11-01. The calendar library
needs pandas, 100 MB and a second; the supervisor runs this in a process of its own and keeps the
answer (`calendars`). Imports nothing of ours.
"""

from __future__ import annotations

import json
import signal
import sys

DEADLINE_SECONDS = 120
"""Its own, should the supervisor be killed meanwhile."""


def main(arguments: list[str]) -> int:
    """Print `sessions_of` the arguments as JSON."""
    if hasattr(signal, "alarm"):
        signal.alarm(DEADLINE_SECONDS)
    name, first = arguments
    json.dump(sessions_of(name, first), sys.stdout)
    return 0


def sessions_of(name: str, first: str) -> list[list[int | None]]:
    """Return [open, close, break start, break end] from the first day as far as is known."""
    import exchange_calendars

    calendar = exchange_calendars.get_calendar(name, start=first)
    columns = (calendar.opens, calendar.closes, calendar.break_starts, calendar.break_ends)
    # A missing time (NaT) is the one that differs from itself.
    return [
        [int(time.timestamp()) if time == time else None for time in row]  # noqa: PLR0124
        for row in zip(*columns, strict=True)
    ]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
