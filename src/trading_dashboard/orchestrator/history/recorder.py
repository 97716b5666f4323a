"""The one thread that writes the history.

Owns the bounded backlog between event loop and disk. Whatever the disk does, `record` returns at
once: what cannot be written waits, what does not fit is counted, and a record in the history says
how much is missing and since when.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import islice

from trading_dashboard.models.errors import HistoryUnavailable, TradingDashboardError
from trading_dashboard.orchestrator.events import Update
from trading_dashboard.orchestrator.history.records import (
    Record,
    lost_record,
    microseconds,
    record_of,
    wall_clock,
)
from trading_dashboard.orchestrator.history.store import Store

CAPACITY = 10_000
BATCH = 500
GATHER_SECONDS = 0.1
"""How long an event waits for others before they are written together."""
HEARTBEAT_SECONDS = 10.0
RETRY_SECONDS = 1.0
TIDY_SECONDS = 3600.0

_log = logging.getLogger("trading_dashboard.supervisor")


class Recorder:
    """Takes updates from the event loop and writes them from its thread.

    Attributes:
        written: Events kept so far.
        lost: Events that will never be.
        trouble: Why nothing can be written now, or None.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        *,
        capacity: int = CAPACITY,
        gather_seconds: float = GATHER_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
        now: Callable[[], int] = wall_clock,
    ) -> None:
        self._open_store = open_store
        self._capacity = capacity
        self._gather_seconds = gather_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._retry_seconds = retry_seconds
        self._now = now
        self._store: Store | None = None
        self._backlog: deque[Update] = deque()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._live, name="history", daemon=True)
        self._is_closing = self._is_hurried = False
        self._missing: tuple[Update, int] | None = None
        """The first that did not fit, and how many, until the history says so."""
        self._taken = self._settled = 0
        self._next_tidy = 0.0
        self.written = 0
        self.lost = 0
        self.trouble: TradingDashboardError | OSError | sqlite3.Error | None = None

    @property
    def waiting(self) -> int:
        """Return how many events are not written yet."""
        return len(self._backlog)

    def start(self) -> None:
        """Begin; the file is opened by the thread, so this returns at once."""
        self._thread.start()

    def record(self, update: Update) -> None:
        """Take an update to be written. Never blocks, never raises."""
        with self._changed:
            if len(self._backlog) >= self._capacity or isinstance(self.trouble, HistoryUnavailable):
                self._lose(update)
                return
            self._backlog.append(update)
            self._taken += 1
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until what was taken before this is written; False if it is not."""
        with self._changed:
            wanted = self._taken
            self._is_hurried = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._settled >= wanted or self.trouble, seconds)
            return self._settled >= wanted

    def close(self, seconds: float) -> bool:
        """Write what is left and end; False if the disk did not let it in time."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        if self._thread.is_alive() or self._backlog:
            _log.error("the history ends with %d events unwritten", len(self._backlog))
            return False
        return True

    def _lose(self, update: Update) -> None:
        self.lost += 1
        first, count = self._missing or (update, 0)
        self._missing = (first, count + 1)

    # The thread.

    def _live(self) -> None:
        try:
            is_good = True
            while not self._is_closing or (is_good and (self._backlog or self._missing)):
                is_good = self._step()
                self._rest(is_good)
            if is_good and self._store is not None:
                self._store.end(self._now())
        except (sqlite3.Error, OSError) as error:
            _log.warning("the history's end cannot be written: %s", error)
        except Exception:  # noqa: BLE001 - a fault of ours must not go unheard in a thread
            _log.exception("the history failed")
            self.trouble = HistoryUnavailable("The history failed; see var/log/supervisor.log.")
        finally:
            self._let_go()

    def _rest(self, is_good: bool) -> None:
        """Wait until there is something to do."""
        with self._changed:
            if not is_good:
                self._changed.wait_for(lambda: self._is_closing, self._retry_seconds)
                return
            self._changed.wait_for(
                lambda: self._backlog or self._is_closing or self._is_hurried,
                self._heartbeat_seconds,
            )
            self._changed.wait_for(
                lambda: (
                    self._is_closing
                    or self._is_hurried
                    or len(self._backlog) >= BATCH
                    or not self._backlog
                ),
                self._gather_seconds,
            )
            self._is_hurried = False

    def _step(self) -> bool:
        """Write a batch; return whether that went well."""
        with self._changed:
            batch = list(islice(self._backlog, BATCH))
            missing = self._missing
        try:
            self._write(batch, missing)
        except (sqlite3.Error, OSError, HistoryUnavailable) as error:
            self._suffer(error)
            return False
        self._settle(len(batch), missing)
        return True

    def _write(self, batch: list[Update], missing: tuple[Update, int] | None) -> None:
        now = self._now()
        if self._store is not None and not self._store.is_in_place():
            _log.warning("the history's file was moved or deleted; it begins anew")
            self._let_go()
        if self._store is None:
            self._store = self._open_store()
        records = [record_of(update) for update in batch]
        self._store.write([*records, *_told(missing, now)], now)
        if time.monotonic() >= self._next_tidy:
            self._next_tidy = time.monotonic() + TIDY_SECONDS
            self._store.tidy(now)

    def _settle(self, count: int, missing: tuple[Update, int] | None) -> None:
        with self._changed:
            for _ in range(count):
                self._backlog.popleft()
            self.written += count
            self._settled += count
            if missing is not None and self._missing is not None:
                more = self._missing[1] - missing[1]
                self._missing = (self._missing[0], more) if more else None
            was_troubled, self.trouble = self.trouble is not None, None
            self._changed.notify_all()
        if was_troubled:
            lost = missing[1] if missing else 0
            _log.warning("the history is written again; %d events were lost", lost)

    def _suffer(self, error: sqlite3.Error | OSError | HistoryUnavailable) -> None:
        """Say why nothing can be written, once; give up a file that turned out damaged."""
        if self.trouble is None:
            _log.error(
                "the history cannot be written: %s; up to %d events wait, more are dropped",
                error,
                self._capacity,
            )
        with self._changed:
            self.trouble = error
            if isinstance(error, HistoryUnavailable):
                while self._backlog:
                    self._lose(self._backlog.popleft())
            self._changed.notify_all()
        is_damage = isinstance(error, sqlite3.DatabaseError)
        if is_damage and not isinstance(error, sqlite3.OperationalError):
            self._let_go()

    def _let_go(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            with suppress(sqlite3.Error):
                store.close()


def _told(missing: tuple[Update, int] | None, now: int) -> list[Record]:
    if missing is None:
        return []
    first, count = missing
    until = max(now, microseconds(first.event.time))
    return [lost_record(record_of(first), count, until)]
