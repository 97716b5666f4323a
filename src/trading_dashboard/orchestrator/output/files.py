"""Log files: rotating ones, and the thread that writes them.

Owns the disk. Whatever the disk does, nobody waits for it: what cannot be written is dropped and
counted, and the next successful write says how much is missing. Nothing is formatted here.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path

MAX_QUEUED_BYTES = 8 * 1024 * 1024
"""A disk that hangs loses what goes beyond this."""
HOUSEKEEPING_SECONDS = 3600.0
_STAMP_BYTES = 24
"""Each line begins with its time: 2026-01-02T03:04:05.678Z."""


class RotatingFile:
    """One log file and its older siblings NAME.1, NAME.2 and so on."""

    def __init__(
        self, path: Path, max_bytes: int, backups: int, max_age_seconds: float = float("inf")
    ) -> None:
        """Take the limits: it is rotated when it is full, or when its first line is too old."""
        self.path = path
        self._max_bytes = max_bytes
        self._max_age_seconds = max_age_seconds
        self._began = time.time()
        self._backups = backups
        self._descriptor = -1
        self._size = 0
        self._identity = (0, 0)

    def write(self, data: bytes) -> None:
        """Append whole lines.

        Raises:
            OSError: Not all of it could be written; `data` may be there in part.
        """
        while data:
            self._ensure_open()
            if self._size > 0 and time.time() - self._began > self._max_age_seconds:
                self._rotate()
                continue
            room = self._max_bytes - self._size
            if len(data) > room:
                fitting = data.rfind(b"\n", 0, max(room, 0)) + 1
                if fitting == 0 and self._size > 0:
                    self._rotate()
                    continue
                part = data[: fitting or len(data)]
            else:
                part = data
            written = os.write(self._descriptor, part)
            self._size += written
            data = data[written:]

    def close(self) -> None:
        """Close it; the next write opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _ensure_open(self) -> None:
        if self._descriptor >= 0 and self._is_still_there():
            return
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._began = _first_time(self.path)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self.path, flags, 0o600)
        found = os.fstat(self._descriptor)
        self._size, self._identity = found.st_size, (found.st_dev, found.st_ino)

    def _is_still_there(self) -> bool:
        """Return False if somebody deleted, moved or emptied the file."""
        try:
            found = self.path.stat()
        except OSError:
            return False
        self._size = min(self._size, found.st_size)
        return (found.st_dev, found.st_ino) == self._identity

    def _rotate(self) -> None:
        self.close()
        if self._backups == 0:
            self.path.unlink(missing_ok=True)
            return
        names = [self.path] + [
            self.path.with_name(f"{self.path.name}.{number}")
            for number in range(1, self._backups + 1)
        ]
        for newer, older in reversed(list(pairwise(names))):
            if newer.exists():
                newer.replace(older)


def _first_time(path: Path) -> float:
    """Return when the file's first line was written; now if there is none that says so."""
    try:
        if not path.is_file():
            return time.time()
        with path.open("rb") as file:
            return datetime.fromisoformat(file.read(_STAMP_BYTES).decode("ascii")).timestamp()
    except (OSError, ValueError, OverflowError):
        return time.time()


class LogSink:
    """What the writer knows of one agent's file."""

    def __init__(
        self,
        file: RotatingFile,
        word_gap: Callable[[int, str], bytes],
        on_trouble: Callable[[str], None],
    ) -> None:
        """Take the file, who words the notice about missing lines, and who is told at once."""
        self.file = file
        self.dropped_lines = 0
        """Since the file last told of a gap."""
        self.lost_lines = 0
        """Of the whole run."""
        self._lock = threading.Lock()
        self.last_error = ""
        self._word_gap = word_gap
        self._on_trouble = on_trouble

    def write(self, data: bytes, lines: int) -> None:
        """Write, or count what could not be written."""
        try:
            if self.dropped_lines:
                self.file.write(self._word_gap(self.dropped_lines, self.last_error))
                self.dropped_lines = 0
            self.file.write(data)
        except OSError as error:
            self.drop(lines, error.strerror or str(error))
            self.file.close()

    def drop(self, lines: int, reason: str) -> None:
        """Count lines that will not be written."""
        with self._lock:  # a full queue is told by whoever adds, a full disk by the writer
            is_new = self.dropped_lines == 0
            self.dropped_lines += lines
            self.lost_lines += lines
        self.last_error = reason
        if is_new:
            self._on_trouble(reason)


class LogWriter:
    """One thread that writes all log files."""

    def __init__(
        self,
        housekeeping: Callable[[], object] = lambda: None,
        housekeeping_seconds: float = HOUSEKEEPING_SECONDS,
    ) -> None:
        """Take what the thread also does: at its start, and whenever that many seconds passed."""
        self._housekeeping = housekeeping
        self._housekeeping_seconds = housekeeping_seconds
        self._queue: deque[tuple[LogSink, bytes, int]] = deque()
        self._queued_bytes = 0
        self._is_closing = False
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)

    def start(self) -> None:
        """Start writing."""
        self._thread.start()

    def submit(self, sink: LogSink, data: bytes, lines: int) -> None:
        """Have `data` written soon. Never waits."""
        with self._condition:
            if self._queued_bytes + len(data) > MAX_QUEUED_BYTES:
                sink.drop(lines, "the disk is too slow")
                return
            self._queue.append((sink, data, lines))
            self._queued_bytes += len(data)
            self._condition.notify()

    def close(self, timeout_seconds: float) -> None:
        """Write what is queued and stop; a disk that hangs is not waited for longer."""
        with self._condition:
            self._is_closing = True
            self._condition.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def _run(self) -> None:
        sinks: set[LogSink] = set()
        due = time.monotonic()
        while True:
            if time.monotonic() >= due:
                self._housekeeping()
                due = time.monotonic() + self._housekeeping_seconds
            with self._condition:
                self._condition.wait_for(
                    lambda: self._queue or self._is_closing, max(due - time.monotonic(), 0.0)
                )
                if not self._queue and not self._is_closing:
                    continue
                if not self._queue:
                    break
                batch = tuple(self._queue)
                self._queue.clear()
            for sink, data, lines in batch:
                sink.write(data, lines)
                sinks.add(sink)
                with self._condition:
                    self._queued_bytes -= len(data)
        for sink in sinks:
            sink.file.close()
