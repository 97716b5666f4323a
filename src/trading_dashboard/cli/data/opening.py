"""The archive for a command: found, opened alone, its errors told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import typer

from trading_dashboard.agents.market_data.errors import StoreInUse, StoreUnusable
from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.config.places import find_project_root

ARCHIVE_FILE = "archive.duckdb"
_MEMORY_MEBIBYTES = 1024


@contextmanager
def opened(
    data_directory: Path | None, project_root: Path | None, *, create: bool = False
) -> Iterator[DuckArchive]:
    """Open the project's archive for one command.

    Raises:
        StoreInUse: The agent runs and owns the file.
        StoreUnusable: There is none, or it cannot be opened.
    """
    root = project_root.absolute() if project_root else find_project_root()
    path = (data_directory or root / "var" / "data" / "market_data") / ARCHIVE_FILE
    if not create and not path.is_file():
        raise StoreUnusable(
            f"There is no archive of market data at {path}.",
            subject=str(path),
            observed="no such file",
            next_step="`trading-dashboard data import` makes one, and so does a live source.",
        )
    threads = os.cpu_count() or 1
    try:
        archive = DuckArchive(path, threads=threads, memory_mebibytes=_MEMORY_MEBIBYTES)
    except StoreInUse as error:
        raise StoreInUse(
            f"The archive {path} belongs to a running market data agent.",
            subject=str(path),
            observed=error.observed,
            next_step="End it with `trading-dashboard stop market_data`, and start it afterwards.",
        ) from error
    with archive:
        yield archive


def microseconds(text: str | None, option: str) -> int | None:
    """Return an ISO 8601 day or time, UTC without an offset, in microseconds since 1970."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no ISO 8601 time.", param_hint=option) from error
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1_000_000)
