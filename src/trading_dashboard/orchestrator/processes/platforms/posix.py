"""What Linux and macOS have in common: sessions, process groups, signals, flock.

Owns starting a tree in a session of its own and signalling its group. How an end is seen, how a
single process is held and where the process table is read is each system's own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from trading_dashboard.orchestrator.output.pump import LogPump
from trading_dashboard.orchestrator.processes.platforms.no_tags import NoTags
from trading_dashboard.orchestrator.processes.platforms.seam import (
    Closeable,
    Guardian,
    Leader,
    Tags,
    Watch,
)
from trading_dashboard.orchestrator.runtime import ExitStatus

if sys.platform != "win32":
    import fcntl
    import resource

assert sys.platform != "win32"  # noqa: S101 - tells the type checker

DESCRIPTORS = 8192
"""Three per agent, and one more per process while it is being ended."""


class PosixPlatform:
    """The common part."""

    tags: Tags = NoTags()

    def __init__(
        self,
        leader_type: Callable[..., Leader],
        watch_type: Callable[[Any, Callable[[ExitStatus], None]], Watch],
    ) -> None:
        """Take what a leader is made of (called like `subprocess.Popen`) and what watches it."""
        self.leader_type = leader_type
        self._watch_type = watch_type

    def spawn(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        env: Mapping[str, str],
        stdout: int,
        stderr: int,
    ) -> Leader:
        """Start the leader of a session, and of a group, that have its number."""
        return self.leader_type(
            command,
            cwd=directory,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            close_fds=True,
        )

    def watch_exit(self, leader: Leader, on_exit: Callable[[ExitStatus], None]) -> Watch:
        """Call `on_exit` once, as soon as the leader has ended."""
        return self._watch_type(leader, on_exit)

    def ask_group(self, leader: Leader) -> bool:
        """Send TERM to the group. Always possible: its members are asked one by one as well."""
        _send_group(leader, signal.SIGTERM)
        return True

    def kill_group(self, leader: Leader) -> None:
        """Send KILL to the group."""
        _send_group(leader, signal.SIGKILL)

    def make_pump(self, announce: Callable[[], None]) -> LogPump:
        """Return one thread that waits for all pipes."""
        return LogPump(announce)

    def raise_descriptor_limit(self) -> None:
        """Raise the soft limit; agents inherit it."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    def make_private(self, folder: Path) -> None:
        """Make a folder of mode 0700, or make one that is there so."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(0o700)

    def try_lock(self, descriptor: int) -> bool:
        """Take an flock: the system gives it back however we die."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def take_name(self, folder: Path) -> Closeable | int | None:  # noqa: ARG002
        """Return None: POSIX has no names that cannot be removed."""
        return None

    def make_guardian(
        self,
        run_id: str,
        run_tag: int,
        log_file: Path,
        executor: Executor,
        complain: Callable[[str], None],
    ) -> Guardian:
        """Return the keeper of a guardian process."""
        from trading_dashboard.orchestrator.processes.guardian_keeper import GuardianKeeper

        return GuardianKeeper(run_id, run_tag, log_file, executor, complain, self)


def _send_group(leader: Leader, signal_number: int) -> None:
    # Once reaped, the number may be that of a stranger's group.
    if not leader.is_reaped:
        # Not permitted: somebody in it changed user; the others are signalled one by one.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader.pid, signal_number)
