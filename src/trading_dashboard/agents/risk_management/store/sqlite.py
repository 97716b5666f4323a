"""SQLite as the account's database: its pragmas, its lock, its check, its copies.

Owns everything that is SQLite's alone. One connection writes, others of this process read beside
it. At its start the one that writes takes the file for itself for a moment, which it gets only
where nobody has it open; then it shares it, and whoever comes later cannot get that moment: a
second process is refused before it sees anything, until this one ends, however it does. In this
process the file is opened by SQLite alone: closing it otherwise would give the system's lock away.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from trading_dashboard.agents.risk_management.store.failures import damaged
from trading_dashboard.models.risk.errors import AccountStoreError

FILE = "account.db"
APPLICATION_ID = 0x5444414B
LOCK_SECONDS = 1.0
"""A predecessor that is just ending may hold the file for so long."""
_PRAGMAS = (
    # In normal locking, so that it can be shared after it was had alone.
    "PRAGMA journal_mode = WAL",
    # A commit has reached the disk, not only the system, when it returns.
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
)
_READING = (
    "PRAGMA query_only = ON",
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
)
_ALONE_FOR_A_MOMENT = (
    # Opens the log with its shared memory; one opened in exclusive mode can never be shared.
    "SELECT count(*) FROM sqlite_schema",
    "PRAGMA locking_mode = EXCLUSIVE",
    "BEGIN EXCLUSIVE",
    "COMMIT",
    "PRAGMA locking_mode = NORMAL",
    "BEGIN EXCLUSIVE",
    "COMMIT",
)
"""SQLite takes the lock with the first change in exclusive mode, gives it back with the next."""


class SqliteBackend:
    """One file."""

    def __init__(self, url: URL) -> None:
        self._path = Path(url.database or FILE)
        self.path: Path | None = self._path
        self.name = str(self._path)
        self._url = url
        self._inode: int | None = None
        self._data_version: int | None = None

    @classmethod
    def in_folder(cls, folder: Path) -> SqliteBackend:
        """Return that of the account in a data directory."""
        return cls(make_url("sqlite://").set(database=str(folder / FILE)))

    def connect(self) -> tuple[Engine, Connection]:
        """Open or make the file and lock it.

        Raises:
            sqlalchemy.exc.DBAPIError, OSError: It cannot be opened, or another process has it.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = _make_private_file(self._path)
        engine = create_engine(
            self._url,
            poolclass=NullPool,
            connect_args={"timeout": LOCK_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        connection = engine.connect()
        if is_new:
            sync_folder(self._path.parent)
        self._inode = self._path.stat().st_ino
        self._data_version = _data_version(connection)
        return engine, connection

    def connect_reader(self) -> tuple[Engine, Connection]:
        """Open the file once more, to read.

        Raises:
            sqlalchemy.exc.DBAPIError: It is not there.
        """
        uri = f"{self._path.resolve().as_uri()}?mode=rw"  # shares the log; never made anew

        def open_it() -> sqlite3.Connection:
            return sqlite3.connect(uri, uri=True, timeout=LOCK_SECONDS, check_same_thread=False)

        engine = create_engine("sqlite://", creator=open_it, poolclass=NullPool)
        event.listen(engine, "connect", _prepare_reader)
        event.listen(engine, "begin", _begin)
        return engine, engine.connect()

    def was_written_by_others(self, connection: Connection) -> bool:
        """Return whether another connection has committed anything; readers of ours cannot."""
        return _data_version(connection) != self._data_version

    def is_in_place(self) -> bool:
        """Return whether what is written can be found by the next start."""
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def check(self, connection: Connection, *, is_quick: bool) -> list[str]:
        """Return what SQLite finds wrong with the file."""
        pragma = "quick_check" if is_quick else "integrity_check"
        rows = connection.exec_driver_sql(f"PRAGMA {pragma}(10)").scalars().all()
        return [str(row) for row in rows if row != "ok"]

    def backup(self, connection: Connection, path: Path) -> None:
        """Write a whole copy as of the newest commit; an older one stays until it is whole."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.partial")
        partial.unlink(missing_ok=True)
        _make_private_file(partial)
        try:
            with contextlib.closing(sqlite3.connect(partial)) as copy:
                _raw(connection).backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                said = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
            if said != "ok":
                raise damaged(str(partial), str(said))
            _sync_file(partial)
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)

    def forget(self, connection: Connection) -> None:
        """Move what is in the log into the file, before it is closed."""
        with contextlib.suppress(sqlite3.Error):
            _raw(connection).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def sync_folder(folder: Path) -> None:
    """Make names made in a folder durable, where folders can be synced."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prepare(raw: Any, _: Any) -> None:
    """Set a new connection up and take the file's lock."""
    # The driver begins no transactions of its own: `_begin` does.
    raw.isolation_level = None
    try:
        for pragma in _PRAGMAS:
            raw.execute(pragma)
        for statement in _ALONE_FOR_A_MOMENT:
            raw.execute(statement).fetchall()
        _check_owner(raw)
    except BaseException:
        raw.close()
        raise


def _prepare_reader(raw: Any, _: Any) -> None:
    raw.isolation_level = None
    for pragma in _READING:
        raw.execute(pragma)


def _data_version(connection: Connection) -> int:
    return int(_raw(connection).execute("PRAGMA data_version").fetchone()[0])


def _check_owner(raw: Any) -> None:
    owner = raw.execute("PRAGMA application_id").fetchone()[0]
    is_empty = raw.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if owner == 0 and is_empty:
        raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    elif owner != APPLICATION_ID:
        path = raw.execute("PRAGMA database_list").fetchone()[2]
        raise AccountStoreError(
            f"{path} is a database of another program.",
            subject=path,
            observed=f"application id {owner}",
            next_step="Give the account another --data-directory.",
        )


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _raw(connection: Connection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def _make_private_file(path: Path) -> bool:
    """Make a file that only its owner can read; return False for one that is there."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    return True


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
