"""What is known about one agent at one moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from trading_dashboard.models.states import AgentKind, AgentStatus, DataState, Health, Management


class AgentInfo(BaseModel):
    """A snapshot; a newer state is a new object.

    All times are aware and in UTC, all durations seconds, all sizes bytes.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    name: str
    kind: AgentKind = AgentKind.AGENT
    path: str
    """The working directory, absolute."""
    url: str
    port: int
    status: AgentStatus = AgentStatus.STOPPED
    process: Any = Field(default=None, exclude=True, repr=False)
    """The `subprocess.Popen` of a managed local agent; never serialised."""
    pid: int | None = None
    start_command: tuple[str, ...] = ()
    health_endpoint: str = "/health"
    last_health_check: datetime | None = None
    error_message: str | None = None
    """What failed, what was observed and the next step; kept until the next successful start."""
    error_code: str | None = None

    enabled: bool = True
    auto_start: bool = True
    depends_on: tuple[str, ...] = ()
    management: Management = Management.MANAGED
    waiting_for: tuple[str, ...] = ()
    """Dependencies that a start is waiting for."""

    health: Health = Health.UNKNOWN
    health_message: str | None = None
    probe_latency_seconds: float | None = None
    data_state: DataState = DataState.UNKNOWN
    data_age_seconds: float | None = None
    data_source: str | None = None
    version: str | None = None

    generation: int = 0
    """How many processes have been started for this agent in this run."""
    started_at: datetime | None = None
    started_monotonic: float | None = Field(default=None, exclude=True, repr=False)
    """The same on the supervisor's monotonic clock, which means nothing elsewhere."""
    uptime_seconds: float | None = None
    restarts: int = 0
    """Restarts the supervisor made on its own in this run; never reset."""
    next_retry_at: datetime | None = None
    last_exit: str | None = None
    """How the previous process ended, such as "exit code 1" or "signal 9 (SIGKILL)"."""
    cpu_percent: float | None = None
    """Of one core, the whole process tree."""
    memory_bytes: int | None = None
    """Resident, the whole process tree."""
    log_path: str | None = None

    @property
    def is_up(self) -> bool:
        """Return whether others may rely on the agent: it runs and is not unhealthy."""
        return self.status is AgentStatus.RUNNING and self.health is not Health.UNHEALTHY
