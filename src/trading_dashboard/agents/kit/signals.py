"""The signals that ask an agent to end, on every system.

TERM and INT; on Windows also BREAK, which is how a supervisor asks there. Its event loops take no
signal handlers, so there the interpreter's are used and the loop is woken.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import FrameType

_NAMES = ("SIGTERM", "SIGINT", "SIGBREAK")


def call_on_stop_signals(
    loop: asyncio.AbstractEventLoop, act: Callable[[signal.Signals], None]
) -> None:
    """Have `act` called on the loop with each signal that asks to end."""
    for number in stop_signals():
        try:
            loop.add_signal_handler(number, act, number)
        except NotImplementedError:
            signal.signal(number, _waking(loop, act))


def stop_signals() -> list[signal.Signals]:
    """Return those this system has."""
    found = (getattr(signal, name, None) for name in _NAMES)
    return [number for number in found if number is not None]


def _waking(
    loop: asyncio.AbstractEventLoop, act: Callable[[signal.Signals], None]
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(act, signal.Signals(number))

    return handle
