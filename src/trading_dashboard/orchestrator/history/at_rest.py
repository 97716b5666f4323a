"""The history of a project that nobody supervises now. Reads only."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from trading_dashboard.models.errors import HistoryUnavailable, NotSupervised
from trading_dashboard.orchestrator.history.event_history import FILE
from trading_dashboard.orchestrator.history.reader import HistoryReader
from trading_dashboard.orchestrator.history.store import APPLICATION_ID, SCHEMA_VERSION


def history_at_rest(state_directory: Path) -> HistoryReader:
    """Return a reader of what earlier runs wrote.

    Raises:
        NotSupervised: There is none.
        HistoryUnavailable: It cannot be read.
    """
    path = state_directory / FILE
    if not path.is_file():
        raise NotSupervised(
            "No supervisor runs, and none has left a history.",
            subject=str(path),
            next_step="Start one with `trading-dashboard up`.",
        )
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as found:
            version = int(found.execute("PRAGMA user_version").fetchone()[0])
            owner = int(found.execute("PRAGMA application_id").fetchone()[0])
    except sqlite3.Error as error:
        raise _unreadable(path, str(error)) from error
    if owner != APPLICATION_ID:
        raise _unreadable(path, "it is no history of this program")
    if version != SCHEMA_VERSION:
        raise _unreadable(path, f"another version wrote it (schema {version})")
    return HistoryReader(path, None)


def _unreadable(path: Path, why: str) -> HistoryUnavailable:
    return HistoryUnavailable(
        f"No supervisor runs, and the history on disk cannot be read: {why}.",
        subject=str(path),
        observed=why,
        next_step="Look at it as the user who ran the desk, with the version that wrote it; "
        "`trading-dashboard doctor` tells of permissions.",
    )
