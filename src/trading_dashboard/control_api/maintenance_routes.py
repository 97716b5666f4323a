"""Beginning and ending an agent's maintenance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter

from trading_dashboard.control_api.face import ERRORS, Face
from trading_dashboard.models.agents import Maintenance
from trading_dashboard.models.control import MaintenanceRequest, VerbAnswer

WAIT_SECONDS = 5.0
"""For an agent that is just being ended; it counts as soon as that is done."""


def maintenance_routes(face: Face, origin: str) -> APIRouter:
    """Return the route; `origin` is what the record says of who asked."""
    router = APIRouter(prefix="/v1", responses=ERRORS)

    @router.post("/agents/{name}/maintenance", tags=["agents"])
    async def maintenance(name: str, request: MaintenanceRequest) -> VerbAnswer:
        """Leave an agent to whoever works on it, or take it back."""
        await face.agent(name)
        verb = face.agents.set_maintenance(name, _wanted(request, origin), origin=origin)
        return await face.run(name, verb, WAIT_SECONDS)

    return router


def _wanted(request: MaintenanceRequest, origin: str) -> Maintenance | None:
    if not request.on:
        return None
    now = datetime.now(UTC)
    until = now + timedelta(minutes=request.minutes) if request.minutes else None
    return Maintenance(since=now, until=until, reason=request.reason, by=origin)
