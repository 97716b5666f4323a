"""Signals as messages: handlers only enqueue, the loop decides."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""What asks the desk to end. Windows has no HUP, and only Windows has BREAK."""
HANG_UP: signal.Signals | None = getattr(signal, "SIGHUP", None)


@contextmanager
def signal_queue() -> Iterator[asyncio.Queue[signal.Signals]]:
    """Give a queue that receives INT, TERM and HUP (or BREAK) until the block is left.

    A hang-up that was ignored when we were started stays ignored: that is what ``nohup`` asks for.
    An ignored interrupt does not: shells ignore it for whatever scripts start in the background.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[signal.Signals] = asyncio.Queue()
    with ExitStack() as at_end:
        for name in NAMES:
            number: signal.Signals | None = getattr(signal, name, None)
            if number is None or (number is HANG_UP and signal.getsignal(number) is signal.SIG_IGN):
                continue
            try:
                loop.add_signal_handler(number, queue.put_nowait, number)
                at_end.callback(loop.remove_signal_handler, number)
            except NotImplementedError:  # Windows' event loops
                before = signal.signal(number, _waking(loop, queue))
                at_end.callback(signal.signal, number, before)
        yield queue


def _waking(
    loop: asyncio.AbstractEventLoop, queue: asyncio.Queue[signal.Signals]
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, signal.Signals(number))

    return handle
