"""What a line means to a reader: its level, its message, who logged it.

Owns the reading of JSON lines. The file keeps what the agent wrote; this is for eyes and filters.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from trading_dashboard.orchestrator.output.cleaning import clean
from trading_dashboard.orchestrator.output.levels import detect_level, level_of_record

_MESSAGES = ("message", "msg", "event", "@message")
_LOGGERS = ("logger", "logger_name", "name", "log.logger")
_TRACES = ("traceback", "exception", "exc_info", "stack_trace", "stack", "error.stack_trace")
_SAID_ELSEWHERE = frozenset(
    {
        "level", "levelname", "severity", "lvl", "log.level", "time", "ts", "timestamp",
        "@timestamp", "asctime", "pid", "hostname", "v", "@version",
    }
)  # fmt: skip
MAX_EXTRAS = 50
"""Fields beyond the message that are shown."""


class Meaning(NamedTuple):
    """One line, read."""

    level: str
    text: str
    logger: str | None = None


def read_line(line: str) -> Meaning:
    """Return what a line says; one that is no JSON log record says what it is."""
    record = _record(line) if line.startswith("{") else None
    if record is None:
        return Meaning(detect_level(line), line)
    key = next((key for key in _MESSAGES if isinstance(record.get(key), str)), None)
    level = level_of_record(record) or detect_level(line)
    if key is None:
        return Meaning(level, line)
    named = next((name for name in _LOGGERS if isinstance(record.get(name), str)), None)
    trace = next((name for name in _TRACES if isinstance(record.get(name), str)), None)
    told = _SAID_ELSEWHERE | {key, named, trace}
    extras = [f"{name}={_shown(value)}" for name, value in record.items() if name not in told]
    text = " ".join([record[key], *extras[:MAX_EXTRAS]])
    if trace is not None and record[trace]:
        text += f"\n{record[trace]}"
    # What JSON escaped is what was cleaned away elsewhere.
    return Meaning(level, clean(text), clean(record[named]) if named else None)


def message_of(line: str) -> str:
    """Return the message of a JSON line, and any other line as it is."""
    record = _record(line) if line.startswith("{") else None
    messages = (record.get(key) for key in _MESSAGES) if record is not None else ()
    return next((clean(found) for found in messages if isinstance(found, str)), line)


def _record(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _shown(value: Any) -> str:
    if isinstance(value, str) and value and not any(c.isspace() for c in value):
        return value
    return json.dumps(value, ensure_ascii=False)
