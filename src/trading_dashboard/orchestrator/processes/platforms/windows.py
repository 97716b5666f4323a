"""Windows: a Job Object holds each tree, a console event asks it to end.

Owns how a tree is started, asked, ended and listed there. A job is what session, group and marker
are elsewhere, and more: nobody in it can leave it, it ends as a whole, and it ends when its last
handle is closed. The supervisor has the only handle, so its death by whatever means ends every
tree at once: that is the guardian's work, and no dead run leaves anything behind.

The interpreter of a venv is a launcher that starts the real one as its child. It is in the job
before it has run its first instruction, and so is the child.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import psutil

from trading_dashboard.orchestrator.output.pipe_threads import ThreadedLogPump
from trading_dashboard.orchestrator.output.pump import LogPump
from trading_dashboard.orchestrator.processes.platforms.kernel32 import (
    HOLD_RIGHTS,
    LEADER_RIGHTS,
    Kernel32,
    open_kernel32,
)
from trading_dashboard.orchestrator.processes.platforms.no_tags import NoTags
from trading_dashboard.orchestrator.processes.platforms.seam import (
    Closeable,
    Guardian,
    Leader,
    Platform,
    ProcessReference,
    Tags,
    Watch,
)
from trading_dashboard.orchestrator.processes.platforms.waiting_thread import WaitingThread
from trading_dashboard.orchestrator.processes.process_stat import (
    Identity,
    ProcessStat,
    TableReading,
)
from trading_dashboard.orchestrator.runtime import ExitStatus

CREATE_SUSPENDED = 0x00000004
CREATE_NEW_PROCESS_GROUP = 0x00000200
CLOCK_TICKS = 100
LOOK_SECONDS = 0.01


class JobLeader:
    """The first process of a tree, and the job that holds the tree.

    Its number stays its own, and its job open, until `reap`.
    """

    def __init__(self, process: subprocess.Popen[bytes], job: int, kernel: Kernel32) -> None:
        self.job = job
        self.pid = process.pid
        self.is_reaped = False
        self._process = process
        self._kernel = kernel

    def poll(self) -> int | None:
        """Return the return code, or None while it runs."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Return the return code once it has ended."""
        return self._process.wait(timeout)

    def reap(self) -> None:
        """Close the job: whoever were still in it would end now."""
        self.wait()
        if not self.is_reaped:
            self.is_reaped = True
            self._kernel.close(self.job)


class HandleReference:
    """A process held by a handle: its number is nobody else's for as long."""

    def __init__(self, handle: int, kernel: Kernel32) -> None:
        self._handle = handle
        self._kernel = kernel
        self._next: asyncio.Handle | None = None

    def ask(self) -> None:
        """Do nothing: only a process group can be asked here."""

    def wake(self) -> None:
        """Do nothing: a suspended process is a debugger's here."""

    def kill(self) -> None:
        """Terminate it."""
        if not self._kernel.has_ended(self._handle):
            self._kernel.terminate_process(self._handle)

    def watch(self, on_end: Callable[[], None]) -> None:
        """Call `on_end` once, as soon as a look finds that the process has ended."""
        loop = asyncio.get_running_loop()

        def look() -> None:
            if self._kernel.has_ended(self._handle):
                on_end()
            else:
                self._next = loop.call_later(LOOK_SECONDS, look)

        self._next = loop.call_soon(look)

    def close(self) -> None:
        """Let go of it."""
        if self._next is not None:
            self._next.cancel()
        if self._handle:
            handle, self._handle = self._handle, 0
            self._kernel.close(handle)


class NoGuardian:
    """The jobs' last handles are closed with the supervisor: nobody else has to look."""

    pid: int | None = None

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def add(self, leader: int) -> None:
        """Do nothing."""

    def remove(self, leader: int) -> None:
        """Do nothing."""

    def wake(self) -> None:
        """Do nothing."""


