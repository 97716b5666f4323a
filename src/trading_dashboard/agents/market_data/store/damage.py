"""What DuckDB says when something is wrong with a file, in our words; damaged files set aside.

Owns telling a file in use, a damaged one and an unusable one apart, and moving a damaged one out of
the way. It never deletes anything.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from trading_dashboard.agents.market_data.errors import StoreDamaged, StoreInUse, StoreUnusable

_IN_USE = "could not set lock"
_FULL = ("no space left", "file too large", "disk quota exceeded", "out of disk space")
_DAMAGE = (
    "corrupt", "checksum", "could not read enough bytes", "not a valid duckdb", "replaying wal",
    "deserialize", "serialization",
)  # fmt: skip
"""What DuckDB says, in lower case, of a file whose content is not what it wrote."""
_FATAL = ("database has been invalidated", "fatal error")


def explain(path: Path, error: Exception) -> StoreUnusable | StoreInUse:
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
    if any(sign in said for sign in _FULL):
        return StoreUnusable(
            f"There is no room to write to the market data store {path}.",
            subject=subject,
            observed=observed,
            next_step="Free some space; writing goes on by itself.",
        )
    if path.is_file() and any(sign in said for sign in _DAMAGE):
        return StoreDamaged(
            f"The market data store {path} is damaged.",
            subject=subject,
            observed=observed,
            next_step="Move the file away; a backup or the source can fill a new one.",
        )
    return StoreUnusable(
        f"The market data store {path} cannot be used.",
        subject=subject,
        observed=observed,
        next_step="Check the folder's permissions and free space.",
    )


def is_fatal(error: Exception) -> bool:
    """Return whether DuckDB gave up on the open file and only opening it again helps."""
    said = str(error).lower()
    return any(sign in said for sign in _FATAL)


def move_aside(path: Path) -> Path:
    """Move a damaged store out of the way, never deleting it; return where it is now."""
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    path.rename(aside)
    wal = path.with_name(path.name + ".wal")
    if wal.exists():
        wal.rename(aside.with_name(aside.name + ".wal"))
    return aside
