"""The configuration in force, and reloading it."""

from __future__ import annotations

from fastapi import APIRouter

from trading_dashboard.control_api.face import ERRORS, Face
from trading_dashboard.models.configuration import (
    ConfigurationAnswer,
    ReloadAnswer,
    ReloadRequest,
)
from trading_dashboard.models.errors import ReloadUnavailable
from trading_dashboard.orchestrator.reloading import ConfigurationReloader


def configuration_routes(face: Face, origin: str) -> APIRouter:
    """Return the routes over one supervisor's configuration."""
    router = APIRouter(prefix="/v1", tags=["configuration"], responses=ERRORS)

    @router.get("/configuration")
    async def configuration() -> ConfigurationAnswer:
        """Return every setting in force with its origin, and what is wrong with the files now."""
        return _reloader(face).describe()

    @router.post("/reload")
    async def reload(request: ReloadRequest | None = None) -> ReloadAnswer:
        """Read the files again; only agents that changed restart. A mistake changes nothing."""
        asked = request or ReloadRequest()
        verb = _reloader(face).reload(dry_run=asked.dry_run, origin=origin)
        done, answer = await face.wait(verb, asked.wait_seconds)
        return answer or ReloadAnswer(dry_run=asked.dry_run, pending=not done)

    return router


def _reloader(face: Face) -> ConfigurationReloader:
    if face.supervision.reloader is None:
        raise ReloadUnavailable(
            "This supervisor was given its configuration by a program.",
            next_step="Change it there.",
        )
    return face.supervision.reloader
