"""The history of one supervisor: recording beside the event hub, and answering."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from trading_dashboard.config.settings import HistorySettings
from trading_dashboard.models.errors import HistoryUnavailable, InvalidPeriod
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.history import (
    MAX_DAYS,
    AvailabilityAnswer,
    EventsAnswer,
    IncidentsAnswer,
)
from trading_dashboard.orchestrator.events import EventHub, Update
from trading_dashboard.orchestrator.history.availability import AvailabilityTally
from trading_dashboard.orchestrator.history.reader import (
    EventQuery,
    HistoryReader,
    IncidentQuery,
)
from trading_dashboard.orchestrator.history.recorder import Recorder
from trading_dashboard.orchestrator.history.records import wall_clock
from trading_dashboard.orchestrator.history.store import SqliteStore

FILE = Path("data/supervisor/history.db")
"""Below the state directory."""
FLUSH_SECONDS = 1.0
CLOSE_SECONDS = 5.0

_Answer = TypeVar("_Answer")


class EventHistory:
    """Records what a hub announces, except `AGENT_CHANGED`, and answers questions about it.

    Attributes:
        recorder: The writing side, with its figures.
        path: The database.
    """

    def __init__(self, state_directory: Path, run_id: str, keep: HistorySettings) -> None:
        self.path = state_directory / FILE
        started = wall_clock()
        self.recorder = Recorder(partial(SqliteStore.open, self.path, run_id, started, keep))
        self._reader = HistoryReader(self.path, run_id)
        self._asking = ThreadPoolExecutor(1, thread_name_prefix="history reader")
        self._untap: Callable[[], None] | None = None

    def open(self, hub: EventHub) -> None:
        """Record from now on. Only the owner of the project may do this; returns at once."""
        self.recorder.start()
        self._untap = hub.tap(self._take)

    async def aclose(self) -> None:
        """Write what is left, for some seconds at most, and let go of the file."""
        if self._untap is not None:
            self._untap()
            self._untap = None
            await asyncio.to_thread(self.recorder.close, CLOSE_SECONDS)
        self._asking.shutdown(wait=False, cancel_futures=True)

    async def events(self, query: EventQuery) -> EventsAnswer:
        """Return the newest events that match, oldest first.

        Raises:
            InvalidPeriod, HistoryUnavailable.
        """
        _check_period(query.since, query.until)
        return await self._ask(lambda: self._reader.events(query))

    async def availability(
        self, first: date, last: date, agent: str | None = None
    ) -> AvailabilityAnswer:
        """Return uptime and availability per UTC day, `first` and `last` included.

        Raises:
            InvalidPeriod, HistoryUnavailable.
        """
        if not timedelta(0) <= last - first < timedelta(days=MAX_DAYS):
            raise InvalidPeriod(
                f"From {first} to {last} are not 1 to {MAX_DAYS} days.",
                subject="first",
                observed=str(first),
                next_step="Let `last` be on or after `first`, and ask for less.",
            )
        tally = AvailabilityTally(first, last)
        return await self._ask(lambda: self._reader.availability(tally, agent, wall_clock()))

    async def incidents(self, query: IncidentQuery) -> IncidentsAnswer:
        """Return the newest incidents that match, newest first.

        Raises:
            InvalidPeriod, HistoryUnavailable.
        """
        _check_period(query.since, query.until)
        return await self._ask(lambda: self._reader.incidents(query, wall_clock()))

    def size_bytes(self) -> int:
        """Return the size of the database with its write-ahead log. Reads the disk."""
        total = 0
        for suffix in ("", "-wal"):
            with suppress(OSError):
                total += self.path.with_name(self.path.name + suffix).stat().st_size
        return total

    def _take(self, update: Update) -> None:
        if update.event.kind is not EventKind.AGENT_CHANGED:
            self.recorder.record(update)

    async def _ask(self, question: Callable[[], _Answer]) -> _Answer:
        """Answer in a thread, after what has been announced until now is written."""

        def ask() -> _Answer:
            self.recorder.flush(FLUSH_SECONDS)
            trouble = self.recorder.trouble
            if isinstance(trouble, HistoryUnavailable):
                raise trouble
            return question()

        try:
            answering = asyncio.get_running_loop().run_in_executor(self._asking, ask)
        except RuntimeError as error:  # the executor was shut down
            raise HistoryUnavailable("The history is closed.") from error
        return await answering


def _check_period(since: datetime | None, until: datetime | None) -> None:
    if since is not None and until is not None and since > until:
        raise InvalidPeriod(
            f"The period ends ({until.isoformat()}) before it begins.",
            subject="since",
            observed=since.isoformat(),
            next_step="Let `until` be later than `since`.",
        )
