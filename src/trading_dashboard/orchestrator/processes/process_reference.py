"""A hold on one process that can never turn into a hold on another.

Owns signalling and waiting for processes that need not be our children, by a pidfd that is verified
by start time when it is opened. Linux only; what the other systems do is in `platforms`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable

from trading_dashboard.orchestrator.processes.process_stat import Identity

if sys.platform == "linux":
    from trading_dashboard.orchestrator.processes.platforms.linux_table import read_stat

assert sys.platform == "linux"  # noqa: S101 - tells the type checker


class PidfdReference:
    """A process held by a pidfd."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop: asyncio.AbstractEventLoop | None = None

    def ask(self) -> None:
        """Send TERM."""
        self.send(signal.SIGTERM)

    def wake(self) -> None:
        """Send CONT."""
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        """Send KILL."""
        self.send(signal.SIGKILL)

    def send(self, signal_number: int) -> bool:
        """Signal it. False if it is gone.

        Raises:
            PermissionError: It is not ours to signal.
        """
        try:
            signal.pidfd_send_signal(self._descriptor, signal_number)
        except ProcessLookupError:
            return False
        return True

    def watch(self, on_end: Callable[[], None]) -> None:
        """Call `on_end` once, as soon as the process has ended."""
        loop = self._loop = asyncio.get_running_loop()

        def ended() -> None:
            loop.remove_reader(self._descriptor)
            on_end()

        loop.add_reader(self._descriptor, ended)

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor < 0:
            return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1


def open_reference(identity: Identity) -> PidfdReference | None:
    """Return a hold on the process, or None if it is gone."""
    pid, start_ticks = identity
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return None
    # Read after the pidfd was opened: if it still is the process we mean, the pidfd is its.
    process = read_stat(pid)
    if process is None or process.start_ticks != start_ticks:
        os.close(descriptor)
        return None
    return PidfdReference(descriptor)
