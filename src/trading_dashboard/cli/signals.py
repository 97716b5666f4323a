"""Signals as messages: handlers only enqueue, the loop decides."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def signal_queue() -> Iterator[asyncio.Queue[signal.Signals]]:
    """Give a queue that receives INT, TERM and HUP until the block is left.

    A hang-up that was ignored when we were started stays ignored: that is what ``nohup`` asks for.
    An ignored interrupt does not: shells ignore it for whatever scripts start in the background.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[signal.Signals] = asyncio.Queue()
    taken: list[signal.Signals] = []
    for name in NAMES:
        number = getattr(signal, name, None)
        if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            continue
        loop.add_signal_handler(number, queue.put_nowait, number)
        taken.append(number)
    try:
        yield queue
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
