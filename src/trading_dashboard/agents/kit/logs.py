"""Logging of an agent: one JSON object per line on standard output, secrets masked.

Owns the format. Where the lines go is the supervisor's business, or the terminal's.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

MASK = "***"

_SECRETS = re.compile(
    r"""(?ix)
    (bearer\s+) [^\s"',;]+
    | ((?:token|secret|password|passwd|api[_-]?key|authorization|cookie)["']?\s*[=:]\s*["']?)
      (?!bearer\b) [^\s"',;&]+
    """
)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonLines(logging.Formatter):
    """``{"time": …, "level": …, "logger": …, "message": …}`` and whatever `extra` adds."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, without a line break at its end."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(record.getMessage()),
        }
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        for key, value in extra.items():
            entry[key] = masked(value) if isinstance(value, str) else value
        if record.exc_info:
            entry["traceback"] = masked(self.formatException(record.exc_info))
        return json.dumps(entry, default=str, ensure_ascii=False)


def masked(text: str) -> str:
    """Return `text` with what looks like a secret replaced."""
    return _SECRETS.sub(lambda found: f"{found[1] or found[2]}{MASK}", text)


def configure_logging(level: int = logging.INFO) -> None:
    """Send all log records to standard output as JSON lines; replaces earlier handlers."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # httpx writes a line for every request an agent makes: thousands for one scan.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
