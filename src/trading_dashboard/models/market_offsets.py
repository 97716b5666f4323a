"""Moments relative to an exchange's sessions, such as ``open-15m`` and ``close+1h30m``.

Owns how they are written and read. When they come depends on a calendar's sessions
(`orchestrator.market_time`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MAX_OFFSET_HOURS = 72
EXAMPLE = "open-15m, close or close+1h30m"

_WRITTEN = re.compile(
    r"(?P<anchor>open|close)"
    r"(?:(?P<sign>[+-])(?=[0-9])(?:(?P<hours>[0-9]{1,4})h)?(?:(?P<minutes>[0-9]{1,6})m)?)?"
)

Anchor = Literal["open", "close"]


@dataclass(frozen=True, slots=True)
class Offset:
    """So many seconds after the open or the close of a session; before it if negative."""

    anchor: Anchor
    seconds: int = 0

    def __str__(self) -> str:
        if not self.seconds:
            return self.anchor
        hours, minutes = divmod(abs(self.seconds) // 60, 60)
        length = (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes else "")
        return f"{self.anchor}{'+' if self.seconds > 0 else '-'}{length}"


def looks_like_offset(text: str) -> bool:
    """Return whether the text is meant as a moment of a session, even if it is misspelt."""
    return text.strip().lower().startswith(("open", "close"))


def parse_offset(text: str) -> Offset:
    """Return what a text such as ``open-15m`` means.

    Raises:
        ValueError: It means nothing, or is more than `MAX_OFFSET_HOURS` away; says what to write.
    """
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError(f"Write {EXAMPLE}.")
    seconds = 3600 * int(match["hours"] or 0) + 60 * int(match["minutes"] or 0)
    if seconds > MAX_OFFSET_HOURS * 3600:
        raise ValueError(f"It must be at most {MAX_OFFSET_HOURS} hours away.")
    anchor: Anchor = "open" if match["anchor"] == "open" else "close"
    return Offset(anchor, -seconds if match["sign"] == "-" else seconds)
