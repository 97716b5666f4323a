"""The parent's side of one worker: starting it, sending it a chunk, ending it.

Owns a process, its socket and its two pieces of memory. It decides nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from trading_dashboard.agents.pattern_recognition.scan import worker as program
from trading_dashboard.agents.pattern_recognition.scan.mapping import Outcome, Series
from trading_dashboard.agents.pattern_recognition.scan.memory import (
    anonymous_file,
    take_all,
    write_series,
)

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class WorkerDied(Exception):
    """The worker is gone; its chunk has no outcome."""


class WorkerProcess:
    """One worker. `chunk` is what it works on, `since` when that began (monotonic)."""

    def __init__(self, niceness: int) -> None:
        self.chunk: Sequence[Series] | None = None
        self.since = time.monotonic()
        self.is_ready = False
        with contextlib.ExitStack() as until_started:
            self._incoming, self._outgoing = (
                _opened(anonymous_file(), until_started) for _ in range(2)
            )
            self.link, theirs = socket.socketpair()
            until_started.callback(self.link.close)
            with theirs:
                descriptors = (theirs.fileno(), self._incoming, self._outgoing)
                self._process = subprocess.Popen(
                    [sys.executable, "-m", program.__name__, *map(str, (*descriptors, niceness))],
                    pass_fds=descriptors,
                    stdin=subprocess.DEVNULL,
                    # The worker finds what this process finds, wherever that was told.
                    env={**os.environ, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(sys.path)},
                )
            until_started.pop_all()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def is_dead(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def give(self, task: bytes, chunk: Sequence[Series]) -> None:
        """Send a chunk and what is to be done with each symbol, pickled. Raises `WorkerDied`."""
        self.chunk, self.since = chunk, time.monotonic()
        size = write_series(self._incoming, chunk, task)
        try:
            self.link.sendall(program.MESSAGE.pack(program.CHUNK, size))
        except OSError as error:
            raise WorkerDied(self.end_description()) from error

    def receive(self) -> list[Outcome] | None:
        """Return a chunk's outcomes; None for the word that it has started.

        Called when the socket is readable. Raises `WorkerDied`.
        """
        try:
            message = self.link.recv(program.MESSAGE.size, socket.MSG_WAITALL)
            if len(message) < program.MESSAGE.size:
                raise WorkerDied(self.end_description())
            kind, size = program.MESSAGE.unpack(message)
            if kind == program.READY:
                self.is_ready = True
                self.since = time.monotonic()  # its start was not the chunk's fault
                return None
            outcomes: list[Outcome] = program.unpack(take_all(self._outgoing, size))
        except (OSError, EOFError) as error:
            raise WorkerDied(self.end_description()) from error
        self.chunk = None
        return outcomes

    def end_description(self) -> str:
        """Say how the process ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        code = self._process.returncode
        if code is None:
            return "the process closed its socket"
        return f"the process was killed by signal {-code}" if code < 0 else f"it exited with {code}"

    def end(self, grace_seconds: float = 0.0) -> None:
        """End the process, by force after `grace_seconds`, and give everything back."""
        self.link.close()
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close_descriptors()

    def _close_descriptors(self) -> None:
        self.link.close()
        for descriptor in (self._incoming, self._outgoing):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _opened(descriptor: int, stack: contextlib.ExitStack) -> int:
    stack.callback(os.close, descriptor)
    return descriptor
