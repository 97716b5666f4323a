"""The health protocol: what `GET /health` of an agent may say.

An agent that merely answers 200 is fully supported. `HealthReport` is what one gets more for.
Parsing is lenient on purpose: a health body is foreign input.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from trading_dashboard.models.states import DataState


class DataReport(BaseModel):
    """How fresh the agent's data is. Ages are seconds of market time.

    `newest_at` is the time of the newest datum as ISO 8601 text with its time zone. It stays text
    here: what is wrong with it is told, and costs the rest of the report nothing.
    """

    model_config = ConfigDict(extra="allow")

    state: DataState = DataState.UNKNOWN
    age_seconds: float | None = Field(default=None, ge=0)
    market: str | None = Field(default=None, max_length=64)
    source: str | None = Field(default=None, max_length=64)
    newest_at: str | None = Field(default=None, max_length=64)


class HealthReport(BaseModel):
    """The body of `GET /health`: 200 when the agent can serve, 503 when it cannot."""

    model_config = ConfigDict(extra="allow")

    status: str = Field(max_length=32)
    agent: str | None = Field(default=None, max_length=128)
    version: str | None = Field(default=None, max_length=64)
    started_at: datetime | None = None
    message: str | None = Field(default=None, max_length=2_000)
    checks: dict[str, dict[str, Any]] = Field(default_factory=dict)
    data: DataReport | None = None
