"""What an agent's task can be told. It owns the agent's state; everyone else only posts these."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.models.agents import AgentInfo, Maintenance
from trading_dashboard.orchestrator.probe_plans import ProbePlan
from trading_dashboard.orchestrator.probes import ProbeOutcome
from trading_dashboard.orchestrator.runtime import ExitStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequested:
    """Start unless it runs already. `done` becomes True when up, False when it could not."""

    done: asyncio.Future[bool]
    wait_for_health: bool
    forgive: bool
    """A person asked: earlier failures no longer count."""
    is_named: bool = True
    """A person asked for this agent; otherwise it belongs to what is started, and in maintenance
    is left as it is."""
    is_automatic: bool = False
    """The desk or the schedule asks: only within the agent's hours."""
    reason: str = "asked to start"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequested:
    """Stop whatever is there. `done` becomes True when no member of the tree is alive."""

    done: asyncio.Future[bool]
    grace_seconds: float
    reason: str
    for_good: bool = False
    """The desk ends: no schedule starts it again."""
    is_by_hand: bool = True
    """A person wants it stopped; otherwise what the schedule or a person wanted still stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartRequested:
    """Stop and start. One that was posted before the newest start is already answered by it."""

    done: asyncio.Future[bool]
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessExited:
    """The leader of that generation ended."""

    generation: int
    status: ExitStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFinished:
    """What was asked of that generation was answered, or failed."""

    generation: int
    probe: ProbePlan
    outcome: ProbeOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupExpired:
    """That generation had `startup_timeout` seconds and is not healthy."""

    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDue:
    """The backoff that followed that generation is over."""

    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyChanged:
    """An agent this one depends on changed its status or health, to `state`."""

    state: AgentInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryMeasured:
    """The process tree of that generation held so much memory at `at` (monotonic)."""

    generation: int
    held_bytes: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRestartDue:
    """The time until which a restart of that generation was held may be over."""

    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceRequested:
    """Begin maintenance or change it; end it if it is None. `done` becomes True when it is so."""

    done: asyncio.Future[bool]
    maintenance: Maintenance | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceDue:
    """The time until which maintenance was to last may be over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursDue:
    """Time to look whether the agent is within its hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsChanged:
    """The agent's configuration is another. `done` becomes True when it counts."""

    done: asyncio.Future[bool]
    settings: AgentSettings


Message = (
    StartRequested
    | StopRequested
    | RestartRequested
    | ProcessExited
    | ProbeFinished
    | StartupExpired
    | RetryDue
    | DependencyChanged
    | MemoryMeasured
    | HeldRestartDue
    | MaintenanceRequested
    | MaintenanceDue
    | HoursDue
    | SettingsChanged
)
