"""What the supervisor remembers across runs: events, availability, incidents."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

MAX_EVENTS = 1000
MAX_INCIDENTS = 1000
DEFAULT_DAYS = 7
"""Of which incidents and availability are told where nobody says."""
MAX_DAYS = 366


class RememberedModel(BaseModel):
    """Base. Readers pass over fields that a newer supervisor adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RecordedEvent(RememberedModel):
    """One event as it is kept."""

    id: int
    """Grows by one per kept event, across runs."""
    run_id: str
    """Of the supervisor that saw it."""
    seq: int
    """Its number within that run."""
    time: datetime
    kind: str
    """One of `EventKind`; a text, because a newer version may have written it."""
    agent: str | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    status: str | None = None
    """The agent's status after it; None if it is about no agent."""
    health: str | None = None
    data_state: str | None = None


class EventsAnswer(RememberedModel):
    """``GET /v1/events``."""

    events: list[RecordedEvent] = Field(description="The newest that match, oldest first.")
    next_before: int | None = Field(
        default=None, description="`before` of the next, older page; null if there is none."
    )


class Availability(RememberedModel):
    """One agent's time within a period, in seconds."""

    wanted_seconds: float
    """Somebody wanted it to run: starting, running, backing off, given up, or stopping after a
    failure. Not: stopped, or being stopped on request."""
    running_seconds: float
    """Its status was `running`."""
    available_seconds: float
    """It was running and not unhealthy."""
    availability: float | None = Field(
        default=None, description="available/wanted, 0 to 1; null if it was never wanted."
    )


class AvailabilityDay(RememberedModel):
    """One UTC day."""

    day: date
    desk_seconds: float
    """A supervisor was there. The rest of the day nothing is known, and nothing counts."""
    lost_events: int = 0
    """Events that could not be written; the figures of the day may be wrong if not zero."""
    agents: dict[str, Availability]


class AvailabilityAnswer(RememberedModel):
    """``GET /v1/availability``."""

    days: list[AvailabilityDay] = Field(description="Oldest first.")
    total: dict[str, Availability] = Field(description="Each agent over all these days.")


class IncidentKind(StrEnum):
    """What was bad, the least bad first."""

    STALE = "stale"
    """It ran, but its data was too old."""
    DEGRADED = "degraded"
    """It ran and said that it was not well."""
    UNHEALTHY = "unhealthy"
    """It ran and called itself unhealthy, or did not answer."""
    FAILED = "failed"
    """Its process ended, did not start or had to be ended."""


class IncidentOutcome(StrEnum):
    """How an incident ended."""

    ONGOING = "ongoing"
    RECOVERED = "recovered"
    """The agent ran again and was well."""
    STOPPED = "stopped"
    """Somebody stopped the agent, or the desk."""
    SUPERVISOR_ENDED = "supervisor_ended"
    """The supervisor was killed meanwhile; what came then is not known."""


class Incident(RememberedModel):
    """One agent's stretch from the first bad moment to when it was well again."""

    agent: str
    """`supervisor` for a supervisor that was killed."""
    run_id: str
    kind: IncidentKind
    """The worst within it."""
    cause: str
    """What was seen first."""
    began_at: datetime
    ended_at: datetime | None = None
    duration_seconds: float
    """Until now if it goes on."""
    outcome: IncidentOutcome
    restarts: int = 0
    """Restarts the supervisor scheduled meanwhile."""
    event_id: int | None = None
    """The event it began with."""


class IncidentsAnswer(RememberedModel):
    """``GET /v1/incidents``."""

    incidents: list[Incident] = Field(description="Newest first.")
    is_complete: bool = Field(
        default=True, description="False if there are more; ask for those before the last one."
    )
