"""The account on disk: the journal, and copies of what it comes to.

Owns what callers see. Durable on return, all or none, one writer. Every method blocks and is called
from one thread at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sqlalchemy import Connection

from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.store import integrity, recovery
from trading_dashboard.agents.risk_management.store.chain import Chain
from trading_dashboard.agents.risk_management.store.database import Database
from trading_dashboard.agents.risk_management.store.failures import damaged
from trading_dashboard.agents.risk_management.store.migrations import (
    bring_up_to_date,
    found_version,
    schema_version,
)
from trading_dashboard.agents.risk_management.store.reader import AccountReader
from trading_dashboard.agents.risk_management.store.writing import Drafts, Staging
from trading_dashboard.models.risk.account import (
    JournalEntry,
)
from trading_dashboard.models.risk.errors import AccountStoreError, RiskError

Outcome = list[JournalEntry] | RiskError
"""The entries of a batch, or why the account refused it."""

logger = logging.getLogger(__name__)


def wall_clock() -> datetime:
    """Return now in UTC."""
    return datetime.now(UTC)


class AccountStore(AccountReader):
    """The open store of one account."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = wall_clock) -> None:
        """Prefer `open`."""
        super().__init__(database)
        self._clock = clock
        self._state: tuple[Book, Chain] | None = None
        self._snapshot_seq = 0

    @classmethod
    def open(
        cls,
        url: str | None,
        directory: Path,
        *,
        rebuild: bool = False,
        clock: Callable[[], datetime] = wall_clock,
    ) -> Self:
        """Open or make the store, bring it up to date, and prove that it is whole.

        Args:
            url: Of SQLAlchemy; None for SQLite in `directory`.
            directory: The agent's data directory.
            rebuild: Make all copies anew from the journal before they are looked at.
            clock: Tells when entries are recorded.

        Raises:
            AccountStoreInUse: Another process has it.
            AccountStoreError: It cannot be opened, is damaged, or a newer version wrote it.
        """
        store = cls(Database.of(url, directory), clock)
        try:
            store._start(rebuild=rebuild)
        except BaseException:
            store._database.close()
            raise
        return store

    def close(self) -> None:
        """Let go of it; another process may open it. May be called again."""
        if self._database.is_closed:
            return
        try:
            if self._state is not None and self.seq > self._snapshot_seq:
                self._keep_snapshot()
        except AccountStoreError as error:
            logger.warning("No snapshot at the end, the next start takes longer: %s", error)
        finally:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Writing

    def append(self, drafts: Drafts) -> list[JournalEntry]:
        """Journal drafts, all or none; durable on return.

        Returns:
            The entries as they are kept, for the caller's own book.

        Raises:
            RiskError: They contradict the account, such as `OrderFinal`. Nothing was written.
            AccountStoreError: They could not be written. Nothing counts as written: where a
                server went away in the middle, `load` tells what it has kept.
        """
        outcome = self.append_all([drafts])[0]
        if isinstance(outcome, RiskError):
            raise outcome
        return outcome

    def append_all(self, batches: Sequence[Drafts]) -> list[Outcome]:
        """Journal several batches with one commit; each is kept whole or refused whole.

        Raises:
            AccountStoreError: Nothing of any batch was written.
        """
        book, chain = self._current()
        self._check_in_place()
        self._state = None  # what is played now counts only once it is written
        with self._database.transaction() as connection:
            self._check_alone(connection)
            staging = Staging(book, chain, self._clock())
            staging.look_up_ids(connection, batches)
            outcomes: list[Outcome] = []
            for batch in batches:
                try:
                    outcomes.append(staging.play(batch))
                except RiskError as error:
                    outcomes.append(error)
                    if staging.is_torn:
                        staging.rewind(recovery.load(connection, self.name)[0])
            staging.write(self._database, connection)
            is_time = staging.chain.seq - self._snapshot_seq >= recovery.SNAPSHOT_EVERY
            if is_time:
                recovery.keep_snapshot(connection, staging.book, staging.chain)
        if is_time:
            self._snapshot_seq = staging.chain.seq
        self._state = staging.book, staging.chain
        return outcomes

    def rebuild(self) -> None:
        """Make all copies anew from the journal.

        Raises:
            AccountStoreError: The journal is not what was written; nothing was changed.
        """
        self._state = None
        with self._database.transaction() as connection:
            recovery.rebuild(self._database, connection, self.name)
        self._current()

    # Reading

    @property
    def name(self) -> str:
        """Return what people know it by: its path, or its URL without a password."""
        return self._database.name

    @property
    def seq(self) -> int:
        """Return the number of the newest entry, 0 without any."""
        return self._current()[1].seq

    def load(self) -> Book:
        """Return a book of one's own, as of the newest entry."""
        return Book.restore(self._current()[0].snapshot())

    def reader(self) -> AccountReader:
        """Return questions about the past over a connection of their own, for another thread."""
        return AccountReader(self._database.reader())

    # Care

    def check(self) -> list[str]:
        """Read all of it and return what is wrong, in sentences; nothing if all is well.

        Pages, the journal's chain of digests, and every copy against the journal played anew.
        """
        return integrity.check(self._database)

    def backup(self, path: Path) -> None:
        """Write a whole copy to `path`, durable and checked; an older one stays until then.

        Raises:
            AccountStoreError: It could not be written, or the database has tools of its own.
        """
        self._database.backup(path)

    def _start(self, *, rebuild: bool) -> None:
        name = self.name
        trouble = self._database.check_pages(is_quick=True)
        if trouble:
            raise damaged(name, "; ".join(trouble))
        with self._database.transaction() as connection:
            found = found_version(connection, name)
        if found is not None and found < schema_version():
            self._back_up_before_migration(found)
        with self._database.transaction() as connection:
            bring_up_to_date(self._database, connection, found)
            if rebuild:
                recovery.rebuild(self._database, connection, name)
            book, chain = recovery.load(connection, name)
            differing = recovery.differences(connection, book)
            self._snapshot_seq = recovery.newest_snapshot_seq(connection)
        if differing:
            raise damaged(name, "; ".join(differing[:5]), recovery.REBUILD_STEP)
        self._state = book, chain

    def _back_up_before_migration(self, found: int) -> None:
        path = self._database.backend.path
        if path is not None:
            self._database.backup(path.with_name(f"{path.stem}.version-{found}{path.suffix}"))

    def _current(self) -> tuple[Book, Chain]:
        """Return the state as written; read again after a failure."""
        if self._state is None:
            with self._database.transaction() as connection:
                self._state = recovery.load(connection, self.name)
        return self._state

    def _check_in_place(self) -> None:
        if not self._database.backend.is_in_place():
            raise AccountStoreError(
                f"The account store {self.name} was moved or deleted while it was open.",
                subject=self.name,
                next_step="Put it back, then start the agent again.",
            )

    def _check_alone(self, connection: Connection) -> None:
        if self._database.backend.was_written_by_others(connection):
            raise AccountStoreError(
                f"Another program has written into {self.name} while it was open.",
                subject=self.name,
                next_step="End that program, then start the agent again: it looks whether the "
                "account is still whole.",
            )

    def _keep_snapshot(self) -> None:
        book, chain = self._current()
        with self._database.transaction() as connection:
            recovery.keep_snapshot(connection, book, chain)
        self._snapshot_seq = chain.seq