class WindowsPlatform:
    """Windows 8 and later: a job can be in another one there."""

    name = "Windows"
    notice: str | None = (
        "This version was never run on Windows by its makers, only on Linux: "
        "docs/platforms.md says what that means."
    )
    clock_ticks = CLOCK_TICKS
    tags: Tags = NoTags()

    def __init__(
        self,
        open_kernel: Callable[[], Kernel32] = open_kernel32,
        popen: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen,
    ) -> None:
        self._open_kernel = open_kernel
        self._popen = popen
        self._jobs: dict[int, JobLeader] = {}
        self._lock = threading.Lock()

    @cached_property
    def kernel(self) -> Kernel32:
        """Return Windows' calls, loaded when they are first needed."""
        return self._open_kernel()

    # The process table: who is in one of our jobs. Nobody else can be a member.

    def read_table(self) -> TableReading:
        """Return the rows of all processes in our jobs; session and group are the leader's number.

        The jobs are asked before and after: a number that was in the same job both times was
        nobody else's in between, and one that is there only afterwards was not read.
        """
        before = self._leaders_by_pid()
        found = [process for pid in before if (process := self.read_stat(pid)) is not None]
        after = self._leaders_by_pid()
        rows = [
            process._replace(group=leader, session=leader)
            for process in found
            if (leader := after.get(process.pid, 0)) and leader == before[process.pid]
        ]
        return TableReading(rows, is_whole=after.keys() <= before.keys())

    def read_stat(self, pid: int) -> ProcessStat | None:
        """Return the process's row, without parent, group and session.

        Finding a parent means reading the whole table, and its number may be somebody else's.
        """
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                return ProcessStat(
                    pid=pid,
                    start_ticks=int(process.create_time() * CLOCK_TICKS),
                    state="S",
                    parent=0,
                    group=0,
                    session=0,
                    cpu_ticks=int((times.user + times.system) * CLOCK_TICKS),
                    resident_bytes=process.memory_info().rss,
                )
        except (psutil.Error, OSError):
            return None

    def read_environ(self, pid: int) -> bytes | None:  # noqa: ARG002 - of no process
        """Return None: the job is the proof here, and a marker proves nothing beyond it."""
        return None

    def boot_id(self) -> str:
        """Return nothing: a start time here is a date, which no other boot repeats."""
        return ""

    # A tree.

    def spawn(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        env: Mapping[str, str],
        stdout: int,
        stderr: int,
    ) -> Leader:
        """Start the leader of a new job.

        Suspended until it is in the job: what it started before (a venv's launcher starts the
        real interpreter at once) would be outside of it for ever.
        """
        job = self.kernel.create_job()
        try:
            process = self._popen(
                command,
                cwd=directory,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                close_fds=True,
                creationflags=CREATE_NEW_PROCESS_GROUP | CREATE_SUSPENDED,
            )
        except BaseException:
            self.kernel.close(job)
            raise
        leader = JobLeader(process, job, self.kernel)
        try:
            self._confine(leader)
        except BaseException:
            process.kill()
            leader.reap()
            raise
        with self._lock:
            self._jobs = {pid: old for pid, old in self._jobs.items() if not old.is_reaped}
            self._jobs[leader.pid] = leader
        return leader

    def watch_exit(self, leader: Leader, on_exit: Callable[[ExitStatus], None]) -> Watch:
        """Call `on_exit` once, as soon as the leader has ended."""
        return WaitingThread(leader, on_exit)

    def ask_group(self, leader: Leader) -> bool:
        """Send CTRL_BREAK to the leader's group. False without a console in common."""
        try:
            self.kernel.send_break(leader.pid)
        except OSError:
            return False
        return True

    def kill_group(self, leader: Leader) -> None:
        """Terminate the whole job."""
        with self._lock:
            found = self._jobs.get(leader.pid)
        if found is leader and not leader.is_reaped:
            with suppress(OSError):  # who is left is terminated one by one
                self.kernel.terminate_job(found.job)

    def hold(self, identity: Identity) -> ProcessReference | None:
        """Return a hold on the process, or None if it is gone or not ours to end."""
        try:
            handle = self.kernel.open_process(identity[0], HOLD_RIGHTS)
        except OSError:
            return None
        # Read after the handle was opened: if it still is who we mean, the handle is its.
        process = self.read_stat(identity[0])
        if process is None or process.identity != identity:
            self.kernel.close(handle)
            return None
        return HandleReference(handle, self.kernel)

    def make_pump(self, announce: Callable[[], None]) -> LogPump:
        """Return a thread per pipe: pipes cannot be waited for together here."""
        return ThreadedLogPump(announce)

    # The project.

    def raise_descriptor_limit(self) -> None:
        """Do nothing: there is no such limit on handles, and C's 8192 files are enough."""

    def make_private(self, folder: Path) -> None:
        """Make a folder. Who may enter it is inherited: modes mean nothing here."""
        folder.mkdir(parents=True, exist_ok=True)

    def try_lock(self, descriptor: int) -> bool:
        """Lock the first byte: the system gives it back however we die."""
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            _lock_byte(descriptor)
        except OSError:
            return False
        return True

    def take_name(self, folder: Path) -> Closeable | int | None:  # noqa: ARG002
        """Return None: a lock file that is open cannot be removed here."""
        return None

    def make_guardian(
        self,
        run_id: str,  # noqa: ARG002
        run_tag: int,  # noqa: ARG002
        log_file: Path,  # noqa: ARG002
        executor: Executor,  # noqa: ARG002
        complain: Callable[[str], None],  # noqa: ARG002
    ) -> Guardian:
        """Return nobody: a job ends with its last handle."""
        return NoGuardian()

    def _confine(self, leader: JobLeader) -> None:
        """Put the suspended leader into its job, then let it run."""
        try:
            handle = self.kernel.open_process(leader.pid, LEADER_RIGHTS)
            try:
                self.kernel.assign(leader.job, handle)
                self.kernel.resume(handle)
            finally:
                self.kernel.close(handle)
        except OSError as error:
            # Not as PermissionError: that would blame the program's file.
            raise OSError(f"it could not be confined to a job object: {error}") from error

    def _leaders_by_pid(self) -> dict[int, int]:
        """Return the leader of each process in our trees."""
        with self._lock:
            leaders = [leader for leader in self._jobs.values() if not leader.is_reaped]
        return {
            pid: leader.pid for leader in leaders for pid in self.kernel.process_ids(leader.job)
        }


def _lock_byte(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        raise OSError(f"{sys.platform} has no msvcrt")


def open_platform() -> Platform:
    """Return this platform."""
    return WindowsPlatform()
