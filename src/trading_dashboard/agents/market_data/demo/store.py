"""The agent's DuckDB file: daily bars, corporate actions and exchange sessions.

Owns the file, its schema and its integrity. One process at a time. Every method blocks: the agent
reads the file before its event loop runs and closes it in a thread. The schema keeps `source` in
every row, because series of different sources are never mixed.
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

from trading_dashboard.agents.market_data.demo.dataset import Action, DailyRow
from trading_dashboard.agents.market_data.demo.timeline import Session
from trading_dashboard.agents.market_data.errors import StoreDamaged, StoreInUse, StoreUnusable

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
_IN_USE = "could not set lock"
_DAMAGE = (
    "corrupt", "checksum", "could not read enough bytes", "not a valid duckdb", "replaying wal",
    "deserialize", "serialization",
)  # fmt: skip
"""What DuckDB says, in lower case, of a file whose content is not what it wrote."""

logger = logging.getLogger(__name__)


class MarketStore:
    """The open file. Use as a context manager, or call `close`."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            StoreInUse: Another process has it open.
            StoreDamaged: Its content cannot be read; any other method may raise this, too.
            StoreUnusable: It cannot be opened or created, or comes from a newer version.
        """
        self.path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connection = duckdb.connect(str(path), config=dict(_SETTINGS))
        try:
            with self._explained():
                self._connection.execute(_SCHEMA)
                self._check_version()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is pending and give the file back."""
        with self._explained():
            self._connection.close()

    # Writing

    def replace_source(
        self, source: str, label: str, rows: Sequence[DailyRow], actions: Sequence[Action]
    ) -> None:
        """Replace everything of one source in one transaction.

        A process killed in the middle leaves the file as it was before. `label` names the content
        (a data set and its version) and is what `source` asks for.
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
        rows = self._read(
            "SELECT session, open_at, close_at FROM sessions WHERE calendar = ? ORDER BY session",
            calendar,
        )
        return [Session(*row) for row in rows]

    def source(self, source: str, label: str) -> tuple[list[DailyRow], list[Action]] | None:
        """Return the source's rows and actions, by symbol and date, if they are whole.

        None if they are not there under `label`, or not what was stored (told by their digest).
        """
        if self._get(f"label:{source}") != label:
            return None
        rows = [
            _daily_row(record)
            for record in self._read(
                "SELECT symbol, session, open, high, low, close, volume, adjusted_close, flaws "
                "FROM daily_bars WHERE source = ? ORDER BY symbol, session",
                source,
            )
        ]
        actions = [
            Action(symbol, ex_date.isoformat(), kind, ratio, amount, factor)
            for symbol, ex_date, kind, ratio, amount, factor in self._read(
                "SELECT symbol, ex_date, kind, ratio, amount, factor FROM corporate_actions "
                "WHERE source = ? ORDER BY symbol, ex_date",
                source,
            )
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
        rows = self._read("SELECT value FROM meta WHERE key = ?", key)
        return str(rows[0][0]) if rows else None

    def _put(self, key: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, value])

    def _read(self, query: str, value: str) -> list[tuple[Any, ...]]:
        with self._explained():
            return self._connection.execute(query, [value]).fetchall()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._explained():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # DuckDB may have ended the transaction itself; the first error is the one to tell.
                with contextlib.suppress(duckdb.Error):
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise DuckDB's errors as ours."""
        try:
            yield
        except (duckdb.Error, OSError) as error:
            raise _explain(self.path, error) from error


def move_aside(path: Path) -> Path:
    """Move a damaged store out of the way, never deleting it; return where it is now."""
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    path.rename(aside)
    wal = path.with_name(path.name + ".wal")
    if wal.exists():
        wal.rename(aside.with_name(aside.name + ".wal"))
    return aside


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


def _explain(path: Path, error: Exception) -> StoreUnusable | StoreInUse:
    """Return our error for one of DuckDB's, or of the file system."""
    subject, observed = str(path), str(error).splitlines()[0]
    said = observed.lower().replace(subject.lower(), "")
    if _IN_USE in said:
        return StoreInUse(
            f"The market data store {path} is in use by another process.",
            subject=subject,
            observed=observed,
            next_step="Stop the other market data agent, or give this one its own "
            "--data-directory.",
        )
    if path.is_file() and any(sign in said for sign in _DAMAGE):
        return StoreDamaged(
            f"The market data store {path} is damaged.",
            subject=subject,
            observed=observed,
            next_step="Move the file away; all in it is loaded again.",
        )
    return StoreUnusable(
        f"The market data store {path} cannot be used.",
        subject=subject,
        observed=observed,
        next_step="Check the folder's permissions and free space.",
    )


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
