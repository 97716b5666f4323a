"""The agent's DuckDB file: daily bars, corporate actions and exchange sessions.

Owns the file, its schema and its integrity. One process at a time. Every method blocks; the agent
calls them from one thread of their own (`StoreThread`), never from the event loop. The schema
keeps `source` in every key, because series of different sources are never mixed.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import duckdb

from trading_dashboard.agents.market_data.dataset import Action, DailyRow
from trading_dashboard.agents.market_data.errors import StoreInUse, StoreUnusable
from trading_dashboard.agents.market_data.timeline import Session

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS daily_bars (
    source VARCHAR NOT NULL, symbol VARCHAR NOT NULL, session DATE NOT NULL,
    open DOUBLE NOT NULL, high DOUBLE NOT NULL, low DOUBLE NOT NULL, close DOUBLE NOT NULL,
    volume BIGINT NOT NULL, adjusted_close DOUBLE NOT NULL, flaws VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS corporate_actions (
    source VARCHAR NOT NULL, symbol VARCHAR NOT NULL, ex_date DATE NOT NULL,
    kind VARCHAR NOT NULL, ratio DOUBLE, amount DOUBLE, factor DOUBLE NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
    calendar VARCHAR NOT NULL, session DATE NOT NULL, open_at BIGINT NOT NULL,
    close_at BIGINT NOT NULL);
"""
_SETTINGS = {"threads": "1", "memory_limit": "96MB"}
_FLAW_SEPARATOR = "; "

logger = logging.getLogger(__name__)


class MarketStore:
    """The open file. Use as a context manager, or call `close`."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            StoreInUse: Another process has it open.
            StoreUnusable: It cannot be opened or created, or comes from a newer version.
        """
        self.path = path
        self._connection = _connect(path)
        try:
            self._connection.execute(_SCHEMA)
            self._check_version()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is pending and give the file back."""
        self._connection.close()

    # Writing

    def replace_source(
        self, source: str, label: str, rows: Sequence[DailyRow], actions: Sequence[Action]
    ) -> None:
        """Replace everything of one source in one transaction.

        A process killed in the middle leaves the file as it was before. `label` names the content
        (a data set and its version) and is what `holds` asks for.
        """
        with self._transaction() as connection:
            connection.execute("DELETE FROM daily_bars WHERE source = ?", [source])
            connection.execute("DELETE FROM corporate_actions WHERE source = ?", [source])
            _insert(connection, "daily_bars", _DAILY_TYPES, _daily_columns(source, rows))
            _insert(
                connection, "corporate_actions", _ACTION_TYPES, _action_columns(source, actions)
            )
            self._put(f"label:{source}", label)
            self._put(f"digest:{source}", digest(rows, actions))

    def replace_sessions(self, calendar: str, label: str, sessions: Sequence[Session]) -> None:
        """Replace the sessions of one calendar in one transaction."""
        columns: list[list[Any]] = [
            [calendar] * len(sessions),
            [session.day.isoformat() for session in sessions],
            [session.open_at for session in sessions],
            [session.close_at for session in sessions],
        ]
        with self._transaction() as connection:
            connection.execute("DELETE FROM sessions WHERE calendar = ?", [calendar])
            _insert(connection, "sessions", ("VARCHAR", "DATE", "BIGINT", "BIGINT"), columns)
            self._put(f"calendar:{calendar}", label)

    # Reading

    def sessions(self, calendar: str, label: str) -> list[Session]:
        """Return the calendar's sessions stored under `label`; empty if there are none."""
        if self._get(f"calendar:{calendar}") != label:
            return []
        rows = self._connection.execute(
            "SELECT session, open_at, close_at FROM sessions WHERE calendar = ? ORDER BY session",
            [calendar],
        ).fetchall()
        return [Session(*row) for row in rows]

    def source(self, source: str, label: str) -> tuple[list[DailyRow], list[Action]] | None:
        """Return the source's rows and actions, by symbol and date, if they are whole.

        None if they are not there under `label`, or not what was stored (told by their digest).
        """
        if self._get(f"label:{source}") != label:
            return None
        rows = [
            _daily_row(record)
            for record in self._connection.execute(
                "SELECT symbol, session, open, high, low, close, volume, adjusted_close, flaws "
                "FROM daily_bars WHERE source = ? ORDER BY symbol, session",
                [source],
            ).fetchall()
        ]
        actions = [
            Action(symbol, ex_date.isoformat(), kind, ratio, amount, factor)
            for symbol, ex_date, kind, ratio, amount, factor in self._connection.execute(
                "SELECT symbol, ex_date, kind, ratio, amount, factor FROM corporate_actions "
                "WHERE source = ? ORDER BY symbol, ex_date",
                [source],
            ).fetchall()
        ]
        if digest(rows, actions) != self._get(f"digest:{source}"):
            logger.warning(
                "The stored rows of source %r are not what was written; loading them anew", source
            )
            return None
        return rows, actions

    # Private

    def _check_version(self) -> None:
        found = self._get("schema_version")
        if found is None:
            self._put("schema_version", str(SCHEMA_VERSION))
        elif found != str(SCHEMA_VERSION):
            raise StoreUnusable(
                f"The store {self.path} has schema version {found}, "
                f"this program reads version {SCHEMA_VERSION}.",
                subject=str(self.path),
                observed=found,
                next_step="Use the version that wrote it, or move the file away to start anew.",
            )

    def _get(self, key: str) -> str | None:
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", [key]).fetchone()
        return None if row is None else str(row[0])

    def _put(self, key: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, value])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        self._connection.execute("BEGIN")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def open_or_rebuild(path: Path) -> MarketStore:
    """Open the store; one that is damaged is moved aside, never deleted, and begun anew.

    Everything in it can be loaded again from the data set.

    Raises:
        StoreInUse: Another process has it open.
        StoreUnusable: It cannot be created either.
    """
    try:
        return MarketStore(path)
    except StoreUnusable as error:
        if error.observed is None or not path.is_file() or not _is_damage(str(error.observed)):
            raise
        aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}")
        logger.error("%s It was moved to %s and is built anew", error.message, aside)
        path.rename(aside)
        wal = path.with_name(path.name + ".wal")
        if wal.exists():
            wal.rename(aside.with_name(aside.name + ".wal"))
        return MarketStore(path)


