"""The history's file: SQLite, opened with care, written by one thread, kept within bounds.

Owns the schema and what becomes of a damaged or foreign file. Commits survive the death of the
process; a loss of power may cost the last ones, never the file.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, Self

from trading_dashboard.config.settings import HistorySettings
from trading_dashboard.models.errors import HistoryUnavailable
from trading_dashboard.orchestrator.history.records import SECOND, Record

SCHEMA_VERSION = 1
APPLICATION_ID = 0x54444869
BUSY_SECONDS = 2.0
CHUNK = 5_000
DAY = 86_400 * SECOND
_COMPANIONS = ("", "-wal", "-shm")
_SCHEMA = f"""
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
BEGIN;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    started INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    ended INTEGER
) STRICT;
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL REFERENCES runs (id),
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    agent TEXT,
    status TEXT,
    health TEXT,
    data_state TEXT
) STRICT;
CREATE INDEX events_by_time ON events (time);
CREATE INDEX events_by_agent ON events (run, agent, id);
CREATE INDEX events_by_kind ON events (kind, id);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""
_INSERT = """
INSERT INTO events (run, seq, time, kind, data, agent, status, health, data_state)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
# The last state of each agent before the cutoff, in a run that went on after it: without these
# nobody would know later what the agents were at the cutoff.
_LAST_STATES = """
SELECT json_group_array(id) FROM (
    SELECT max(events.id) AS id FROM events JOIN runs ON runs.id = events.run
    WHERE time < :cutoff AND status IS NOT NULL AND runs.seen >= :cutoff
    GROUP BY run, agent
)
"""
_FORGET = """
DELETE FROM events WHERE id IN (
    SELECT id FROM events
    WHERE time < :cutoff AND id NOT IN (SELECT value FROM json_each(:kept)) LIMIT :chunk
)
"""

_log = logging.getLogger("trading_dashboard.supervisor")


class Store(Protocol):
    """What the recorder writes to. Each call is one transaction."""

    def write(self, records: Sequence[Record], now: int) -> None:
        """Keep records; the run was seen `now`."""

    def tidy(self, now: int) -> None:
        """Forget what is too old."""

    def end(self, now: int) -> None:
        """Note that the run ended in order."""

    def is_in_place(self) -> bool:
        """Return whether what is written can be found by others."""

    def close(self) -> None:
        """Let go of the file."""


class SqliteStore:
    """One run's hold on the file. Used from one thread."""

    def __init__(self, path: Path, connection: sqlite3.Connection, run: int) -> None:
        self._path = path
        self._connection = connection
        self._run = run
        self._keep = HistorySettings()
        self._inode = path.stat().st_ino

    @classmethod
    def open(cls, path: Path, run_id: str, started: int, keep: HistorySettings) -> Self:
        """Open or make the file and enter the run into it. A damaged file is moved aside.

        Raises:
            HistoryUnavailable: A newer version wrote the file.
            sqlite3.Error, OSError: The file cannot be used now.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        connection = _open_sound(path)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            with connection:
                connection.execute(
                    "INSERT INTO runs (run_id, started, seen) VALUES (?, ?, ?) "
                    "ON CONFLICT (run_id) DO UPDATE SET ended = NULL",
                    (run_id, started, started),
                )
            found = connection.execute("SELECT id FROM runs WHERE run_id = ?", (run_id,))
            store = cls(path, connection, int(found.fetchone()[0]))
        except BaseException:
            connection.close()
            raise
        store._keep = keep
        return store

    def write(self, records: Sequence[Record], now: int) -> None:
        """Keep records; the run was seen `now`."""
        with self._connection as connection:
            connection.executemany(_INSERT, [(self._run, *_row(record)) for record in records])
            connection.execute("UPDATE runs SET seen = max(seen, ?) WHERE id = ?", (now, self._run))

    def tidy(self, now: int) -> None:
        """Forget what is too old or too much, in small transactions."""
        cutoff = max(now - self._keep.retention_days * DAY, self._time_of_oldest_allowed())
        kept = self._connection.execute(_LAST_STATES, {"cutoff": cutoff}).fetchone()[0]
        about = {"cutoff": cutoff, "chunk": CHUNK, "kept": kept}
        forgotten = CHUNK
        while forgotten == CHUNK:
            with self._connection as connection:
                forgotten = connection.execute(_FORGET, about).rowcount
        with self._connection as connection:
            connection.execute(
                "DELETE FROM runs WHERE seen < ? AND id <> ? "
                "AND NOT EXISTS (SELECT 1 FROM events WHERE run = runs.id)",
                (cutoff, self._run),
            )
        self._connection.execute("PRAGMA incremental_vacuum").fetchall()

    def end(self, now: int) -> None:
        """Note that the run ended in order."""
        with self._connection as connection:
            connection.execute(
                "UPDATE runs SET seen = max(seen, ?1), ended = max(seen, ?1) WHERE id = ?2",
                (now, self._run),
            )

    def is_in_place(self) -> bool:
        """Return whether the file still has its name."""
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _time_of_oldest_allowed(self) -> int:
        """Return the time before which there are more events than may be kept."""
        found = self._connection.execute(
            "SELECT time FROM events ORDER BY id DESC LIMIT 1 OFFSET ?", (self._keep.max_events,)
        ).fetchone()
        return int(found[0]) + 1 if found else 0


def _row(record: Record) -> tuple[object, ...]:
    return (
        record.seq, record.time, record.kind, record.data,
        record.agent, record.status, record.health, record.data_state,
    )  # fmt: skip


def _open_sound(path: Path) -> sqlite3.Connection:
    """Return a connection to a file that is ours and whole, if need be to a new one."""
    _make_private_file(path)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        _check(connection, path)
    except sqlite3.OperationalError:  # busy, full, not readable: not the file's fault
        connection.close()
        raise
    except sqlite3.DatabaseError as error:
        connection.close()
        aside = _move_aside(path)
        _log.warning(
            "the history %s is damaged (%s); it was moved to %s and begins anew",
            path, error, aside.name,
        )  # fmt: skip
        _make_private_file(path)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
        _check(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Make the schema in an empty file.

    Raises:
        HistoryUnavailable: The schema is newer than we are.
        sqlite3.DatabaseError: The file is damaged, or not a history.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if version == owner == tables == 0:
        connection.executescript(_SCHEMA)
        return
    if owner != APPLICATION_ID or version < 1:
        raise sqlite3.DatabaseError("it is no history of this program")
    if version > SCHEMA_VERSION:
        raise HistoryUnavailable(
            f"The history {path} was written by a newer version (schema {version}).",
            subject=str(path),
            observed=version,
            next_step="Use that version, or move the file away to begin a new history.",
        )
    problems = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
    if problems != ["ok"]:
        raise sqlite3.DatabaseError(str(problems[0]))


def _make_private_file(path: Path) -> None:
    """Make the file that only its owner can read, or make one that is there so."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        if sys.platform != "win32":  # there, the folder says who may read it
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _move_aside(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    for companion in _COMPANIONS:
        with suppress(FileNotFoundError):
            path.with_name(path.name + companion).replace(f"{aside}{companion}")
    return aside
