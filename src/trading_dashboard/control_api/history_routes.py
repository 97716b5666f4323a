"""The routes over what the supervisor remembers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from trading_dashboard.control_api.face import LOOKS, errors
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.models.errors import HistoryUnavailable
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.history import (
    DEFAULT_DAYS,
    MAX_EVENTS,
    MAX_INCIDENTS,
    AvailabilityAnswer,
    EventsAnswer,
    IncidentsAnswer,
)
from trading_dashboard.orchestrator.history.event_history import EventHistory
from trading_dashboard.orchestrator.history.reader import EventQuery, IncidentQuery

Agent = Annotated[str | None, Query(max_length=64, description="Only this agent's.")]
Since = Annotated[AwareDatetime | None, Query(description="From then on, ISO 8601 with offset.")]
Until = Annotated[AwareDatetime | None, Query(description="Before then, ISO 8601 with offset.")]


def history_router(supervision: Supervision) -> APIRouter:
    """Return the routes; an agent that is not configured any more may have a history."""
    missing = errors(HTTPStatus.SERVICE_UNAVAILABLE)
    router = APIRouter(prefix="/v1", responses=missing, tags=["history"], dependencies=[LOOKS])

    def history() -> EventHistory:
        if supervision.history is None:
            raise HistoryUnavailable("This supervisor keeps no history.")
        return supervision.history

    _add_events(router, history)
    _add_availability(router, history)
    _add_incidents(router, history)
    return router


def _add_events(router: APIRouter, history: Callable[[], EventHistory]) -> None:
    @router.get("/events")
    async def events(
        since: Since = None,
        until: Until = None,
        agent: Agent = None,
        kind: Annotated[
            list[EventKind] | None, Query(max_length=20, description="Repeatable.")
        ] = None,
        before: Annotated[
            int | None, Query(ge=1, lt=2**63, description="Only events with a lower `id`.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_EVENTS)] = 100,
    ) -> EventsAnswer:
        """Return the newest events that match, oldest first, of this run and earlier ones."""
        query = EventQuery(
            since=since, until=until, agent=agent, kinds=kind or (), before=before, limit=limit
        )
        return await history().events(query)


def _add_availability(router: APIRouter, history: Callable[[], EventHistory]) -> None:
    @router.get("/availability")
    async def availability(
        first: Annotated[
            date | None, Query(description="First UTC day; by default six before `last`.")
        ] = None,
        last: Annotated[
            date | None, Query(description="Last UTC day, included; by default today.")
        ] = None,
        agent: Agent = None,
    ) -> AvailabilityAnswer:
        """Return uptime and availability per agent and UTC day."""
        last = last or datetime.now(UTC).date()
        earliest = date.min + timedelta(days=DEFAULT_DAYS)
        first = first or max(last, earliest) - timedelta(days=DEFAULT_DAYS - 1)
        return await history().availability(first, last, agent)


def _add_incidents(router: APIRouter, history: Callable[[], EventHistory]) -> None:
    @router.get("/incidents")
    async def incidents(
        since: Since = None,
        until: Until = None,
        agent: Agent = None,
        limit: Annotated[int, Query(ge=1, le=MAX_INCIDENTS)] = 100,
    ) -> IncidentsAnswer:
        """Return the newest incidents of a period, by default the last seven days."""
        until = until or datetime.now(UTC)
        earliest = datetime.min.replace(tzinfo=UTC) + timedelta(days=DEFAULT_DAYS + 1)
        since = since or max(until, earliest) - timedelta(days=DEFAULT_DAYS)
        query = IncidentQuery(since=since, until=until, agent=agent, limit=limit)
        return await history().incidents(query)
