"""Who owns the project: one supervisor at a time.

Owns the lock, which the system takes back when its holder dies however it dies; a name in the
kernel where there is such a thing, which holds also when lock and lease are deleted; and the lease
file, which tells others who the holder is and where it serves. What a dead holder left running is
found by `leftovers.py`.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trading_dashboard.models.errors import AlreadySupervised
from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM
from trading_dashboard.orchestrator.processes.platforms.seam import Closeable
from trading_dashboard.orchestrator.processes.process_tree import own_start_ticks, read_stat

LOCK_NAME = "lock"
LEASE_NAME = "lease.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What is known about the supervisor that owns, or owned, the project.

    Attributes:
        pid: Together with `start_ticks` and `boot_id` it means one process and never another.
        started_at: ISO 8601, UTC.
        control_url: Where the control API answers, once it does.
        dashboard_url: Where the dashboard is, once it is.
    """

    run_id: str
    pid: int
    start_ticks: int
    boot_id: str
    started_at: str
    control_url: str | None = None
    dashboard_url: str | None = None


class ProjectLease:
    """The claim of this process on one project."""

    def __init__(
        self, run_directory: Path, complain: Callable[[str], None] = lambda _: None
    ) -> None:
        """Take the folder, and who is told when the lease file had to be mended."""
        self._complain = complain
        self._lock_path = run_directory / LOCK_NAME
        self._path = run_directory / LEASE_NAME
        self._descriptor = -1
        self._name: Closeable | None = None
        self._lease: Lease | None = None
        self._is_published = False
        self._writing = threading.Lock()
        self._problem: str | None = None
        self.previous: Lease | None = None
        """The lease of a holder that died; None if the last one ended cleanly."""

    def claim(self, run_id: str) -> Lease:
        """Take the project.

        Raises:
            AlreadySupervised: Somebody else has it.
        """
        name = PLATFORM.take_name(self._path.parent)
        if isinstance(name, int):
            # Lock and lease may both have been removed under its feet.
            raise self._refusal(name)
        try:
            self._descriptor = self._lock_and_look()
        except BaseException:
            if name is not None:
                name.close()
            raise
        self._name = name
        self._lease = Lease(
            run_id=run_id,
            pid=os.getpid(),
            start_ticks=own_start_ticks(),
            boot_id=boot_id(),
            started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        return self._lease

    def _lock_and_look(self) -> int:
        descriptor = self._lock()
        self.previous = read_lease(self._path)
        if self.previous is not None and _is_another_alive(self.previous):
            # Somebody removed the lock file under its feet: whoever opens the path gets a new one.
            os.close(descriptor)
            raise self._refusal()
        return descriptor

    def publish(self, **fields: str | None) -> None:
        """Write the lease file, with changed fields, so that a reader sees all or nothing."""
        with self._writing:
            self._publish(**fields)

    def mend(self) -> None:
        """Make lock and lease what they were, if somebody damaged or removed them."""
        with self._writing:
            if not self._is_published:
                return
            try:
                problem = self._mend()
            except (OSError, AlreadySupervised) as error:
                problem = f"the lock or lease in {self._path.parent} is lost: {error}"
            if problem is not None and problem != self._problem:
                self._complain(problem)
            self._problem = problem

    def _mend(self) -> str | None:
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        problem = None
        if not self._holds_the_path():
            taken = self._lock()
            os.close(self._descriptor)
            self._descriptor = taken
            problem = f"{self._lock_path} was removed; it was made and locked again"
        if read_lease(self._path) != self._lease:
            self._publish()
            problem = problem or f"{self._path} was damaged or removed; it was written again"
        return problem

    def _holds_the_path(self) -> bool:
        try:
            return os.path.samestat(self._lock_path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False

    def _lock(self) -> int:
        """Return a descriptor that holds the lock.

        Raises:
            AlreadySupervised: Somebody else holds it.
        """
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        if not PLATFORM.try_lock(descriptor):
            os.close(descriptor)
            raise self._refusal()
        return descriptor

    def _publish(self, **fields: str | None) -> None:
        if self._lease is None:
            return
        self._lease = replace(self._lease, **fields)  # type: ignore[arg-type]
        temporary = self._path.with_name(f"{LEASE_NAME}.new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self._lease), file, indent=2)
        temporary.replace(self._path)
        self._is_published = True

    def release(self) -> None:
        """Give the project back."""
        if self._descriptor < 0:
            return
        with self._writing:
            self._is_published = False
            self._path.unlink(missing_ok=True)
        # The lock file stays: who waits for it must not end up with another one.
        os.close(self._descriptor)
        self._descriptor = -1
        self._lease = None
        if self._name is not None:
            self._name.close()
            self._name = None

    def _refusal(self, pid: int | None = None) -> AlreadySupervised:
        holder = read_lease(self._path)
        project = self._lock_path.parent.parent.parent
        if holder is None and pid is not None:
            return AlreadySupervised(
                f"Another supervisor (pid {pid}) has the project {project}, and has not said yet "
                "where it serves.",
                subject=str(project),
                observed=pid,
                next_step="Try again in a moment if it is starting or stopping; else use that one.",
            )
        if holder is None:
            return AlreadySupervised(
                f"Another supervisor is starting or stopping the project {project}.",
                subject=str(project),
                next_step="Try again in a moment.",
            )
        where = f"; its dashboard is at {holder.dashboard_url}" if holder.dashboard_url else ""
        return AlreadySupervised(
            f"Another supervisor (pid {holder.pid}, since {holder.started_at}) already runs the "
            f"project {project}{where}.",
            subject=str(project),
            observed=holder.pid,
            next_step="Use that one, or stop it with Ctrl-C in its terminal.",
        )


def read_lease(path: Path) -> Lease | None:
    """Return the lease in the file, or None if there is none that makes sense."""
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return _parse(found) if isinstance(found, dict) else None


def _is_another_alive(lease: Lease) -> bool:
    """Return whether the very process that wrote the lease lives, and is not this one."""
    process = read_stat(lease.pid)
    return (
        process is not None
        and process.is_alive
        and lease.pid != os.getpid()
        and lease.boot_id == boot_id()
        and lease.start_ticks == process.start_ticks
    )


def boot_id() -> str:
    """Return what tells this boot of the machine from others; empty where unknown."""
    return PLATFORM.boot_id()


def _parse(found: Mapping[str, Any]) -> Lease | None:
    wanted: dict[str, Any] = {name: found.get(name) for name in Lease.__dataclass_fields__}
    strings = ("run_id", "boot_id", "started_at")
    is_valid = all(isinstance(wanted[name], str) for name in strings) and all(
        isinstance(wanted[name], int) for name in ("pid", "start_ticks")
    )
    return Lease(**wanted) if is_valid else None
