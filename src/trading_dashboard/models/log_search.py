"""Which log lines somebody wants to see: one rule for the API, the stream and the commands."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from trading_dashboard.models.events import LogLine

LogLevel = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[str, ...] = ("debug", "info", "warning", "error")
MAX_PATTERN_CHARACTERS = 200
PATTERN = r"^[^\x00-\x08\x0a-\x1f\x7f]+$"
"""Lines hold no control characters, so a pattern that does would find nothing."""


class LogSearch(BaseModel):
    """What a line must be like. Without anything set, every line is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grep: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_PATTERN_CHARACTERS,
        pattern=PATTERN,
        description="Only lines that hold this text. Plain text, upper and lower case alike.",
    )
    level: LogLevel | None = Field(default=None, description="Only lines at least this grave.")

    def finds(self, line: LogLine) -> bool:
        """Return whether a line is wanted."""
        if LEVELS.index(self.level or "debug") > _gravity(line.level):
            return False
        if self.grep is None:
            return True
        words = self.grep.casefold()
        return words in line.text.casefold() or words in (line.logger or "").casefold()

    @property
    def is_everything(self) -> bool:
        """Return whether no line is left out."""
        return self.grep is None and self.level is None


def _gravity(level: str) -> int:
    """Return a level's place; one that is not known is shown rather than hidden."""
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)
