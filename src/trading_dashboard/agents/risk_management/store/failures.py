"""What databases say when something is wrong, in our words.

Owns telling a store in use, a full disk, a damaged file and an unreachable server apart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from trading_dashboard.models.risk.errors import AccountStoreError, AccountStoreInUse

_PRIMARY = 0xFF
"""SQLite's extended codes hold the primary one in their lowest byte."""
_IN_USE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_READ_ONLY = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)

IN_USE_STEP = "Stop the other process, or give this one another --data-directory."
DAMAGED_STEP = (
    "Nothing was changed. Put a backup in its place, or move it away to begin a new account."
)


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Raise what goes wrong with the store `name` as `AccountStoreError`."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
        raise explain(name, error) from error


def explain(name: str, error: Exception) -> AccountStoreError:
    """Return our error for a driver's or the system's."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    observed = str(cause).strip().splitlines()[0] if str(cause).strip() else repr(cause)
    if isinstance(error, ImportError | NoSuchModuleError | ArgumentError):
        return AccountStoreError(
            f"The account store {name} needs a database driver that is not here.",
            subject=name,
            observed=observed,
            next_step="Install it, for PostgreSQL with: pip install 'psycopg[binary]'.",
        )
    code = getattr(cause, "sqlite_errorcode", None)
    if code is None:
        return AccountStoreError(
            f"The account store {name} cannot be reached.",
            subject=name,
            observed=observed,
            next_step="Check that it is there, its permissions and free space; then try again.",
        )
    return _explain_code(name, int(code) & _PRIMARY, observed)


def in_use(name: str, observed: str) -> AccountStoreInUse:
    """Return the error of a store another process has."""
    return AccountStoreInUse(
        f"The account store {name} is in use by another process.",
        subject=name,
        observed=observed,
        next_step=IN_USE_STEP,
    )


def damaged(name: str, observed: str, next_step: str = DAMAGED_STEP) -> AccountStoreError:
    """Return the error of a store that is not what was written."""
    return AccountStoreError(
        f"The account store {name} is damaged.",
        subject=name,
        observed=observed,
        next_step=next_step,
    )


def _explain_code(name: str, code: int, observed: str) -> AccountStoreError:
    if code in _IN_USE:
        return in_use(name, observed)
    if code in _DAMAGED:
        return damaged(name, observed)
    if code in _READ_ONLY:
        return AccountStoreError(
            f"The account store {name} cannot be opened for writing.",
            subject=name,
            observed=observed,
            next_step="Check the permissions of the file and its folder.",
        )
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return AccountStoreError(
            f"The account store {name} cannot be written: nothing of this change was kept.",
            subject=name,
            observed=observed,
            next_step="Free some space on its disk and check the disk; writing then goes on.",
        )
    return AccountStoreError(
        f"The account store {name} refused a change.",
        subject=name,
        observed=observed,
        next_step="Run the account check; its findings say what is wrong.",
    )
