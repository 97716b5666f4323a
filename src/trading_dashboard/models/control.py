"""The control API's vocabulary: what its requests, answers and stream messages hold."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.events import Event, LogLine
from trading_dashboard.models.log_search import LogSearch
from trading_dashboard.models.settings import Environment

MAX_WAIT_SECONDS = 300.0
MAX_MAINTENANCE_MINUTES = 10_080
MAX_LOG_LINES = 10_000
MAX_SEARCHED_LINES = 100_000
"""As many as an agent's lines in memory can be."""

TOKEN_REPLACED = 4401
"""Close code of the stream: the token it was opened with works no more; come with the new one."""

SupervisorState = Literal["starting", "running", "stopping"]


class TokenRole(StrEnum):
    """What a token of the control API allows."""

    OPERATOR = "operator"
    """Everything."""
    READ_ONLY = "read-only"
    """Looking: every GET and the stream."""


class Answer(BaseModel):
    """Base of answers. Readers pass over fields that a newer supervisor adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SupervisorInfo(Answer):
    """Who supervises."""

    run_id: str
    pid: int
    version: str
    environment: Environment
    project_root: str
    started_at: datetime
    dashboard_url: str | None = None
    """None while the dashboard is disabled or its port is not known yet."""
    state: SupervisorState = "starting"


class StatusAnswer(Answer):
    """``GET /v1/status``."""

    supervisor: SupervisorInfo
    agents: dict[str, AgentInfo]


class AgentsAnswer(Answer):
    """``GET /v1/agents``."""

    agents: dict[str, AgentInfo]


class VerbRequest(BaseModel):
    """Body of ``POST /v1/agents/NAME/{start,stop,restart}``; may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wait_seconds: float = Field(
        default=MAX_WAIT_SECONDS,
        strict=True,
        ge=0,
        le=MAX_WAIT_SECONDS,
        description="How long the answer may wait for the outcome. The verb goes on regardless.",
    )
    wait_for_health: bool = Field(
        default=True,
        strict=True,
        description="For start: wait for the first healthy answer of the agent.",
    )


class MaintenanceRequest(BaseModel):
    """Body of ``POST /v1/agents/NAME/maintenance``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: bool = Field(strict=True, description="Begin or change it, or end it.")
    minutes: int | None = Field(
        default=None,
        strict=True,
        ge=1,
        le=MAX_MAINTENANCE_MINUTES,
        description="It ends by itself after so many; otherwise somebody has to end it.",
    )
    reason: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="For whoever sees it.",
    )


class VerbAnswer(Answer):
    """What came of a verb."""

    ok: bool = Field(description="Whether the agent is where the verb was to bring it.")
    pending: bool = Field(
        default=False, description="The wait ended first; the verb is still under way."
    )
    agent: AgentInfo


class AllRequest(BaseModel):
    """Body of ``POST /v1/{start-all,stop-all,emergency-stop}``; may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wait_seconds: float = Field(
        default=MAX_WAIT_SECONDS,
        strict=True,
        ge=0,
        le=MAX_WAIT_SECONDS,
        description="How long the answer may wait for the outcome. The verb goes on regardless.",
    )


class AllAnswer(Answer):
    """What came of starting or stopping all, by agent."""

    results: dict[str, bool]
    resting: dict[str, str] = Field(
        default_factory=dict,
        description="For start-all: who does not run because it need not, and why. True in "
        "`results`.",
    )
    pending: bool = Field(
        default=False, description="The wait ended first; the verb is still under way."
    )


class ShutdownAnswer(Answer):
    """``POST /v1/shutdown``: the shutdown has begun."""

    supervisor: SupervisorInfo


class RotateRequest(BaseModel):
    """Body of ``POST /v1/tokens/rotate``; may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: TokenRole | None = Field(
        default=None, description="Whose token to replace; by default both."
    )


class RotateAnswer(Answer):
    """Tokens were replaced. The new ones are in their files, never in an answer."""

    rotated: list[TokenRole]
    pending: bool = Field(
        default=False, description="The disk is slow; until it is done the old tokens work."
    )


class LogsAnswer(Answer):
    """``GET /v1/agents/NAME/logs``."""

    agent: str
    path: str | None
    lines: list[LogLine]


class HealthAnswer(Answer):
    """``GET /health`` of the control API; needs no token, so it tells nothing."""

    status: Literal["healthy"] = "healthy"
    agent: Literal["supervisor"] = "supervisor"
    version: str


class SnapshotMessage(Answer):
    """Everything as it was after event number `seq`: first on the stream, and after a lag."""

    type: Literal["snapshot"] = "snapshot"
    seq: int
    supervisor: SupervisorInfo
    agents: dict[str, AgentInfo]
    events: list[Event] = Field(default_factory=list)
    """The newest events before it, oldest first, without `agent_changed`."""


class UpdateMessage(Answer):
    """One event, with the agent as it is after it."""

    type: Literal["update"] = "update"
    seq: int
    event: Event
    agent: AgentInfo | None


class LogMessage(Answer):
    """One log line of an agent whose logs the client subscribed to."""

    type: Literal["log"] = "log"
    line: LogLine


class HeartbeatMessage(Answer):
    """Sent every few seconds, so that silence means a broken connection."""

    type: Literal["heartbeat"] = "heartbeat"


class ErrorMessage(Answer):
    """The client sent something the stream does not know; the stream goes on."""

    type: Literal["error"] = "error"
    error: dict[str, object]


StreamMessage = Annotated[
    SnapshotMessage | UpdateMessage | LogMessage | HeartbeatMessage | ErrorMessage,
    Field(discriminator="type"),
]
STREAM_MESSAGE: TypeAdapter[StreamMessage] = TypeAdapter(StreamMessage)


class SubscribeLogs(LogSearch):
    """``{"op": "subscribe_logs"}``: send these agents' newest lines, then each new one."""

    op: Literal["subscribe_logs"] = "subscribe_logs"
    agents: list[str] = Field(min_length=1, max_length=200)
    lines: int = Field(default=200, ge=0, le=MAX_LOG_LINES)


class UnsubscribeLogs(BaseModel):
    """``{"op": "unsubscribe_logs"}``: send no more log lines."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: Literal["unsubscribe_logs"] = "unsubscribe_logs"


StreamOperation = Annotated[SubscribeLogs | UnsubscribeLogs, Field(discriminator="op")]
STREAM_OPERATION: TypeAdapter[StreamOperation] = TypeAdapter(StreamOperation)


class ErrorDetail(Answer):
    """What failed, what was observed, the next step; see `models.errors`."""

    code: str
    message: str
    subject: str | None = None
    observed: object = None
    next_step: str | None = None
    details: list[dict[str, object]] = Field(default_factory=list)


class ErrorAnswer(Answer):
    """The one shape errors have."""

    error: ErrorDetail
