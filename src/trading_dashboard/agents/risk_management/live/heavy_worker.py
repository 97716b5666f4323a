"""The process in which heavy questions are computed: ``python -m …heavy_worker``.

Owns reading tasks from standard input and writing outcomes to standard output, as pickles with
their length before them. It ends when its input does, also in the middle of a task, so it never
outlives the agent. What tasks print goes to standard error.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import struct
import sys
import threading
import traceback
from importlib import import_module
from typing import Any, BinaryIO

LENGTH = struct.Struct("<Q")
NICENESS = 5
"""The agent and the desk come first."""


def main() -> int:
    """Compute until the input ends."""
    # Ctrl-C in a terminal is the agent's to deal with; this process ends when the agent does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        os.nice(NICENESS)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, tasks), daemon=True).start()
    data: Any = None
    while True:
        task = pickle.loads(tasks.get())  # noqa: S301 - from the agent, over its own pipe
        if "data" in task:
            data = task["data"]
        write(out, _outcome(task, data))


def _outcome(task: dict[str, Any], data: Any) -> tuple[bool, Any]:
    """Return whether it went well, and the result, one of our errors, or a traceback."""
    from trading_dashboard.models.errors import TradingDashboardError

    try:
        module, _, name = task["function"].partition(":")
        return True, getattr(import_module(module), name)(data, *task["arguments"])
    except TradingDashboardError as error:
        return False, error
    except Exception:  # noqa: BLE001 - told to whoever asked; this process goes on
        return False, traceback.format_exc(limit=-8)


def write(out: BinaryIO, message: Any) -> None:
    """Write one message."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    out.write(LENGTH.pack(len(body)))
    out.write(body)
    out.flush()


def _read(incoming: BinaryIO, tasks: queue.SimpleQueue[bytes]) -> None:
    while True:
        head = incoming.read(LENGTH.size)
        if len(head) < LENGTH.size:
            break
        size = LENGTH.unpack(head)[0]
        body = incoming.read(size)
        if len(body) < size:
            break
        tasks.put(body)
    os._exit(0)  # the agent is gone; what is being computed is for nobody


if __name__ == "__main__":
    raise SystemExit(main())
