"""Calendars on disk: one file per calendar and version of the library that computed it.

Owns the format and its check: what is damaged, of another version or about to end is not returned,
and the caller computes it again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from trading_dashboard.orchestrator.market_time.sessions import Session, Sessions

FORMAT = 1
MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_SESSIONS = 5_000

Rows = Sequence[Sequence[int | None]]


def calendar_path(directory: Path, calendar: str, version: str) -> Path:
    """Return the file of a calendar, such as ``XNYS-4.13.2.json``."""
    return directory / f"{calendar.replace('/', '_')}-{version}.json"


def read_calendar(path: Path, calendar: str) -> Sessions | None:
    """Return what the file holds; None if it is not there or not whole."""
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(MAX_FILE_BYTES))
        if content["format"] != FORMAT or content["calendar"] != calendar:
            return None
        if content["checksum"] != _checksum(content["sessions"]):
            return None
        return sessions_from(calendar, content["since"], content["sessions"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def write_calendar(path: Path, calendar: str, since: int, rows: Rows) -> None:
    """Write the file as a whole or not at all, and remove those of other versions.

    Raises:
        OSError: It could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.chmod(0o700)
    content = {
        "format": FORMAT,
        "calendar": calendar,
        "since": since,
        "sessions": rows,
        "checksum": _checksum(rows),
    }
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
    temporary.replace(path)
    prefix = calendar_path(path.parent, calendar, "").name.removesuffix(".json")
    for other in path.parent.glob(f"{prefix}*.json"):
        if other != path:
            other.unlink(missing_ok=True)


def sessions_from(calendar: str, since: int, rows: Rows) -> Sessions:
    """Return rows of [open, close, break start, break end] as sessions.

    Raises:
        ValueError: They are not what they should be.
    """
    if not 0 < len(rows) <= MAX_SESSIONS:
        raise ValueError(f"{len(rows)} sessions")
    sessions = [_session(row) for row in rows]
    return Sessions(calendar, min(since, sessions[0].open), sessions[-1].close, sessions)


def _session(row: Sequence[int | None]) -> Session:
    open_, close, break_start, break_end = row
    if not isinstance(open_, int) or not isinstance(close, int):
        raise ValueError(f"no session: {row!r}")
    if {type(break_start), type(break_end)} not in ({int}, {type(None)}):
        raise ValueError(f"no break: {row!r}")
    return Session(open_, close, break_start, break_end)


def _checksum(rows: Rows) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
