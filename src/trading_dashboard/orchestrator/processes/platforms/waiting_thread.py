"""Seeing a child's end where the system has nothing that an event loop could wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from trading_dashboard.orchestrator.processes.platforms.seam import Leader
from trading_dashboard.orchestrator.runtime import ExitStatus


class WaitingThread:
    """A thread that sleeps in `wait`, and reports the end once, on the loop it was made on."""

    def __init__(self, leader: Leader, on_exit: Callable[[ExitStatus], None]) -> None:
        self._leader = leader
        self._on_exit: Callable[[ExitStatus], None] | None = on_exit
        self._loop = asyncio.get_running_loop()
        # A daemon: a child that never ends must not keep this program from ending.
        threading.Thread(target=self._wait, name=f"wait-{leader.pid}", daemon=True).start()

    def close(self) -> None:
        """Report nothing any more. The thread ends with the child."""
        self._on_exit = None

    def _wait(self) -> None:
        returncode = self._leader.wait()
        try:
            self._loop.call_soon_threadsafe(self._report, returncode)
        except RuntimeError:
            return  # the loop is closed: nobody is left to be told

    def _report(self, returncode: int) -> None:
        on_exit, self._on_exit = self._on_exit, None
        if on_exit is not None:
            on_exit(ExitStatus(returncode))
