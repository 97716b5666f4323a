"""PostgreSQL as the account's database: one writer by an advisory lock, backups by its own tools.

Owns everything that is PostgreSQL's alone. The driver is the user's to install.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from trading_dashboard.agents.risk_management.store.failures import in_use
from trading_dashboard.models.risk.errors import AccountStoreError

_LOCK = 0x5444414B
CONNECT_SECONDS = 5


class PostgresqlBackend:
    """One database, locked for this process as long as the connection lives."""

    def __init__(self, url: URL) -> None:
        self.name = url.render_as_string(hide_password=True)
        self.path: Path | None = None
        self._url = url

    def connect(self) -> tuple[Engine, Connection]:
        """Connect and lock.

        Raises:
            AccountStoreInUse: Another process has the account.
            sqlalchemy.exc.SQLAlchemyError, ImportError: It cannot be reached.
        """
        engine = create_engine(
            self._url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS}
        )
        connection = engine.connect()
        with connection.begin():
            connection.execute(text("SET synchronous_commit = on"))
            is_ours = connection.execute(
                text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}
            ).scalar_one()
        if not is_ours:
            connection.close()
            raise in_use(self.name, "another session holds the account's advisory lock")
        return engine, connection

    def connect_reader(self) -> tuple[Engine, Connection]:
        """Connect to read alone.

        Raises:
            sqlalchemy.exc.SQLAlchemyError, ImportError: It cannot be reached.
        """
        engine = create_engine(
            self._url,
            poolclass=NullPool,
            connect_args={"connect_timeout": CONNECT_SECONDS},
            execution_options={"postgresql_readonly": True},
        )
        return engine, engine.connect()

    def was_written_by_others(self, _connection: Connection) -> bool:
        """Return False: who may write there is the server's affair."""
        return False

    def is_in_place(self) -> bool:
        """Return True: a server's files are its own affair."""
        return True

    def check(self, _connection: Connection, *, is_quick: bool) -> list[str]:  # noqa: ARG002
        """Return nothing: PostgreSQL looks after its pages itself."""
        return []

    def backup(self, _connection: Connection, path: Path) -> None:
        """Refuse: a server has better tools.

        Raises:
            AccountStoreError: Always.
        """
        raise AccountStoreError(
            f"The account store {self.name} is not copied from here.",
            subject=str(path),
            next_step="Use pg_dump or the server's own backups.",
        )

    def forget(self, _connection: Connection) -> None:
        """Do nothing; the lock ends with the connection."""
