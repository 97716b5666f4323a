"""The open DuckDB file: connections for each thread, transactions, durability, errors as ours.

Owns the file's lock and nothing of what is in it. DuckDB syncs its log before a commit returns
(seen with strace in 2.0); what it does not do is sync the folder when the log is a new file, so
that is done here. After an error that makes DuckDB give up on the file, it is opened again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb

from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.store.damage import explain, is_fatal

INTERRUPT_SECONDS = 5.0
"""How long a query that was told to end may take to."""
INTERRUPT_POLL_SECONDS = 0.002

logger = logging.getLogger(__name__)


class Database:
    """One open file. Any method may be called from any thread."""

    def __init__(self, path: Path, settings: Mapping[str, str]) -> None:
        """Open or create the file.

        Raises:
            StoreInUse: Another process has it open.
            StoreDamaged: Its content cannot be read; any other method may raise this, too.
            StoreUnusable: It cannot be opened or created.
        """
        self.path = path
        self.generation = 0
        """Counts how often the file was opened; what is known of its content may change with it."""
        self._settings = dict(settings)
        self._lock = threading.Lock()
        self._local = threading.local()
        self._cursors: weakref.WeakSet[duckdb.DuckDBPyConnection] = weakref.WeakSet()
        self._is_broken = False
        self._is_closed = False
        self._synced_log: int | None = None
        with self.explained():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._root = self._connect()
            sync_folder(path.parent)

    def close(self) -> None:
        """Write the log into the file and give it back. A second call does nothing."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            with self.explained():
                self._disconnect()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return this thread's own connection."""
        with self._lock:
            self._check_open()
            if getattr(self._local, "generation", 0) != self.generation:
                self._local.cursor = self._root.cursor()
                self._local.generation = self.generation
                self._cursors.add(self._local.cursor)
            cursor: duckdb.DuckDBPyConnection = self._local.cursor
        return cursor

    @contextlib.contextmanager
    def stream(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a connection of its own, for a result that is read piece by piece."""
        with self.explained(), self.lent() as cursor:
            yield cursor

    @contextlib.contextmanager
    def lent(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a connection of its own; errors are DuckDB's."""
        with self._lock:
            self._check_open()
            cursor = self._root.cursor()
            self._cursors.add(cursor)
        try:
            yield cursor
        finally:
            cursor.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Commit what the block does, durably, or none of it."""
        with self.explained():
            cursor = self.cursor()
            cursor.execute("BEGIN")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                # DuckDB may have ended the transaction itself; the first error is the one to tell.
                with contextlib.suppress(duckdb.Error):
                    cursor.execute("ROLLBACK")
                raise
            self._sync_new_log()

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Raise DuckDB's errors as ours."""
        try:
            yield
        except (duckdb.Error, OSError) as error:
            self._is_broken = self._is_broken or is_fatal(error)
            raise explain(self.path, error) from error

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreUnusable(
                f"The market data store {self.path} is closed.", subject=str(self.path)
            )
        if self._is_broken:
            logger.warning("Opening %s again after DuckDB gave up on it", self.path)
            with contextlib.suppress(duckdb.Error):
                self._disconnect()
            with self.explained():
                self._root = self._connect()
            self._is_broken = False

    def _connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(str(self.path), config=dict(self._settings))
        self.generation += 1
        return connection

    def _disconnect(self) -> None:
        for cursor in list(self._cursors):
            self._end(cursor)
        self._root.close()

    def _end(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Close a connection that another thread may be reading from.

        An interrupted query ends within milliseconds; until it has, DuckDB refuses to close.
        """
        deadline = time.monotonic() + INTERRUPT_SECONDS
        while True:
            try:
                cursor.interrupt()
                cursor.close()
            except duckdb.ConnectionException:
                return  # its thread has closed it meanwhile
            except duckdb.Error as error:
                if time.monotonic() > deadline:
                    logger.warning("A query on %s does not end: %s", self.path, error)
                    return
                time.sleep(INTERRUPT_POLL_SECONDS)
            else:
                return

    def _sync_new_log(self) -> None:
        """Make the log's name durable; DuckDB removes the log at each checkpoint."""
        try:
            log = self.path.with_name(self.path.name + ".wal").stat().st_ino
        except FileNotFoundError:
            return
        if log != self._synced_log:
            sync_folder(self.path.parent)
            self._synced_log = log


def sync_folder(folder: Path) -> None:
    """Make names made in a folder durable, where folders can be synced."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
