"""The configuration in force, and reloading it."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter

from trading_dashboard.control_api.face import CHANGE, CHANGES, LOOKS, By, Face, errors
from trading_dashboard.models.configuration import (
    ConfigurationAnswer,
    ReloadAnswer,
    ReloadRequest,
)
from trading_dashboard.models.errors import ReloadUnavailable
from trading_dashboard.orchestrator.reloading import ConfigurationReloader


def configuration_routes(face: Face) -> APIRouter:
    """Return the routes over one supervisor's configuration."""
    router = APIRouter(prefix="/v1", tags=["configuration"])

    @router.get("/configuration", responses=errors(HTTPStatus.CONFLICT), dependencies=[LOOKS])
    async def configuration() -> ConfigurationAnswer:
        """Return every setting in force with its origin, and what is wrong with the files now."""
        return _reloader(face).describe()

    @router.post(
        "/reload", responses=errors(*CHANGE, HTTPStatus.SERVICE_UNAVAILABLE), dependencies=[CHANGES]
    )
    async def reload(by: By, request: ReloadRequest | None = None) -> ReloadAnswer:
        """Read the files again; only agents that changed restart. A mistake changes nothing."""
        asked = request or ReloadRequest()
        verb = _reloader(face).reload(dry_run=asked.dry_run, origin=by)
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