def digest(rows: Sequence[DailyRow], actions: Sequence[Action]) -> str:
    """Return a digest of the content, the same for the same rows in the same order."""
    state = hashlib.sha256()
    for row in rows:
        state.update(repr(row).encode())
    for action in actions:
        state.update(repr(action).encode())
    return state.hexdigest()


def calendar_label(first: date, last: date) -> str:
    """Return what a stored calendar is valid for: the library's version and the range."""
    return f"exchange_calendars {version('exchange-calendars')} {first} {last}"


_DAILY_TYPES = ("VARCHAR", "VARCHAR", "DATE", *["DOUBLE"] * 4, "BIGINT", "DOUBLE", "VARCHAR")
_ACTION_TYPES = ("VARCHAR", "VARCHAR", "DATE", "VARCHAR", "DOUBLE", "DOUBLE", "DOUBLE")


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return duckdb.connect(str(path), config=dict(_SETTINGS))
    except (duckdb.Error, OSError) as error:
        if "lock" in str(error).lower():
            raise StoreInUse(
                f"The market data store {path} is in use by another process.",
                subject=str(path),
                observed=str(error).splitlines()[0],
                next_step="Stop the other market data agent, or give this one its own "
                "--data-directory.",
            ) from error
        raise StoreUnusable(
            f"The market data store {path} cannot be opened.",
            subject=str(path),
            observed=str(error).splitlines()[0],
            next_step="Check the folder's permissions and free space.",
        ) from error


def _is_damage(observed: str) -> bool:
    signs = ("not a valid duckdb", "corrupt", "checksum", "serialization", "failed to deserialize")
    return any(sign in observed.lower() for sign in signs)


def _insert(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    types: Sequence[str],
    columns: Sequence[Sequence[Any]],
) -> None:
    # Whole columns as list parameters: a hundred times faster than row by row, and no pandas.
    parts = [
        f"CAST(unnest(CAST(${i} AS VARCHAR[])) AS DATE)" if kind == "DATE"
        else f"unnest(CAST(${i} AS {kind}[]))"
        for i, kind in enumerate(types, start=1)
    ]  # fmt: skip
    connection.execute(f"INSERT INTO {table} SELECT {', '.join(parts)}", list(columns))


def _daily_columns(source: str, rows: Sequence[DailyRow]) -> list[list[Any]]:
    names = ("symbol", "session", "open", "high", "low", "close", "volume", "adjusted_close")
    columns: list[list[Any]] = [[source] * len(rows)]
    columns.extend([getattr(row, name) for row in rows] for name in names)
    columns.append([_FLAW_SEPARATOR.join(row.flaws) for row in rows])
    return columns


def _action_columns(source: str, actions: Sequence[Action]) -> list[list[Any]]:
    names = ("symbol", "ex_date", "kind", "ratio", "amount", "factor")
    columns: list[list[Any]] = [[source] * len(actions)]
    columns.extend([getattr(action, name) for action in actions] for name in names)
    return columns


def _daily_row(record: tuple[Any, ...]) -> DailyRow:
    symbol, session, open_, high, low, close, volume, adjusted_close, flaws = record
    return DailyRow(
        symbol,
        session.isoformat(),
        open_,
        high,
        low,
        close,
        volume,
        adjusted_close,
        tuple(flaws.split(_FLAW_SEPARATOR)) if flaws else (),
    )
