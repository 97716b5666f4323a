"""The calendars of one supervisor: read or computed when somebody first needs them, then shared.

Owns when a calendar is computed, tried again and renewed. The computing process is `computing`'s,
the file `calendar_files`', the arithmetic `sessions`'. Belongs to one event loop; disk and process
are waited for beside it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

from trading_dashboard.config.calendar_names import canonical_name
from trading_dashboard.orchestrator.market_time.calendar_files import (
    Rows,
    calendar_path,
    read_calendar,
    sessions_from,
    write_calendar,
)
from trading_dashboard.orchestrator.market_time.computing import (
    CalendarFailed,
    compute_in_child,
)
from trading_dashboard.orchestrator.market_time.sessions import Sessions

YEARS_BACK = 2
RENEW_DAYS = 60
"""A calendar that is known for less than this is computed again."""
RENEW_EVERY_SECONDS = 86_400.0
FIRST_RETRY_SECONDS = 5.0
MAX_RETRY_SECONDS = 600.0

_DAY = 86_400
_log = logging.getLogger("trading_dashboard.supervisor")

Compute = Callable[[str, str], Awaitable[Rows]]
"""Takes a calendar's name and the first day; raises `CalendarFailed`."""


@dataclass(frozen=True, slots=True)
class CalendarUnknown:
    """Why the sessions are not known now."""

    reason: str
    is_loading: bool
    """They are being read: `then` is called when that has ended."""


class Calendars(Protocol):
    """Where sessions come from; tests put fakes here."""

    def find(self, name: str, then: Callable[[], None]) -> Sessions | CalendarUnknown:
        """Return a calendar's sessions, all around now, or why they are not known.

        Never waits. `then` is called once if they are being read, on the event loop.
        """


@dataclass(slots=True)
class _Entry:
    name: str
    sessions: Sessions | None = None
    reason: str = ""
    failures: int = 0
    not_before: float = 0.0
    """Monotonic: when to try again, or to renew."""
    loading: asyncio.Task[None] | None = None
    waiting: list[Callable[[], None]] = field(default_factory=list)


class CalendarStore:
    """Calendars kept under one folder. `find` may be called as often as one likes."""

    def __init__(
        self,
        directory: Path,
        compute: Compute = compute_in_child,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._compute = compute
        self._clock = clock
        self._monotonic = monotonic
        self._entries: dict[str, _Entry] = {}

    def find(self, name: str, then: Callable[[], None]) -> Sessions | CalendarUnknown:
        """Return a calendar's sessions, or why they are not known now (see `Calendars`)."""
        name = canonical_name(name)
        entry = self._entries.setdefault(name, _Entry(name))
        now = self._clock()
        sessions = entry.sessions
        is_known = sessions is not None and sessions.covers(now)
        is_long = sessions is not None and now < sessions.until - RENEW_DAYS * _DAY
        if not (is_known and is_long) and entry.loading is None:
            self._load_if_due(entry)
        if sessions is not None and is_known:
            return sessions
        if entry.loading is not None:
            entry.waiting.append(then)
            return CalendarUnknown(f"calendar {name} is being read", is_loading=True)
        return CalendarUnknown(entry.reason, is_loading=False)

    async def aclose(self) -> None:
        """Stop what is under way."""
        loading = [entry.loading for entry in self._entries.values() if entry.loading]
        for task in loading:
            task.cancel()
        await asyncio.gather(*loading, return_exceptions=True)
        self._entries.clear()

    def _load_if_due(self, entry: _Entry) -> None:
        if self._monotonic() >= entry.not_before:
            entry.loading = asyncio.create_task(self._load(entry), name=f"calendar {entry.name}")

    async def _load(self, entry: _Entry) -> None:
        try:
            entry.sessions = await self._read_or_compute(entry.name)
        except Exception as error:  # noqa: BLE001 - told to whoever asks, and tried again
            self._note_failure(entry, error)
        else:
            entry.failures = 0
            entry.not_before = self._monotonic() + RENEW_EVERY_SECONDS
        finally:
            entry.loading = None
        waiting, entry.waiting = entry.waiting, []
        for then in waiting:
            then()

    def _note_failure(self, entry: _Entry, error: Exception) -> None:
        delay = min(FIRST_RETRY_SECONDS * 2.0 ** min(entry.failures, 20), MAX_RETRY_SECONDS)
        entry.failures += 1
        entry.not_before = self._monotonic() + delay
        what = (
            str(error) if isinstance(error, CalendarFailed) else f"{type(error).__name__}: {error}"
        )
        entry.reason = f"calendar {entry.name} could not be read: {what}; trying again"
        _log.warning("%s in %g s", entry.reason, delay)

    async def _read_or_compute(self, name: str) -> Sessions:
        path = calendar_path(self._directory, name, library_version())
        now = self._clock()
        sessions = await asyncio.to_thread(read_calendar, path, name)
        if sessions is not None and sessions.since <= now < sessions.until - RENEW_DAYS * _DAY:
            return sessions
        first = datetime.fromtimestamp(now, UTC) - timedelta(days=366 * YEARS_BACK)
        since = int(first.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
        rows = await self._compute(name, first.date().isoformat())
        sessions = sessions_from(name, since, rows)
        if not sessions.covers(now):
            raise CalendarFailed("it does not reach to today")
        try:
            await asyncio.to_thread(write_calendar, path, name, since, rows)
        except OSError as error:  # the sessions are known all the same
            _log.warning("calendar %s could not be kept in %s: %s", name, path, error)
        return sessions


@cache
def library_version() -> str:
    """Return the version of the calendar library, without importing it."""
    try:
        return version("exchange-calendars")
    except PackageNotFoundError:
        return "none"
