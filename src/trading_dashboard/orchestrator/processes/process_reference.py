"""A hold on one process that can never turn into a hold on another.

Owns signalling and waiting for processes that need not be our children. On Linux a pidfd, verified
by start time when it is opened; elsewhere the start time is compared before each signal, and the
end is noticed by looking every 10 ms.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Protocol

from trading_dashboard.orchestrator.processes.process_tree import Identity, read_stat

LOOK_SECONDS = 0.01


class ProcessReference(Protocol):
    """One process, alive or not."""

    def send(self, signal_number: int) -> bool:
        """Signal it. False if it is gone.

        Raises:
            PermissionError: It is not ours to signal.
        """

    def watch(self, on_end: Callable[[], None]) -> None:
        """Call `on_end` once on the running loop, as soon as the process has ended."""

    def close(self) -> None:
        """Let go of it."""


if sys.platform == "linux":

    class PidfdReference:
        """A process held by a pidfd."""

        def __init__(self, descriptor: int) -> None:
            self._descriptor = descriptor
            self._loop: asyncio.AbstractEventLoop | None = None

        def send(self, signal_number: int) -> bool:
            """Signal it. False if it is gone."""
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

    def open_reference(identity: Identity) -> ProcessReference | None:
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

else:

    class LookingReference:
        """A process known by pid and start time."""

        def __init__(self, identity: Identity) -> None:
            self._identity = identity
            self._timer: asyncio.TimerHandle | None = None

        def send(self, signal_number: int) -> bool:
            """Signal it. False if it is gone."""
            if not self._is_alive():
                return False
            try:
                os.kill(self._identity[0], signal_number)
            except ProcessLookupError:
                return False
            return True

        def watch(self, on_end: Callable[[], None]) -> None:
            """Call `on_end` once, as soon as the process has ended."""
            loop = asyncio.get_running_loop()

            def look() -> None:
                if self._is_alive():
                    self._timer = loop.call_later(LOOK_SECONDS, look)
                else:
                    on_end()

            self._timer = loop.call_soon(look)  # type: ignore[assignment]

        def close(self) -> None:
            """Let go of it."""
            if self._timer is not None:
                self._timer.cancel()

        def _is_alive(self) -> bool:
            process = read_stat(self._identity[0])
            return process is not None and process.identity == self._identity and process.is_alive

    def open_reference(identity: Identity) -> ProcessReference | None:
        """Return a hold on the process, or None if it is gone."""
        process = read_stat(identity[0])
        if process is None or process.identity != identity:
            return None
        return LookingReference(identity)
