"""An event loop whose time jumps: what waits an hour is awaited in no time, the same every run."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

MIDNIGHT = 1_767_225_600_000_000
"""2026-01-01 00:00 UTC in microseconds: wall time at loop time 0."""
START = 10.0 * 3600


class _JumpingSelector(selectors.DefaultSelector):
    """Advances the loop's time instead of waiting."""

    virtual = START

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.virtual += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time passes only when all wait; threads are run at once, in place."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.virtual

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - handed to whoever awaits it
            future.set_exception(error)
        return future


def wall() -> int:
    """Return the wall clock of the virtual world."""
    return MIDNIGHT + int(asyncio.get_running_loop().time() * 1_000_000)


def loop_time() -> float:
    return asyncio.get_running_loop().time()
