"""Calendars on disk: the form, and the check that nothing in it is damaged or forged.

One line of JSON (format, calendar, version, asked_first, asked_last, time_zone, sessions, sha256)
and int64[5, n], little-endian: day, open, close, break start and break end as in `Sessions`.
`calendar_listing` writes it; what does not pass is not returned.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.market_data.sessions import Sessions

FORMAT = 1
MAX_FILE_BYTES = 8 * 1024 * 1024
_MAX_HEAD_BYTES = 2_000
_LATEST = 4_102_444_800_000_000
"""The year 2100."""


class CalendarDamaged(ValueError):
    """The content is not a whole calendar; the text says why, in a clause."""


@dataclass(frozen=True, slots=True)
class CalendarListing:
    """A calendar as the library told it.

    Attributes:
        asked_last: The last day asked for; the library may know less.
    """

    sessions: Sessions
    version: str
    asked_last: str


def calendar_path(directory: Path, calendar: str, version: str) -> Path:
    """Return the file of a calendar, such as ``XNYS-4.13.2.calendar``."""
    return directory / f"{calendar.replace('/', '_')}-{version}.calendar"


def read_bytes(path: Path) -> bytes | None:
    """Return a regular file's content, None if there is none. Never waits for a pipe.

    Raises:
        OSError: It cannot be read.
        CalendarDamaged: It is too large, or no regular file.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_FILE_BYTES:
        raise CalendarDamaged(f"it is no file, or larger than {MAX_FILE_BYTES} bytes")
    return path.read_bytes()


def write_bytes(path: Path, content: bytes) -> None:
    """Write the file as a whole or not at all, and remove those of other versions.

    Raises:
        OSError: It could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    temporary.write_bytes(content)
    temporary.replace(path)
    for other in path.parent.glob(f"{path.name.split('-')[0]}-*.calendar"):
        if other != path:
            other.unlink(missing_ok=True)


def parsed(content: bytes, calendar: str) -> CalendarListing:
    """Return the calendar in the content.

    Raises:
        CalendarDamaged: It is not whole, contradicts itself, or is another calendar.
    """
    head, _, payload = content.partition(b"\n")
    try:
        words = json.loads(head[:_MAX_HEAD_BYTES])
        if words["format"] != FORMAT or words["calendar"] != calendar:
            raise CalendarDamaged("it is another calendar or form")
        if words["sha256"] != hashlib.sha256(payload).hexdigest():
            raise CalendarDamaged("its checksum is wrong")
        table = np.frombuffer(payload, dtype="<i8").reshape(5, words["sessions"]).astype(np.int64)
        zone = ZoneInfo(words["time_zone"]).key
        listing = CalendarListing(
            _sessions(calendar, zone, table), str(words["version"]), str(words["asked_last"])
        )
    except CalendarDamaged:
        raise
    except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        raise CalendarDamaged(f"it cannot be read ({type(error).__name__})") from error
    return listing


def _sessions(calendar: str, zone: str, table: NDArray[np.int64]) -> Sessions:
    day, open_at, close_at, break_start, break_end = table
    has_break = break_start != 0
    is_sound = (
        table.shape[1] > 0
        and bool(((open_at > 0) | (day <= 0)).all())
        and bool((close_at < _LATEST).all())
        and bool((np.diff(day) > 0).all())
        and bool((open_at < close_at).all())
        and bool((open_at[1:] >= close_at[:-1]).all())
        and bool((has_break == (break_end != 0)).all())
        and bool((~has_break | ((open_at < break_start) & (break_start < break_end))).all())
        and bool((~has_break | (break_end < close_at)).all())
    )
    if not is_sound:
        raise CalendarDamaged("its sessions contradict each other")
    return Sessions(
        calendar=calendar,
        time_zone=zone,
        day=day,
        open_at=open_at,
        close_at=close_at,
        break_start=break_start,
        break_end=break_end,
    )
