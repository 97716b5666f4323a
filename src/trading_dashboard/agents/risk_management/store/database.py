"""A connection to the account's database, and transactions on it.

Owns opening, connecting again after a server was away, and putting what drivers raise in our words.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from trading_dashboard.agents.risk_management.store.failures import explained
from trading_dashboard.agents.risk_management.store.postgresql import PostgresqlBackend
from trading_dashboard.agents.risk_management.store.sqlite import SqliteBackend
from trading_dashboard.models.risk.errors import AccountStoreError


class Backend(Protocol):
    """What differs between databases."""

    @property
    def name(self) -> str:
        """What people know it by; no secrets."""

    @property
    def path(self) -> Path | None:
        """Where it is, if it is a file."""

    def connect(self) -> tuple[Engine, Connection]:
        """Connect, and lock it against other processes."""

    def connect_reader(self) -> tuple[Engine, Connection]:
        """Connect beside that, to read alone."""

    def was_written_by_others(self, connection: Connection) -> bool:
        """Return whether anybody but `connection` has written since it was made."""

    def is_in_place(self) -> bool:
        """Return whether what is written can be found by the next start."""

    def check(self, connection: Connection, *, is_quick: bool) -> list[str]:
        """Return what is wrong with its pages."""

    def backup(self, connection: Connection, path: Path) -> None:
        """Write a whole copy."""

    def forget(self, connection: Connection) -> None:
        """Tidy up before the end."""


class Database:
    """An open database. Used from one thread at a time."""

    def __init__(self, backend: Backend, *, is_reader: bool = False) -> None:
        """Open it; `is_reader` beside the one that writes.

        Raises:
            AccountStoreInUse: Another process has it.
            AccountStoreError: It cannot be opened.
        """
        self.backend = backend
        self.is_closed = False
        self._is_reader = is_reader
        self._connect = backend.connect_reader if is_reader else backend.connect
        with explained(backend.name):
            self._engine, self._connection = self._connect()

    @classmethod
    def of(cls, url: str | None, folder: Path) -> Database:
        """Open the database of a URL; without one a file in a folder.

        Raises:
            AccountStoreError: It cannot be opened, or is of a kind that is not supported.
        """
        if url is None:
            return cls(SqliteBackend.in_folder(folder))
        with explained("of the configured URL"):
            parsed = make_url(url)
        dialect = parsed.get_backend_name()
        if dialect == "sqlite" and parsed.database not in (None, "", ":memory:"):
            return cls(SqliteBackend(parsed))
        if dialect == "postgresql":
            return cls(PostgresqlBackend(parsed))
        raise AccountStoreError(
            f"The account cannot be kept in {parsed.render_as_string(hide_password=True)}.",
            observed=dialect,
            next_step="Use sqlite:////path/to/account.db or postgresql+psycopg://….",
        )

    def reader(self) -> Database:
        """Return another connection to it, which only reads.

        Raises:
            AccountStoreError: It cannot be opened.
        """
        return Database(self.backend, is_reader=True)

    @property
    def name(self) -> str:
        """Return what people know it by."""
        return self.backend.name

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commit what the block does, durably, or none of it.

        Raises:
            AccountStoreError: The database failed; nothing was kept, as far as it answers.
        """
        with explained(self.name):
            self._reconnect_if_lost()
            try:
                with self._connection.begin():
                    yield self._connection
            except DBAPIError as error:
                if error.connection_invalidated:
                    self._drop()
                raise

    def check_pages(self, *, is_quick: bool) -> list[str]:
        """Return what the database finds wrong with its own pages."""
        with self.transaction() as connection:
            return self.backend.check(connection, is_quick=is_quick)

    def backup(self, path: Path) -> None:
        """Write a whole copy as of the newest commit."""
        with explained(self.name):
            self.backend.backup(self._connection, path)

    def close(self) -> None:
        """Let go of it; another process may have it. May be called again."""
        if not self.is_closed:
            self.is_closed = True
            with contextlib.suppress(SQLAlchemyError):
                if not self._connection.closed and not self._is_reader:
                    self.backend.forget(self._connection)
            self._drop()

    def upsert(self, connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
        """Insert whole rows, or put them in the place of those with the same key."""
        if rows:
            connection.execute(_upsert_into(table, connection.dialect.name), rows)

    def _reconnect_if_lost(self) -> None:
        if self.is_closed:
            raise AccountStoreError(f"The account store {self.name} is closed.", subject=self.name)
        if self._connection.closed:
            self._engine, self._connection = self._connect()

    def _drop(self) -> None:
        with contextlib.suppress(SQLAlchemyError):
            self._connection.close()
        self._engine.dispose()


@functools.cache
def _upsert_into(table: Table, dialect: str) -> Executable:
    """Return the statement; made once, since making it costs more than executing it."""
    build = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = build(table)
    keys = [column.name for column in table.primary_key]
    others = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if column.name not in keys
    }
    return statement.on_conflict_do_update(index_elements=keys, set_=others)
