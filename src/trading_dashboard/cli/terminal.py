"""The terminal, which may be slow, paused or gone without anything else noticing.

Owns the writing thread. Writing to a terminal that is paused (Ctrl-S) or to a full pipe blocks;
writing to a closed one fails. Neither may reach the supervisor, so text is queued and written by
one thread; when that fails, the rest is dropped.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from datetime import UTC, datetime
from typing import Final, TextIO

MAX_PENDING = 2_000
"""Pieces of text; what comes when so many wait is dropped."""
CLOSE_SECONDS = 1.0

_END: Final = None


class Terminal:
    """Standard output: `line` never blocks and never fails. Also a file for rich."""

    def __init__(self, stream: TextIO | None = None, *, as_json: bool = False) -> None:
        """Take where to write, and whether each line becomes ``{"time": …, "text": …}``."""
        self._stream = stream or sys.stdout
        self._as_json = as_json
        self.is_interactive = not as_json and self._is_a_tty()
        self.encoding = self._stream.encoding or "utf-8"
        self._pending: queue.Queue[str | None] = queue.Queue(MAX_PENDING)
        self._thread = threading.Thread(target=self._drain, name="terminal", daemon=True)
        self._thread.start()

    def line(self, text: str = "") -> None:
        """Write a line."""
        if self._as_json:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            text = json.dumps({"time": now, "text": text})
        self.write(f"{text}\n")

    def write(self, text: str) -> int:
        """Queue text; return its length, as files do."""
        try:
            self._pending.put_nowait(text)
        except queue.Full:
            return 0
        return len(text)

    def flush(self) -> None:
        """Do nothing: the thread writes as soon as it can."""

    def isatty(self) -> bool:
        """Return whether a person looks at it."""
        return self.is_interactive

    def close(self) -> None:
        """Write what is queued, but do not wait long for it."""
        try:
            self._pending.put(_END, timeout=CLOSE_SECONDS)
        except queue.Full:
            return
        self._thread.join(CLOSE_SECONDS)

    def _is_a_tty(self) -> bool:
        try:
            return self._stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        except (OSError, ValueError):
            return False

    def _drain(self) -> None:
        while (text := self._pending.get()) is not _END:
            try:
                self._stream.write(text)
                if self._pending.empty():
                    self._stream.flush()
            except (OSError, ValueError):
                silence_output()
                self._discard()
                break

    def _discard(self) -> None:
        """Take what is queued until the end: the terminal is gone, nobody reads the rest."""
        while self._pending.get() is not _END:
            pass


def silence_output() -> None:
    """Point standard output and error at nothing, so that no later flush fails either."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)
