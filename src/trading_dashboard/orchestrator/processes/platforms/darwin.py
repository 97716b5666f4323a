"""macOS, and other Unix systems without pidfds and /proc: POSIX and psutil.

Owns what is done in their place. An end is seen by a thread in `waitpid`. That reaps, because
CPython has no `waitid` on macOS before 3.13: so a leader's number is good only until it has ended,
and its group is not signalled after that. A process is known by its pid and its start time as
psutil tells it, compared before each signal: a moment stays between the look and the signal.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import psutil

from trading_dashboard.orchestrator.processes.platforms.seam import Platform, ProcessReference
from trading_dashboard.orchestrator.processes.platforms.waiting_thread import WaitingThread
from trading_dashboard.orchestrator.processes.platforms.whole_table import read_whole
from trading_dashboard.orchestrator.processes.process_stat import (
    Identity,
    ProcessStat,
    TableReading,
)

if sys.platform != "win32":
    from trading_dashboard.orchestrator.processes.platforms.posix import PosixPlatform

assert sys.platform != "win32"  # noqa: S101 - tells the type checker

CLOCK_TICKS = 100
LOOK_SECONDS = 0.01
UNKNOWN_RETURNCODE = 255
"""What is reported when somebody else in this program reaped the child first."""

ReadStat = Callable[[int], ProcessStat | None]


class CollectedLeader(subprocess.Popen[bytes]):
    """A child that is reaped by whoever sees its end first, and by nobody else."""

    is_reaped = False
    """Whether the pid may be somebody else's by now."""
    _collecting: threading.Lock

    def __init__(self, *arguments: object, **options: object) -> None:
        self._collecting = threading.Lock()
        super().__init__(*arguments, **options)  # type: ignore[call-overload]

    def poll(self) -> int | None:
        """Return the return code, or None while it runs."""
        # Whoever sleeps in `wait` has the lock, and will know first.
        if self.returncode is None and self._collecting.acquire(blocking=False):
            try:
                self._collect(os.WNOHANG)
            finally:
                self._collecting.release()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the return code once it has ended.

        Raises:
            subprocess.TimeoutExpired: It has not ended within `timeout` seconds.
        """
        if timeout is None:
            with self._collecting:
                self._collect(0)
            return self.returncode
        until = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() >= until:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.005)
        return self.returncode

    def reap(self) -> None:
        """Return once it is reaped."""
        self.wait()

    def _collect(self, flags: int) -> None:
        """Ask the system, with the lock held; a second waiter must not ask for a reused number."""
        if self.returncode is not None:
            return
        try:
            pid, status = os.waitpid(self.pid, flags)
        except ChildProcessError:
            pid, status = self.pid, UNKNOWN_RETURNCODE << 8
        if pid == self.pid:
            self.is_reaped = True
            self.returncode = os.waitstatus_to_exitcode(status)


class LookingReference:
    """A process known by pid and start time."""

    def __init__(self, identity: Identity, read: ReadStat) -> None:
        self._identity = identity
        self._read = read
        self._handle: asyncio.Handle | None = None

    def ask(self) -> None:
        """Send TERM."""
        self._send(signal.SIGTERM)

    def wake(self) -> None:
        """Send CONT."""
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        """Send KILL."""
        self._send(signal.SIGKILL)

    def watch(self, on_end: Callable[[], None]) -> None:
        """Call `on_end` once, as soon as a look finds that the process has ended."""
        loop = asyncio.get_running_loop()

        def look() -> None:
            if self._is_alive():
                self._handle = loop.call_later(LOOK_SECONDS, look)
            else:
                on_end()

        self._handle = loop.call_soon(look)

    def close(self) -> None:
        """Let go of it."""
        if self._handle is not None:
            self._handle.cancel()

    def _send(self, signal_number: int) -> None:
        if not self._is_alive():
            return
        try:
            os.kill(self._identity[0], signal_number)
        except ProcessLookupError:  # gone since the look
            return

    def _is_alive(self) -> bool:
        process = self._read(self._identity[0])
        return process is not None and process.identity == self._identity and process.is_alive


def read_stat(pid: int) -> ProcessStat | None:
    """Return the process's row, or None if there is no such process."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            is_zombie = process.status() == psutil.STATUS_ZOMBIE
            times = process.cpu_times()
            return ProcessStat(
                pid=pid,
                start_ticks=int(process.create_time() * CLOCK_TICKS),
                state="Z" if is_zombie else "S",
                parent=process.ppid() or 0,
                group=os.getpgid(pid),
                session=os.getsid(pid),
                cpu_ticks=int((times.user + times.system) * CLOCK_TICKS),
                resident_bytes=process.memory_info().rss,
            )
    except (psutil.Error, OSError):
        return None


def read_environ(pid: int) -> bytes | None:
    """Return the environment the process was started with, or None if it cannot be read."""
    try:
        entries = psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return None
    return b"\0".join(os.fsencode(f"{name}={value}") for name, value in entries.items())


class DarwinPlatform(PosixPlatform):
    """The common part, with threads and psutil."""

    name = "macOS"
    notice: str | None = (
        "This version was never run on this system by its makers, only on Linux: "
        "docs/platforms.md says what that means."
    )
    clock_ticks = CLOCK_TICKS
    read_stat = staticmethod(read_stat)
    read_environ = staticmethod(read_environ)

    def read_table(self) -> TableReading:
        """Return the rows of all processes. Nobody tells here which pid was given out last."""
        return read_whole(psutil.pids, read_stat)

    def boot_id(self) -> str:
        """Return nothing: a start time here is a date, which no other boot repeats."""
        return ""

    def hold(self, identity: Identity) -> ProcessReference | None:
        """Return a hold on the process, or None if it is gone."""
        process = read_stat(identity[0])
        if process is None or process.identity != identity:
            return None
        return LookingReference(identity, read_stat)


def open_platform() -> Platform:
    """Return this platform."""
    return DarwinPlatform(CollectedLeader, WaitingThread)
