"""The REST routes put together, and those that only look. Each asks the manager."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response

from trading_dashboard import __version__
from trading_dashboard.control_api.configuration_routes import configuration_routes
from trading_dashboard.control_api.face import LOOKS, Face, Name, errors
from trading_dashboard.control_api.history_routes import history_router
from trading_dashboard.control_api.log_routes import log_routes
from trading_dashboard.control_api.maintenance_routes import maintenance_routes
from trading_dashboard.control_api.metrics import CONTENT_TYPE, render_now
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.control_api.tokens import Tokens
from trading_dashboard.control_api.verb_routes import desk_routes, verb_routes
from trading_dashboard.control_api.verbs import VerbsUnderWay
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.control import AgentsAnswer, HealthAnswer, StatusAnswer

_ONE = errors(HTTPStatus.NOT_FOUND)


def create_routers(
    supervision: Supervision, verbs: VerbsUnderWay, tokens: Tokens
) -> list[APIRouter]:
    """Return the routes over one supervisor."""
    face = Face(supervision, verbs)
    return [
        _health(),
        _queries(face),
        log_routes(face),
        history_router(supervision),
        configuration_routes(face),
        _metrics(supervision),
        verb_routes(face),
        maintenance_routes(face),
        desk_routes(face, tokens),
    ]


def _health() -> APIRouter:
    router = APIRouter()

    refused = errors()
    del refused[HTTPStatus.UNAUTHORIZED]

    @router.get("/health", tags=["supervisor"], responses=refused)
    async def health() -> HealthAnswer:
        """Answer that the supervisor lives. Needs no token."""
        return HealthAnswer(version=__version__)

    return router


def _metrics(supervision: Supervision) -> APIRouter:
    router = APIRouter(responses=errors(), dependencies=[LOOKS])
    text: dict[int | str, dict[str, Any]] = {
        200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}}
    }

    @router.get("/metrics", tags=["supervisor"], response_class=Response, responses=text)
    async def metrics() -> Response:
        """Return the figures of supervisor and agents for Prometheus."""
        return Response(await render_now(supervision), media_type=CONTENT_TYPE)

    return router


def _queries(face: Face) -> APIRouter:
    router = APIRouter(prefix="/v1", dependencies=[LOOKS])

    @router.get("/status", tags=["supervisor"], responses=errors())
    async def status() -> StatusAnswer:
        """Return the supervisor and all agents."""
        agents = await face.agents.get_all_agent_status()
        return StatusAnswer(supervisor=face.supervision.describe(), agents=agents)

    @router.get("/agents", tags=["agents"], responses=errors())
    async def agents() -> AgentsAnswer:
        """Return all agents, parts of the desk itself included."""
        return AgentsAnswer(agents=await face.agents.get_all_agent_status())

    @router.get("/agents/{name}", tags=["agents"], responses=_ONE)
    async def agent(name: Name) -> AgentInfo:
        """Return one agent."""
        return await face.agent(name)

    return router
