"""The supervisor's own log, ``var/log/supervisor.log``, written off the event loop."""

from __future__ import annotations

import logging
import os
import queue
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path

from trading_dashboard.config.settings import LogSettings

LOG_NAME = "supervisor.log"
MAX_PENDING = 10_000
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class SupervisorLog:
    """Collects records from the start; writes them once the project is claimed.

    Before that nothing is written: the file may be another supervisor's.
    """

    def __init__(self, records: queue.Queue[logging.LogRecord]) -> None:
        self._records = records
        self._listener: QueueListener | None = None
        self.path: Path | None = None
        """The file; None until it is open."""

    def open(self, directory: Path, settings: LogSettings) -> None:
        """Write to a file in `directory` from now on."""
        path = self.path = directory / LOG_NAME
        handler = _PrivateFileHandler(
            path, maxBytes=settings.max_bytes, backupCount=settings.backups, encoding="utf-8"
        )
        handler.setFormatter(logging.Formatter(_FORMAT))
        self._listener = QueueListener(self._records, handler)
        self._listener.start()

    def close(self) -> None:
        """Write what is queued and close the file."""
        if self._listener is not None:
            self._listener.stop()
            for handler in self._listener.handlers:
                handler.close()
            self._listener = None


@contextmanager
def supervisor_log() -> Iterator[SupervisorLog]:
    """Collect all log records until the block is left."""
    records: queue.Queue[logging.LogRecord] = queue.Queue(MAX_PENDING)
    root, ours = logging.getLogger(), logging.getLogger("trading_dashboard")
    handler = _DroppingHandler(records)
    log = SupervisorLog(records)
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield log
    finally:
        root.removeHandler(handler)
        log.close()


class _PrivateFileHandler(RotatingFileHandler):
    """Makes files that only their owner can read."""

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        if sys.platform != "win32":  # there, the folder says who may read it
            os.fchmod(stream.fileno(), 0o600)
        return stream


class _DroppingHandler(QueueHandler):
    """Drops records when the disk does not keep up; never blocks, never complains."""

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            return
