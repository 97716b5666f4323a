"""The states an agent can be in, and the three facts people confuse: process, health, data.

Owns the names only. Which state may follow which is `orchestrator.transitions`.
"""

from enum import StrEnum


class AgentStatus(StrEnum):
    """What the supervisor knows about an agent's process."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    BACKOFF = "backoff"
    """Failed, waiting for its next restart."""
    ERROR = "error"
    """Given up, or cannot be started; `AgentInfo.error_message` says why and what to do."""


class Health(StrEnum):
    """What the agent says about itself, or what its silence says."""

    UNKNOWN = "unknown"
    """Not probed yet, or not running."""
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """Alive, with the agent's own words in `AgentInfo.health_message`."""
    UNHEALTHY = "unhealthy"
    """The agent says so itself, or enough probes in a row failed."""


class DataState(StrEnum):
    """How old the agent's newest datum is, counted in market time."""

    FRESH = "fresh"
    STALE = "stale"
    IDLE = "idle"
    """The market is closed: no new data is due."""
    UNKNOWN = "unknown"
    """The agent does not report its data."""


class AgentKind(StrEnum):
    """Whom a supervised process serves."""

    AGENT = "agent"
    SYSTEM = "system"
    """Part of the desk itself, such as the dashboard."""


class Management(StrEnum):
    """Who started the process."""

    MANAGED = "managed"
    EXTERNAL = "external"
    """Started by someone else and adopted: watched, never signalled."""
