"""The calendars of the market data agent: made, read or computed when somebody first needs them.

Owns when a calendar is computed and renewed, and the process that computes it. The form and its
check are `calendar_files`', the library is asked by `calendar_listing` in a process of its own, so
that pandas never enters the agent. Blocks; may be called from any thread.
"""

from __future__ import annotations

import difflib
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from trading_dashboard.agents.market_data.calendar_files import (
    CalendarDamaged,
    CalendarListing,
    calendar_path,
    parsed,
    read_bytes,
    write_bytes,
)
from trading_dashboard.agents.market_data.errors import CalendarUnavailable, UnknownCalendar
from trading_dashboard.agents.market_data.records import MICROSECONDS
from trading_dashboard.agents.market_data.sessions import ALWAYS_OPEN, Sessions
from trading_dashboard.config.calendar_names import ALIASES, CALENDARS, canonical_name

FIRST_DAY = date(1990, 1, 1)
DAYS_AHEAD = 365
RENEW_AFTER_DAYS = 60
"""A calendar computed longer ago than this is computed again: holidays are announced."""
RETRY_SECONDS = 600.0
"""After a failed renewal, while the old sessions still serve."""
DEADLINE_SECONDS = 60.0

_DAY_US = 86_400 * MICROSECONDS
_EPOCH = date(1970, 1, 1)
_SCRIPT = Path(__file__).with_name("calendar_listing.py")
_log = logging.getLogger(__name__)

Compute = Callable[[str, str, str], bytes]
"""Takes a name, the first and the last day; returns what `calendar_files` reads.

Raises `CalendarUnavailable`.
"""


@dataclass(slots=True)
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    sessions: Sessions | None = None
    renew_at: float = 0.0
    """By the wall clock."""


class ExchangeCalendars:
    """Sessions from 1990, or as far as the library goes, to a year from today."""

    def __init__(
        self,
        directory: Path,
        *,
        compute: Compute | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep calendars on disk.

        Args:
            directory: Made when the first calendar is kept.
            compute: Asks the library; by default in a process of its own.
            clock: Seconds since 1970.
        """
        self._directory = directory
        self._compute = compute or compute_in_child
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def sessions(self, calendar: str) -> Sessions:
        """Return a calendar's sessions; the same object until they are renewed.

        Raises:
            UnknownCalendar: Nobody has such a calendar; names what is near.
            CalendarUnavailable: The library could not tell.
        """
        name = canonical_name(calendar)
        if name not in CALENDARS:
            raise _unknown(calendar)
        with self._lock:
            entry = self._entries.setdefault(name, _Entry())
        with entry.lock:
            if entry.sessions is None or self._clock() >= entry.renew_at:
                self._renew(name, entry)
            if entry.sessions is None:
                raise CalendarUnavailable(f"Calendar {name} is not known.", subject=name)
            return entry.sessions

    def _renew(self, name: str, entry: _Entry) -> None:
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        last = today + timedelta(days=DAYS_AHEAD)
        if name == ALWAYS_OPEN:
            entry.sessions, until = always_open(FIRST_DAY, last), last
        else:
            try:
                listing = self._read_or_compute(name, today, last)
            except CalendarUnavailable as error:
                if entry.sessions is None:
                    raise
                _log.warning("%s The sessions known so far go on serving.", error.message)
                entry.renew_at = self._clock() + RETRY_SECONDS
                return
            entry.sessions, until = listing.sessions, date.fromisoformat(listing.asked_last)
        left = (until - today).days - (DAYS_AHEAD - RENEW_AFTER_DAYS)
        entry.renew_at = self._clock() + max(left * 86_400.0, RETRY_SECONDS)

    def _read_or_compute(self, name: str, today: date, last: date) -> CalendarListing:
        path = calendar_path(self._directory, name, library_version())
        kept = _kept(path, name)
        if kept is not None and _serves(kept, today):
            return kept
        content = self._compute(name, FIRST_DAY.isoformat(), last.isoformat())
        try:
            listing = parsed(content, name)
        except CalendarDamaged as error:
            raise _failed(name, f"the answer is damaged: {error}") from error
        try:
            write_bytes(path, content)
        except OSError as error:  # the sessions are known all the same
            _log.warning("Calendar %s could not be kept in %s: %s", name, path, error)
        return listing


def always_open(first: date, last: date) -> Sessions:
    """Return one session a day, from midnight to midnight UTC."""
    day = np.arange((first - _EPOCH).days, (last - _EPOCH).days + 1, dtype=np.int64)
    none = np.zeros(len(day), dtype=np.int64)
    return Sessions(
        calendar=ALWAYS_OPEN,
        time_zone="UTC",
        day=day,
        open_at=day * _DAY_US,
        close_at=(day + 1) * _DAY_US,
        break_start=none,
        break_end=none,
    )


def compute_in_child(
    name: str,
    first: str,
    last: str,
    script: Path = _SCRIPT,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> bytes:
    """Return a calendar as `calendar_files` reads it, computed in a process of its own.

    Raises:
        CalendarUnavailable: The process failed or hung.
    """
    # By its path and without its folder on the module path: it needs nothing of ours.
    command = [sys.executable, "-P", str(script), name, first, last]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=deadline_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(name, f"no answer within {deadline_seconds:g} s") from error
    except OSError as error:
        raise _failed(name, f"its process could not be started: {error}") from error
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise _failed(name, words.splitlines()[-1][:200])
    return done.stdout


def library_version() -> str:
    """Return the version of the calendar library, without importing it."""
    try:
        return version("exchange-calendars")
    except PackageNotFoundError:
        return "none"


def _kept(path: Path, name: str) -> CalendarListing | None:
    """Return what is on disk, None if it is not there or not whole."""
    try:
        content = read_bytes(path)
        return None if content is None else parsed(content, name)
    except (OSError, CalendarDamaged) as error:
        _log.warning("Calendar file %s is computed anew: %s", path, error)
        return None


def _serves(listing: CalendarListing, today: date) -> bool:
    try:
        ahead = (date.fromisoformat(listing.asked_last) - today).days
    except ValueError:
        return False
    # A clock that was wrong when it was computed may have asked for too much, too.
    fresh = DAYS_AHEAD - RENEW_AFTER_DAYS < ahead <= DAYS_AHEAD + RENEW_AFTER_DAYS
    return fresh and listing.version == library_version()


def _failed(name: str, why: str) -> CalendarUnavailable:
    return CalendarUnavailable(
        f"The sessions of calendar {name} could not be computed: {why}.",
        subject=name,
        next_step="Check that exchange-calendars is installed: run run_dashboard.py again.",
    )


def _unknown(calendar: str) -> UnknownCalendar:
    known = {name.upper(): name for name in (*CALENDARS, *ALIASES)}
    near = [known[name] for name in difflib.get_close_matches(calendar.upper(), known, 3, 0.5)]
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    return UnknownCalendar(
        f"There is no exchange calendar {calendar[:40]!r}.",
        subject=calendar[:40],
        next_step=f"{hint}Calendars have names such as XNYS, XLON or 24/7.",
        details=[{"calendar": name} for name in near],
    )
