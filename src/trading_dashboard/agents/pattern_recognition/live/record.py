"""What was found, on disk: detections, how far each series was looked at, and the events' number.

Owns one SQLite file. What is in it is a function of the bars and can be found anew, except how
events were numbered: so a damaged file is set aside and begun anew, and that is said. A commit
survives the death of the process. One thread uses it.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from trading_dashboard.agents.pattern_recognition.errors import RecordInUse, RecordUnusable

FILE = "patterns.db"
FORMAT = 1
LOCK_SECONDS = 1.0
"""A predecessor that is just ending may hold the file for so long."""
_APPLICATION_ID = 0x54445052
_SCHEMA = f"""
BEGIN;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE series (
    symbol TEXT NOT NULL,
    timeframe TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    basis TEXT NOT NULL,
    checkpoint BLOB,
    PRIMARY KEY (symbol, timeframe)
) STRICT, WITHOUT ROWID;
CREATE TABLE detections (
    symbol TEXT NOT NULL,
    timeframe TEXT NOT NULL,
    id TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (symbol, timeframe, id)
) STRICT, WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {FORMAT};
COMMIT;
"""

logger = logging.getLogger(__name__)

Key = tuple[str, str]
"""Symbol and timeframe."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How far one series was looked at.

    Attributes:
        first: Opening time of the first bar that counts, microseconds.
        last: Of the newest one looked at.
        basis: What its prices rest on, as text.
        checkpoint: What detectors remembered of bars before `first`, JSON; None from the beginning.
    """

    first: int
    last: int
    basis: str
    checkpoint: bytes | None = None


class Record:
    """The open file."""

    def __init__(self, folder: Path) -> None:
        """Open or make it.

        Raises:
            RecordInUse: Another process has it.
            RecordUnusable: It cannot be opened or made.
        """
        self.path = folder / FILE
        self.set_aside: Path | None = None
        """Where a damaged file was put at this start."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = self._open()
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        """Close it; let another process have it."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Reading

    def fact(self, name: str) -> str | None:
        """Return a fact such as the source, None if it is not known."""
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    @property
    def event(self) -> int:
        """The number of the newest event."""
        return int(self.fact("event") or 0)

    def series(self) -> dict[Key, Kept]:
        """Return every series that was looked at."""
        rows = self._connection.execute(
            "SELECT symbol, timeframe, first, last, basis, checkpoint FROM series"
        )
        return {(symbol, timeframe): Kept(*rest) for symbol, timeframe, *rest in rows}

    def detections(self, key: Key) -> dict[str, dict[str, Any]]:
        """Return what was found in one series, by id."""
        rows = self._connection.execute(
            "SELECT id, body FROM detections WHERE symbol = ? AND timeframe = ?", key
        )
        return {name: orjson.loads(body) for name, body in rows}

    # Writing: all of a `write` or nothing

    def write(
        self,
        *,
        event: int | None = None,
        series: Mapping[Key, Kept] = {},
        found: Iterable[tuple[Key, str, Mapping[str, Any]]] = (),
        forget: Iterable[Key] = (),
        drop: Iterable[tuple[Key, str]] = (),
        facts: Mapping[str, str] = {},
    ) -> None:
        """Write what has happened, together.

        Args:
            event: The newest event's number.
            series: How far series were looked at; a checkpoint of None leaves the one there is.
            found: Detections that are new or have changed.
            forget: Series that begin anew; before all else.
            drop: Detections that are too old to be kept.
            facts: Others.

        Raises:
            RecordUnusable: Nothing of it was written.
        """
        said = dict(facts) if event is None else {**facts, "event": str(event)}
        try:
            with self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                for key in forget:
                    connection.execute(
                        "DELETE FROM detections WHERE symbol = ? AND timeframe = ?", key
                    )
                    connection.execute("DELETE FROM series WHERE symbol = ? AND timeframe = ?", key)
                connection.executemany(
                    "INSERT INTO series VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                    "first = excluded.first, last = excluded.last, basis = excluded.basis, "
                    "checkpoint = coalesce(excluded.checkpoint, checkpoint)",
                    [
                        (*key, kept.first, kept.last, kept.basis, kept.checkpoint)
                        for key, kept in series.items()
                    ],
                )
                connection.executemany(
                    "INSERT OR REPLACE INTO detections VALUES (?, ?, ?, ?)",
                    [(*key, name, orjson.dumps(body)) for key, name, body in found],
                )
                connection.executemany(
                    "DELETE FROM detections WHERE symbol = ? AND timeframe = ? AND id = ?",
                    [(*key, name) for key, name in drop],
                )
                connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", said.items())
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def begin_anew(self, facts: Mapping[str, str]) -> None:
        """Forget every series: another source, or another point in time. Events go on."""
        self.write(forget=list(self.series()), facts=facts)

    # Private

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connected()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            raise RecordInUse(
                f"Another process has {self.path} open.",
                subject=str(self.path),
                observed=str(error),
                next_step="Stop it, or use another --data-directory.",
            ) from error
        except sqlite3.DatabaseError as error:
            aside = self.path.with_name(f"patterns.damaged-{int(time.time())}.db")
            logger.error("%s is damaged (%s); it is set aside as %s", self.path, error, aside.name)
            self.path.replace(aside)
            for companion in ("-wal", "-shm"):
                with suppress(FileNotFoundError):
                    self.path.with_name(FILE + companion).unlink()
            self.set_aside = aside
            return self._connected()

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            # Locked before the file is looked at, and until the process ends, however it does.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                connection.executescript(_SCHEMA)
            elif version != FORMAT:
                raise sqlite3.DatabaseError(f"format {version}, not {FORMAT}")
            elif (said := connection.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(said)
        except BaseException:
            connection.close()
            raise
        return connection

    def _unusable(self, error: Exception) -> RecordUnusable:
        return RecordUnusable(
            f"The record of patterns in {self.path} cannot be used.",
            subject=str(self.path),
            observed=str(error),
            next_step="Check the folder's permissions and free space.",
        )
