"""One event as the history keeps it, and the clock it is kept by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.events import EventKind
from trading_dashboard.orchestrator.events import Update

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IN_MAINTENANCE = '"maintenance": true'
"""As `json.dumps` writes it; within a text the quotes would be escaped."""
SECOND = 1_000_000
"""Times are whole microseconds since 1970, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A row to be; `status`, `health` and `data_state` are the agent's after the event."""

    seq: int
    time: int
    kind: str
    data: str = "{}"
    agent: str | None = None
    status: str | None = None
    health: str | None = None
    data_state: str | None = None


def record_of(update: Update) -> Record:
    """Return what is kept of an update."""
    event, agent = update.event, update.agent
    return Record(
        seq=event.seq,
        time=microseconds(event.time),
        kind=event.kind.value,
        data=json.dumps(_with_maintenance(event.data, agent), default=str),
        agent=event.agent,
        status=agent.status.value if agent else None,
        health=agent.health.value if agent else None,
        data_state=agent.data_state.value if agent else None,
    )


def is_in_maintenance(data: str) -> bool:
    """Return whether a kept event was one of an agent in maintenance. Cheap: asked for each row."""
    return _IN_MAINTENANCE in data


def _with_maintenance(data: Mapping[str, Any], agent: AgentInfo | None) -> Mapping[str, Any]:
    """Mark the events of an agent in maintenance, so that each row tells it like the status."""
    return data if agent is None or agent.maintenance is None else {**data, "maintenance": True}


def lost_record(first: Record, count: int, until: int) -> Record:
    """Return the record that stands where `count` others are missing."""
    data = {"count": count, "until": moment(until).isoformat()}
    return Record(
        seq=first.seq, time=first.time, kind=EventKind.EVENTS_LOST.value, data=json.dumps(data)
    )


def microseconds(time: datetime) -> int:
    """Return an aware time as a number."""
    return (time - EPOCH) // timedelta(microseconds=1)


def moment(time: int) -> datetime:
    """Return a number as an aware time in UTC."""
    return EPOCH + timedelta(microseconds=time)


def wall_clock() -> int:
    """Return the time now."""
    return microseconds(datetime.now(UTC))
