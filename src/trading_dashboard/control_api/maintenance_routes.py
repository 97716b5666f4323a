"""Beginning and ending an agent's maintenance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from fastapi import APIRouter

from trading_dashboard.control_api.face import CHANGE, CHANGES, By, Face, Name, errors
from trading_dashboard.models.agents import Maintenance
from trading_dashboard.models.control import MaintenanceRequest, VerbAnswer

WAIT_SECONDS = 5.0
"""For an agent that is just being ended; it counts as soon as that is done."""


def maintenance_routes(face: Face) -> APIRouter:
    """Return the route."""
    router = APIRouter(prefix="/v1", dependencies=[CHANGES], tags=["agents"])
    refusals = errors(*CHANGE, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)

    @router.post("/agents/{name}/maintenance", responses=refusals)
    async def set_maintenance(name: Name, by: By, request: MaintenanceRequest) -> VerbAnswer:
        """Leave an agent to whoever works on it, or take it back."""
        await face.agent(name)
        verb = face.agents.set_maintenance(name, _wanted(request, str(by)), origin=by)
        return await face.run(name, verb, WAIT_SECONDS)

    return router


def _wanted(request: MaintenanceRequest, origin: str) -> Maintenance | None:
    if not request.on:
        return None
    now = datetime.now(UTC)
    until = now + timedelta(minutes=request.minutes) if request.minutes else None
    return Maintenance(since=now, until=until, reason=request.reason, by=origin)
