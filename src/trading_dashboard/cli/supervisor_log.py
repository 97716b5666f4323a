"""The supervisor's own log, ``var/log/supervisor.log``, written off the event loop.

Owns the way of a record to the file. What a full disk or a deleted folder means for a log file is
`orchestrator.output.files`'s: as with the agents' logs, lines are lost and counted, nothing fails.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path

from trading_dashboard.config.settings import LogSettings
from trading_dashboard.orchestrator.output.files import LogSink, RotatingFile

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
        handler = SinkHandler(RotatingFile(path, settings.max_bytes, settings.backups))
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


class SinkHandler(logging.Handler):
    """Writes records unbuffered, so that nothing is left to fail when the file is closed."""

    def __init__(self, file: RotatingFile) -> None:
        super().__init__()
        self._sink = LogSink(file, self._word_gap, lambda _: None)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it as lost."""
        self._sink.write(self._line(record), 1)

    def close(self) -> None:
        """Close the file."""
        self._sink.file.close()
        super().close()

    def _line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(errors="replace")

    def _word_gap(self, lines: int, reason: str) -> bytes:
        about = {"msg": f"records lost: {lines} ({reason})"}
        fields = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", **about}
        return self._line(logging.makeLogRecord(fields))


class _DroppingHandler(QueueHandler):
    """Drops records when the disk does not keep up; never blocks, never complains."""

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            return
