"""A worker of the pool: waits for chunks, runs the task over them, and ends with its parent.

Owns the process's whole life. It is started as a program of its own with three descriptors, a
socket, the memory chunks come in and the memory results go out, and how far it gives way to
others. Messages on the socket are a kind and a size, 16 bytes, so that neither side ever waits for
the rest of one. A thread reads the socket: when the parent is gone, however it went, the process
ends at once, whatever it is doing.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import queue
import signal
import socket
import struct
import sys
import threading
from typing import Any

from trading_dashboard.agents.pattern_recognition.scan.mapping import (
    Outcome,
    Task,
    described,
    run_task,
)
from trading_dashboard.agents.pattern_recognition.scan.memory import read_series, write_all

MESSAGE = struct.Struct("<qq")
READY, CHUNK, DONE = range(3)


def main(arguments: list[str]) -> int:
    """Serve chunks until the parent closes the socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which closes us
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.nice(int(arguments[3]))
    link = socket.socket(fileno=int(arguments[0]))
    incoming, outgoing = int(arguments[1]), int(arguments[2])
    inbox: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(link, inbox), daemon=True).start()
    with contextlib.suppress(ConnectionError):  # the parent is gone
        link.sendall(MESSAGE.pack(READY, 0))
        while True:
            _, size = inbox.get()
            content = _packed(_run(incoming, size))
            write_all(outgoing, content)
            link.sendall(MESSAGE.pack(DONE, len(content)))
    return 0


def _listen(link: socket.socket, inbox: queue.SimpleQueue[tuple[int, int]]) -> None:
    while True:
        try:
            message = link.recv(MESSAGE.size, socket.MSG_WAITALL)
        except OSError:
            message = b""
        if len(message) < MESSAGE.size:
            os._exit(0)
        inbox.put(MESSAGE.unpack(message))


def _load_task(content: bytes) -> Task | Exception:
    try:
        loaded: Task = pickle.loads(content)  # noqa: S301 - from our parent
    except Exception as error:  # noqa: BLE001 - told with every symbol
        return error
    return loaded


def _run(incoming: int, size: int) -> list[Outcome]:
    """Return what the task of the chunk in memory makes of each of its symbols."""
    memory = mmap.mmap(incoming, size, access=mmap.ACCESS_READ)
    note, series = read_series(memory)
    task = _load_task(note)
    if isinstance(task, Exception):
        return [Outcome(symbol, error=described(task)) for symbol, _ in series]
    return [run_task(task, symbol, bars) for symbol, bars in series]


def _packed(outcomes: list[Outcome]) -> bytes:
    """Return the outcomes as bytes; one that cannot be sent becomes that symbol's error."""
    try:
        return pickle.dumps(outcomes, pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001 - looked at one by one
        return pickle.dumps([_sendable(outcome) for outcome in outcomes])


def _sendable(outcome: Outcome) -> Outcome:
    try:
        pickle.dumps(outcome)
    except Exception as error:  # noqa: BLE001 - any error of one symbol is that symbol's outcome
        return Outcome(outcome.symbol, error=described(error))
    return outcome


def unpack(content: bytes) -> Any:
    """Return what a worker sent."""
    return pickle.loads(content)  # noqa: S301 - from our own child


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
