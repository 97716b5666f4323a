"""The configuration as the control API tells it: values, origins, differences, mistakes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class ConfigurationModel(BaseModel):
    """Base. Readers pass over fields that a newer supervisor adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ChangeEffect(StrEnum):
    """What it takes for a changed setting to take effect."""

    LIVE = "live"
    """Nothing: it counts from now on."""
    RESTART = "restart"
    """The agent is restarted, if it runs."""
    ADDED = "added"
    """The agent is new; it starts if it starts by itself."""
    REMOVED = "removed"
    """The agent is gone; it is stopped first."""
    NEXT_START = "next_start"
    """The desk has to be started again."""


class ConfigurationChange(ConfigurationModel):
    """One setting that differs. Secrets are masked."""

    key: str
    """Dotted, such as ``agents.market_data.timeout``."""
    before: str | None
    """None if it was not there."""
    after: str | None
    """None if it is not there any more."""
    origin: str | None = None
    """Where the new value is written, such as ``config/agents.yaml:7``."""
    agent: str | None = None
    effect: ChangeEffect

    def __str__(self) -> str:
        before, after = (
            "(not there)" if text is None else text for text in (self.before, self.after)
        )
        return f"{self.key}: {before} -> {after}"


class ConfigurationMistake(ConfigurationModel):
    """One mistake, as `models.errors.Mistake`."""

    file: str
    line: int | None = None
    key: str
    value: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key} = {self.value}: {self.problem} {self.remedy}"


class ReloadRequest(BaseModel):
    """Body of ``POST /v1/reload``; may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dry_run: bool = Field(
        strict=True, default=False, description="Only say what would change; nothing is changed."
    )
    wait_seconds: float = Field(
        strict=True,
        default=300.0,
        ge=0,
        le=300,
        description="How long the answer may wait for restarts. They go on regardless.",
    )


class ReloadAnswer(ConfigurationModel):
    """What a reload changed, or would change."""

    dry_run: bool = False
    changes: tuple[ConfigurationChange, ...] = ()
    results: dict[str, bool] = Field(
        default_factory=dict,
        description="Agents that were started, restarted, stopped or removed, and whether that "
        "worked; empty in a dry run.",
    )
    pending: bool = Field(default=False, description="The wait ended first; the reload goes on.")


class ConfigurationValue(ConfigurationModel):
    """One effective setting. Secrets are masked."""

    key: str
    value: str
    origin: str


class ConfigurationAnswer(ConfigurationModel):
    """``GET /v1/configuration``."""

    environment: str
    project_root: str
    files: tuple[str, ...]
    loaded_at: datetime
    values: tuple[ConfigurationValue, ...]
    mistakes: tuple[ConfigurationMistake, ...] = Field(
        default=(), description="In the files as they are now; while there are any, what was "
        "loaded before stays in force.",
    )  # fmt: skip
    next_start: tuple[ConfigurationChange, ...] = Field(
        default=(), description="Changed since the desk started, and in force after its next start."
    )
