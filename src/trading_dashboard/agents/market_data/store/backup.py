"""Copies of the archive, and what to do when the file is damaged.

Owns making a copy while others work, choosing the newest copy that is whole, and opening an archive
whatever state its file is in. A damaged file is set aside, never deleted.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading_dashboard.agents.market_data.errors import StoreDamaged, StoreUnusable
from trading_dashboard.agents.market_data.records import MICROSECONDS
from trading_dashboard.agents.market_data.store.damage import move_aside
from trading_dashboard.agents.market_data.store.database import sync_folder
from trading_dashboard.agents.market_data.store.part_store import PartStore

if TYPE_CHECKING:
    from trading_dashboard.agents.market_data.store.archive import DuckArchive

KEPT_BACKUPS = 3
BACKUP_SECONDS = 86_400
_PATTERN = "archive-*.duckdb"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was done about a damaged file.

    Attributes:
        reason: What was seen.
        aside: Where the damaged file is now.
        backup: The copy that took its place, None if the archive begins empty.
    """

    reason: str
    aside: Path
    backup: Path | None

    def __str__(self) -> str:
        result = (
            f"The backup {self.backup} took its place; what was written since is missing."
            if self.backup
            else "There is no backup that can be read: the archive begins empty."
        )
        return f"The archive was damaged ({self.reason}); it is kept as {self.aside}. {result}"


def copy_to(store: PartStore, path: Path) -> None:
    """Write a whole copy of the file as it is now; others read and write meanwhile.

    Raises:
        StoreUnusable: The copy cannot be written; there is none, an older one stays.
    """
    database = store.database
    partial = path.with_name(f"{path.name}.partial")
    with database.explained():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _remove(partial)
        try:
            with database.stream() as cursor:
                quoted = str(partial).replace("'", "''")
                row = cursor.execute("SELECT current_database()").fetchone()
                cursor.execute(f"ATTACH '{quoted}' AS backup_copy")
                try:
                    cursor.execute(f'COPY FROM DATABASE "{row[0] if row else ""}" TO backup_copy')
                finally:
                    cursor.execute("DETACH backup_copy")
            _sync_file(partial)
            partial.replace(path)
            sync_folder(path.parent)
        finally:
            _remove(partial)


def back_up_into(archive: DuckArchive, folder: Path, keep: int = KEPT_BACKUPS) -> Path:
    """Write a copy named by its time, then drop all but the newest few; return the copy."""
    path = folder / f"archive-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.duckdb"
    archive.backup(path)
    for old in sorted(folder.glob(_PATTERN))[:-keep]:
        old.unlink()
    return path


def is_backup_due(folder: Path, now: int) -> bool:
    """Return whether the newest copy is older than a day; `now` in microseconds."""
    made = [path.stat().st_mtime for path in folder.glob(_PATTERN)]
    return now / MICROSECONDS - max(made, default=0.0) >= BACKUP_SECONDS


def open_archive(
    path: Path, backups: Path | None = None, options: Mapping[str, Any] | None = None
) -> tuple[DuckArchive, Recovery | None]:
    """Open the archive; a damaged file is set aside and the newest whole backup takes its place.

    Args:
        path: The archive's file.
        backups: The folder with copies made by `back_up_into`.
        options: Of `DuckArchive`.

    Raises:
        StoreInUse: Another process has it open.
        StoreUnusable: It cannot be opened for another reason; nothing was moved.
    """
    from trading_dashboard.agents.market_data.store.archive import DuckArchive

    options = options or {}
    try:
        return DuckArchive(path, **options), None
    except StoreDamaged as error:
        reason = str(error.observed or error.message)
    aside = move_aside(path)
    for backup in sorted(backups.glob(_PATTERN), reverse=True) if backups else ():
        try:
            _copy_file(backup, path)
            archive = DuckArchive(path, **options)
        except StoreUnusable as error:
            logger.warning("The backup %s is of no use: %s", backup, error.observed)
            _remove(path)
            continue
        return archive, _told(Recovery(reason, aside, backup))
    return DuckArchive(path, **options), _told(Recovery(reason, aside, None))


def _told(recovery: Recovery) -> Recovery:
    logger.error("%s", recovery)
    return recovery


def _copy_file(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
        _sync_file(target)
    except OSError as error:
        raise StoreUnusable(
            f"The backup {source} cannot be copied.",
            subject=str(source),
            observed=error.strerror or str(error),
            next_step="Check permissions and free space.",
        ) from error


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
