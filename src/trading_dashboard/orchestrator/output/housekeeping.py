"""Removing log files that are older than anybody wants to keep.

Owns which files count: rotated ones of a log folder, never the one that is written to, whoever
wrote them; also those of agents that are configured no longer.
"""

from __future__ import annotations

import logging
import re
import stat
import time
from pathlib import Path

SECONDS_PER_DAY = 86_400.0
MAX_FILES = 20_000

_ROTATED = re.compile(r"[a-z][a-z0-9_]*\.log\.[0-9]{1,3}")
_log = logging.getLogger(__name__)


def remove_old_files(directory: Path, max_age_seconds: float, now: float | None = None) -> int:
    """Remove rotated files last written longer ago than that; return how many. Never raises."""
    oldest = (time.time() if now is None else now) - max_age_seconds
    removed = 0
    try:
        entries = [path for path in directory.iterdir() if _ROTATED.fullmatch(path.name)]
    except OSError:
        return 0  # not there yet
    for path in entries[:MAX_FILES]:
        try:
            found = path.lstat()
            if stat.S_ISREG(found.st_mode) and found.st_mtime < oldest:
                path.unlink()
                removed += 1
        except OSError as error:
            _log.warning("the old log file %s cannot be removed: %s", path, error.strerror)
    return removed
