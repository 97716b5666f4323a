"""What happened: the envelope of everything the supervisor announces."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class EventKind(StrEnum):
    """Kinds of event, in the past tense."""

    AGENT_CHANGED = "agent_changed"
    """Any field of an agent changed; `data` is empty, the new `AgentInfo` travels beside it."""
    TRANSITION = "transition"
    """`data`: from, to, reason, pid."""
    HEALTH_CHANGED = "health_changed"
    """`data`: from, to, message."""
    PROBE_CHANGED = "probe_changed"
    """A probe passes its threshold, either way. `data`: role, from, to (`passing` or `failing`),
    message."""
    DATA_STATE_CHANGED = "data_state_changed"
    """`data`: from, to, age_seconds, message."""
    RESTART_SCHEDULED = "restart_scheduled"
    """`data`: delay_seconds, attempt, reason."""
    RESTARTS_WITHHELD = "restarts_withheld"
    """The budget of restarts that follow a dependency is used up; the agent is the first that is
    left as it is. `data`: max_restarts, window_seconds."""
    MAINTENANCE_CHANGED = "maintenance_changed"
    """`data`: on, until, reason, by."""
    OPERATOR_ACTED = "operator_acted"
    """`data`: action, origin (`cli`, `dashboard`, `api`, `library`, a signal), and as far as they
    are known from (the address) and user; roles if tokens were replaced."""
    AGENT_ADDED = "agent_added"
    """A reload brought a new agent."""
    AGENT_REMOVED = "agent_removed"
    """A reload took an agent away; clients forget it."""
    CONFIGURATION_CHANGED = "configuration_changed"
    """`data`: origin and what is known beside it, changes (key, before, after, origin, effect;
    secrets masked), total."""
    CONFIGURATION_INVALID = "configuration_invalid"
    """The files changed and have mistakes; nothing was changed. `data`: origin and what is known
    beside it, mistakes, total."""
    CONFIGURATION_MENDED = "configuration_mended"
    """The files have no mistakes any more. `data`: origin."""
    SUPERVISOR_STARTED = "supervisor_started"
    """`data`: pid, version."""
    SUPERVISOR_STOPPING = "supervisor_stopping"
    EVENTS_LOST = "events_lost"
    """Only in the history, where others are missing. `data`: count, until."""


class Event(BaseModel):
    """One thing that happened. `seq` grows by one per event within a run."""

    model_config = ConfigDict(frozen=True)

    seq: int = Field(ge=0)
    time: datetime
    kind: EventKind
    agent: str | None = None
    data: dict[str, Any] = Field(default_factory=dict)


@dataclass(slots=True)
class LogFigures:
    """How much an agent has written to its output in this run, and what became of it."""

    written_bytes: int = 0
    """Read from its standard output and error."""
    dropped_bytes: int = 0
    """Of those, in nobody's log: written faster than a log can keep, or the rest of a line that is
    too long."""
    dropped_lines: int = 0
    """Lines left out because they came too fast."""
    unfiled_lines: int = 0
    """Lines kept in memory, but not in the file: the disk was full or too slow."""


class LogLine(BaseModel):
    """One line an agent wrote, stamped when it was read."""

    model_config = ConfigDict(frozen=True)

    agent: str
    seq: int
    """Grows by one per line and agent within a run."""
    time: datetime
    stream: str
    """`stdout`, `stderr` or `supervisor`."""
    level: str
    """`debug`, `info`, `warning` or `error`, as far as it can be told from the line."""
    text: str
    """What the line says. Of a JSON line the message, then its other fields as ``key=value``, then
    the traceback on lines of its own; the file keeps the line as it was written."""
    logger: str | None = None
    """Who logged it, if a JSON line says so."""
