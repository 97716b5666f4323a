"""How grave is a line? As far as it can be told from the line.

Owns the guess; what the line says is left alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_NAMES = {
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "notice": "info",
    "warn": "warning",
    "warning": "warning",
    "err": "error",
    "error": "error",
    "exception": "error",
    "severe": "error",
    "critical": "error",
    "fatal": "error",
    "panic": "error",
    "emerg": "error",
    "alert": "error",
}
_KEYS = ("level", "levelname", "severity", "lvl", "log.level")
_UPPER = "|".join(sorted((name.upper() for name in _NAMES), key=len, reverse=True))
# Upper-case words as loggers write them, or lower-case ones in a place only a logger puts them:
# "no error" is not an error.
_WORD = re.compile(rf"\b({_UPPER})\b")
_PLACED = re.compile(rf"(?:\blevel=[\"']?|\[|^)({_UPPER})(?:[\"']?(?=\s)|\]|:)", re.IGNORECASE)
_LOOK_AT = 160


def detect_level(text: str) -> str:
    """Return `debug`, `info`, `warning` or `error`; `info` if nothing tells."""
    if text.startswith("{"):
        level = _from_json(text)
        if level is not None:
            return level
    if text.startswith("Traceback (most recent call last)"):
        return "error"
    match = _WORD.search(text, 0, _LOOK_AT) or _PLACED.search(text, 0, _LOOK_AT)
    return _NAMES[match.group(1).lower()] if match else "info"


def _from_json(text: str) -> str | None:
    try:
        record: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return level_of_record(record) if isinstance(record, dict) else None


def level_of_record(record: Mapping[str, Any]) -> str | None:
    """Return the level a JSON log record names, or None."""
    for key in _KEYS:
        value = record.get(key)
        if isinstance(value, str) and value.lower() in _NAMES:
            return _NAMES[value.lower()]
        if isinstance(value, int):
            return _from_number(value)
    return None


def _from_number(value: int) -> str:
    """Read a number as pino and bunyan mean it; they are the ones that write numbers."""
    if value >= 50:
        return "error"
    if value >= 40:
        return "warning"
    return "info" if value >= 30 else "debug"
