"""Looking for one text in what an agent writes, as it is read.

Owns when it was seen last. Text that nobody looks for costs one search for bytes; only lines that
may hold it are read as JSON.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from trading_dashboard.orchestrator.output.structured import message_of


class LineWatch:
    """Remembers when a line with a text came. Fed by one thread, read by others."""

    def __init__(self, pattern: str, close: Callable[[LineWatch], None]) -> None:
        self.seen_at: float | None = None
        """Monotonic."""
        self._pattern = pattern
        self._needles = {
            pattern,
            *(json.dumps(pattern, ensure_ascii=a)[1:-1] for a in (False, True)),
        }
        self._close = close

    def look(self, text: str) -> None:
        """Take some whole lines."""
        may_escape = "\\" in text and "{" in text  # JSON can write a character in several ways
        if not may_escape and not any(needle in text for needle in self._needles):
            return
        if any(self._pattern in message_of(line) for line in text.split("\n")):
            self.seen_at = time.monotonic()

    def close(self) -> None:
        """Look no more."""
        self._close(self)
