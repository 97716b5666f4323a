"""Finding a project's running supervisor.

Reads what the supervisor wrote under ``var/run`` and checks that it is the process that wrote it:
a token is never sent to whatever took the port of a dead one. Writes nothing.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from trading_dashboard.models.errors import LeaseDamaged, NotSupervised

MAX_FILE_BYTES = 64 * 1024

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LOCKS = Path("/proc/locks")


class Lease(BaseModel):
    """``var/run/lease.json``: who supervises, and where it answers."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str
    pid: int
    start_ticks: int | None = None
    boot_id: str | None = None
    started_at: datetime | None = None
    control_url: str | None = None
    dashboard_url: str | None = None


def read_lease(project_root: Path) -> Lease:
    """Return the lease of the living supervisor of a project.

    Raises:
        NotSupervised: There is none.
        LeaseDamaged: There is one, but the lease does not tell where.
    """
    path = project_root / "var" / "run" / "lease.json"
    try:
        lease = Lease.model_validate_json(_read(path, project_root))
    except (NotSupervised, ValidationError) as error:
        holder = lock_holder(path.with_name("lock"))
        if holder is not None:
            raise _damaged(project_root, path, holder) from error
        if isinstance(error, NotSupervised):
            raise
        raise _not_supervised(project_root, f"{path} cannot be read as a lease.") from error
    if not is_alive(lease):
        raise _not_supervised(project_root, f"Process {lease.pid} of its last run is gone.")
    return lease


def lock_holder(path: Path) -> int | None:
    """Return the pid of who holds a lock on a file; None if nobody does or it cannot be told.

    It does not try to take the lock: that could refuse others.
    """
    try:
        inode = str(path.stat().st_ino)
        table = _LOCKS.read_text(encoding="ascii")
    except OSError:
        return None
    for row in (line.split() for line in table.splitlines()):
        if len(row) > 5 and row[1] == "FLOCK" and row[5].split(":")[-1] == inode:
            return int(row[4])
    return None


def read_token(project_root: Path) -> str:
    """Return the control API's token of this run.

    Raises:
        NotSupervised: There is none.
    """
    return _read(project_root / "var" / "run" / "control.token", project_root).strip()


def is_alive(lease: Lease) -> bool:
    """Return whether the very process that wrote the lease lives. True where this is unknown."""
    if lease.start_ticks is None:
        return True
    if not _BOOT_ID.exists():
        return _is_alive_elsewhere(lease.pid, lease.start_ticks)
    try:
        stat = Path(f"/proc/{lease.pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    fields = stat.rpartition(")")[2].split()
    same_boot = lease.boot_id in (None, _BOOT_ID.read_text(encoding="ascii").strip())
    return same_boot and fields[0] != "Z" and int(fields[19]) == lease.start_ticks


def _is_alive_elsewhere(pid: int, start_ticks: int) -> bool:
    """Ask psutil, as the supervisor does on systems without /proc."""
    import psutil

    try:
        process = psutil.Process(pid)
        is_zombie = process.status() == psutil.STATUS_ZOMBIE
        return not is_zombie and int(process.create_time() * 100) == start_ticks
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, OSError):
        return True


def _read(path: Path, project_root: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise _not_supervised(project_root, f"{path} is not there.") from error


def _damaged(project_root: Path, path: Path, holder: int) -> LeaseDamaged:
    return LeaseDamaged(
        f"A supervisor (pid {holder}) holds {project_root}, but {path} is missing or damaged.",
        subject=str(project_root),
        observed=holder,
        next_step="Try again in a moment: it writes the file again. If it does not, look at "
        "var/log/supervisor.log.",
    )


def _not_supervised(project_root: Path, observed: str) -> NotSupervised:
    return NotSupervised(
        f"No supervisor runs for {project_root}.",
        subject=str(project_root),
        observed=observed,
        next_step="Start one with `trading-dashboard up`.",
    )
