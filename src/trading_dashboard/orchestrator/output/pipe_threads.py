"""Draining pipes where they cannot be waited for together: on Windows.

Owns one thread per pipe that sleeps in `read` and hands what it got to the pump's thread, where
everything else is as with `LogPump`. How much may wait there is bounded: then the reader waits, and
with it the agent, for as long as it takes the pump to come round.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from trading_dashboard.orchestrator.output.pump import READ_BYTES, LogPump, OutputStream

BLOCKS_AHEAD = 16
"""How many blocks of one pipe may wait for the pump."""


class ThreadedLogPump(LogPump):
    """A `LogPump` whose pipes are read by threads of their own."""

    def __init__(self, announce: Callable[[], None]) -> None:
        super().__init__(announce)
        self._open: set[OutputStream] = set()
        self._waiting: list[tuple[list[OutputStream], Callable[[], None]]] = []

    def add(self, stream: OutputStream) -> None:
        """Read this pipe from now on. Its thread closes the descriptor."""
        stream.rest = self._pace.rest
        self._command(lambda: self._open.add(stream))
        # A daemon: who holds the pipe's other end decides when it ends.
        name = f"read-{stream.descriptor}"
        threading.Thread(target=self._drain, args=[stream], name=name, daemon=True).start()

    def finish(self, streams: list[OutputStream], done: Callable[[], None]) -> None:
        """Call `done` on the pump's thread once these pipes have ended and all is taken in.

        They end with the last process that holds them: with the tree.
        """

        def finish() -> None:
            self._waiting.append((streams, done))
            self._tell_finished()

        self._command(finish)

    def _drain(self, stream: OutputStream) -> None:
        """Run on the pipe's own thread until the pipe ends."""
        descriptor, room = stream.descriptor, threading.Semaphore(BLOCKS_AHEAD)
        data = b"-"
        while data:
            try:
                data = os.read(descriptor, READ_BYTES)
            except OSError:
                data = b""
            room.acquire()
            self._command(lambda data=data: self._take(stream, data, room))  # type: ignore[misc]
        os.close(descriptor)

    def _take(self, stream: OutputStream, data: bytes, room: threading.Semaphore) -> None:
        room.release()
        self._receive(stream, data)
        self._announce()
        if not data:
            self._tell_finished()

    def _close(self, stream: OutputStream) -> None:
        stream.finish()
        self._behind.discard(stream)
        self._open.discard(stream)
        stream.descriptor = -1

    def _tell_finished(self) -> None:
        waiting, self._waiting = self._waiting, []
        for streams, done in waiting:
            if self._open.isdisjoint(streams):
                self._announce()
                done()
            else:
                self._waiting.append((streams, done))

    def _end_all(self) -> None:
        for stream in tuple(self._open):
            self._close(stream)
