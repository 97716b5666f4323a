"""What happened to sources, for people and for the record of gaps.

Owns the kinds of events and the bounded list of the newest; what caused them is elsewhere.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

logger = logging.getLogger(__name__)

MAX_EVENTS = 500
MAX_SYMBOLS = 1_000
"""Symbols named by one event; `symbol_count` tells how many it were."""


class EventKind(StrEnum):
    """What happened."""

    FAILED_OVER = "failed_over"
    RECOVERED = "recovered"
    BREAKER_OPENED = "breaker_opened"
    BREAKER_CLOSED = "breaker_closed"
    QUOTA_EXHAUSTED = "quota_exhausted"
    OUTAGE_BEGAN = "outage_began"
    OUTAGE_ENDED = "outage_ended"
    RESUBSCRIBED = "resubscribed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEvent:
    """Something happened to a source; times are microseconds since 1970 UTC.

    Attributes:
        source: The source it happened to; of an outage, the one that should have delivered.
        other: The source that took over, or gave back.
        start, end: The stretch [start, end) it is about, where it is about one; end None is open.
        cause: A stable code: of an outage ``source_down`` or ``source_silent``, else a failure's.
        detail: For people, without secrets.
    """

    kind: EventKind
    source: str
    at: int
    other: str | None = None
    symbols: Sequence[str] = ()
    symbol_count: int = 0
    start: int | None = None
    end: int | None = None
    cause: str = ""
    detail: str = ""


class EventLog:
    """The newest events, and whoever wants each at once."""

    def __init__(self, on_event: Callable[[SourceEvent], None] | None = None) -> None:
        self._newest: deque[SourceEvent] = deque(maxlen=MAX_EVENTS)
        self._on_event = on_event

    def add(self, event: SourceEvent) -> None:
        """Keep an event and tell of it."""
        self._newest.append(event)
        logger.info(
            "Source %s: %s %s %s",
            event.source,
            event.kind.replace("_", " "),
            event.cause,
            event.detail,
        )
        if self._on_event is not None:
            self._on_event(event)

    def newest(self, limit: int = MAX_EVENTS) -> list[SourceEvent]:
        """Return events, newest first."""
        return list(self._newest)[: -limit - 1 : -1]
