"""What is known about one agent at one moment."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from trading_dashboard.models.states import AgentKind, AgentStatus, DataState, Health, Management


class ProbeRole(StrEnum):
    """What a probe decides."""

    STARTUP = "startup"
    """Whether the agent has come up; until then the other two are not asked."""
    READINESS = "readiness"
    """Whether the agent can serve. Never restarts it."""
    LIVENESS = "liveness"
    """Whether the agent is beyond help and has to be restarted."""


class ProbeInfo(BaseModel):
    """What one probe of an agent last found."""

    model_config = ConfigDict(frozen=True)

    role: ProbeRole
    kind: str
    """`http`, `tcp`, `command` or `log`."""
    is_passing: bool | None = None
    """Past its thresholds; None before the first verdict."""
    message: str | None = None
    """Why, if it does not plainly pass."""
    latency_seconds: float | None = None
    checked_at: datetime | None = None
    failures: int = 0
    """In a row."""


class ScheduleInfo(BaseModel):
    """When an agent with a schedule is due to run."""

    model_config = ConfigDict(frozen=True)

    is_open: bool
    """It is within its hours."""
    next_start_at: datetime | None = None
    next_stop_at: datetime | None = None
    overridden_until: datetime | None = None
    """A person started or stopped it against its hours; the schedule takes over then."""
    text: str
    """For people, such as "idle until Mon 14:15 UTC"."""


class Maintenance(BaseModel):
    """Somebody works on the agent: the supervisor neither restarts it nor raises alarms."""

    model_config = ConfigDict(frozen=True)

    since: datetime
    until: datetime | None = None
    """When it ends by itself; None: until somebody ends it."""
    reason: str | None = None
    by: str | None = None
    """Who asked, such as `dashboard`."""


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
    """As of this snapshot, if nothing newer came since the agent last told."""
    data_is_ageing: bool = False
    """Its age grows by the second; it does not while the agent's market is closed."""
    data_told_age_seconds: float | None = None
    """How old it was when the agent last told of it."""
    data_told_seconds_ago: float | None = None
    """Since the agent last told of its data, as of this snapshot."""
    data_holds_seconds: float | None = None
    """How long what it told holds. It should have told again by then; `fresh` is not claimed
    beyond it."""
    data_source: str | None = None
    data_message: str | None = None
    """Why its data is stale or unknown, if that needs words."""
    data_newest_at: datetime | None = None
    """When the newest datum was made, if the agent tells."""
    data_allowed_age_seconds: float | None = None
    """From when on it is stale, in market time; None if nothing is configured."""
    probes: tuple[ProbeInfo, ...] = ()
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
    held_restart: str | None = None
    """Why a restart that is due waits, and until when."""
    schedule: ScheduleInfo | None = None
    maintenance: Maintenance | None = None
    last_exit: str | None = None
    """How the previous process ended, such as "exit code 1" or "signal 9 (SIGKILL)"."""
    has_finished: bool = False
    """The previous process ended with a final exit code 0: it had nothing more to do."""
    cpu_percent: float | None = None
    """Of one core, the whole process tree."""
    memory_bytes: int | None = None
    """Resident, the whole process tree."""
    memory_limit_bytes: int | None = None
    """The agent is restarted above it; None if there is no limit."""
    log_path: str | None = None

    @property
    def is_up(self) -> bool:
        """Return whether others may rely on the agent: it runs and is ready, be it degraded."""
        is_ready = self.health in (Health.HEALTHY, Health.DEGRADED)
        return self.status is AgentStatus.RUNNING and is_ready

    @property
    def is_idle(self) -> bool:
        """Return whether the agent is stopped because of its hours, and starts with the next."""
        hours = self.schedule
        is_due = hours is not None and not hours.is_open and hours.next_start_at is not None
        return is_due and self.status is AgentStatus.STOPPED
