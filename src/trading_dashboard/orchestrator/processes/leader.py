"""The first process of a tree: a `Popen` that is not reaped behind our back.

Owns how a leader's end is observed and when it is reaped. While it is unreaped, its pid, and with
it the numbers of its session and group, cannot be given to anybody else; so signalling the group
is safe until `reap`. `poll` and `wait` of a plain `Popen` would reap: here they only look.
Linux only; the other systems' leaders are in `platforms`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable

from trading_dashboard.orchestrator.runtime import ExitStatus

assert sys.platform == "linux"  # noqa: S101 - tells the type checker

UNKNOWN_RETURNCODE = 255
"""What is reported when somebody else in this program reaped the child first."""


class LeaderProcess(subprocess.Popen[bytes]):
    """A child whose end can be seen without reaping it."""

    _is_reaped = False

    @property
    def is_reaped(self) -> bool:
        """Return whether the pid may be somebody else's by now.

        The system is asked: a program that uses us as a library may reap all its children itself.
        """
        if not self._is_reaped:
            self._look(os.WNOHANG)
        return self._is_reaped

    def poll(self) -> int | None:
        """Return the return code, or None while it runs."""
        if self.returncode is None:
            self._look(os.WNOHANG)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the return code once it has ended.

        Raises:
            subprocess.TimeoutExpired: It has not ended within `timeout` seconds.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            if until is None:
                self._look(0)
            elif self.poll() is None:
                if time.monotonic() >= until:
                    raise subprocess.TimeoutExpired(self.args, timeout or 0)
                time.sleep(0.005)
        return self.returncode

    def reap(self) -> None:
        """Give the pid back to the system. The process must have ended."""
        self.wait()
        if self.is_reaped:
            return
        self._is_reaped = True
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def _look(self, flags: int) -> None:
        try:
            result = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | flags)
        except ChildProcessError:
            self._is_reaped = True
            if self.returncode is None:
                self.returncode = UNKNOWN_RETURNCODE
            return
        if result is not None:
            has_exited = result.si_code == os.CLD_EXITED
            self.returncode = result.si_status if has_exited else -result.si_status


class ExitWatch:
    """Reports the end of a leader once, on the loop it was made on."""

    def __init__(self, process: LeaderProcess, on_exit: Callable[[ExitStatus], None]) -> None:
        self._process = process
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        # Unreaped, so the pid is the child's even if it has ended already.
        self._descriptor = os.pidfd_open(process.pid)
        self._loop.add_reader(self._descriptor, self._report)

    def close(self) -> None:
        """Stop watching."""
        if self._descriptor >= 0:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _report(self) -> None:
        returncode = self._process.poll()
        if returncode is None:  # a spurious wake-up
            return
        self.close()
        self._on_exit(ExitStatus(returncode))
