"""The REST routes. Each asks the manager and says what came of it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response

from trading_dashboard import __version__
from trading_dashboard.control_api.configuration_routes import configuration_routes
from trading_dashboard.control_api.face import ERRORS, Face
from trading_dashboard.control_api.history_routes import history_router
from trading_dashboard.control_api.log_routes import log_routes
from trading_dashboard.control_api.metrics import CONTENT_TYPE, render_now
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.control_api.verbs import VerbsUnderWay
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.control import (
    AgentsAnswer,
    AllAnswer,
    AllRequest,
    HealthAnswer,
    ShutdownAnswer,
    StatusAnswer,
    VerbAnswer,
    VerbRequest,
)

ORIGIN = "api"


def create_routers(supervision: Supervision, verbs: VerbsUnderWay) -> list[APIRouter]:
    """Return the routes over one supervisor."""
    face = Face(supervision, verbs)
    history = history_router(supervision, ERRORS)
    return [
        _health(),
        _queries(face),
        log_routes(face),
        history,
        configuration_routes(face, ORIGIN),
        _metrics(supervision),
        _verbs(face),
    ]


def _health() -> APIRouter:
    router = APIRouter()

    refused: dict[int | str, dict[str, Any]] = {403: ERRORS[HTTPStatus.FORBIDDEN]}

    @router.get("/health", tags=["supervisor"], responses=refused)
    async def health() -> HealthAnswer:
        """Answer that the supervisor lives. Needs no token."""
        return HealthAnswer(version=__version__)

    return router


def _metrics(supervision: Supervision) -> APIRouter:
    router = APIRouter(responses=ERRORS)
    text: dict[int | str, dict[str, Any]] = {
        200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}}
    }

    @router.get("/metrics", tags=["supervisor"], response_class=Response, responses=text)
    async def metrics() -> Response:
        """Return the figures of supervisor and agents for Prometheus."""
        return Response(await render_now(supervision), media_type=CONTENT_TYPE)

    return router


def _queries(face: Face) -> APIRouter:
    router = APIRouter(prefix="/v1", responses=ERRORS)

    @router.get("/status", tags=["supervisor"])
    async def status() -> StatusAnswer:
        """Return the supervisor and all agents."""
        agents = await face.agents.get_all_agent_status()
        return StatusAnswer(supervisor=face.supervision.describe(), agents=agents)

    @router.get("/agents", tags=["agents"])
    async def agents() -> AgentsAnswer:
        """Return all agents, parts of the desk itself included."""
        return AgentsAnswer(agents=await face.agents.get_all_agent_status())

    @router.get("/agents/{name}", tags=["agents"])
    async def agent(name: str) -> AgentInfo:
        """Return one agent."""
        return await face.agent(name)

    return router


def _verbs(face: Face) -> APIRouter:
    router = APIRouter(prefix="/v1", responses=ERRORS)
    agents = face.agents

    @router.post("/agents/{name}/start", tags=["agents"])
    async def start(name: str, request: VerbRequest | None = None) -> VerbAnswer:
        """Start an agent and, before it, what it depends on. A running one is left as it is."""
        asked = request or VerbRequest()
        await face.agent(name)
        verb = agents.start_agent(name, asked.wait_for_health, origin=ORIGIN)
        return await face.run(name, verb, asked.wait_seconds)

    @router.post("/agents/{name}/stop", tags=["agents"])
    async def stop(name: str, request: VerbRequest | None = None) -> VerbAnswer:
        """Stop an agent and every process it started. A stopped one is left as it is."""
        asked = request or VerbRequest()
        await face.agent(name)
        return await face.run(name, agents.stop_agent(name, origin=ORIGIN), asked.wait_seconds)

    @router.post("/agents/{name}/restart", tags=["agents"])
    async def restart(name: str, request: VerbRequest | None = None) -> VerbAnswer:
        """Stop and start an agent. Two at once make one new process."""
        asked = request or VerbRequest()
        await face.agent(name)
        return await face.run(name, agents.restart_agent(name, origin=ORIGIN), asked.wait_seconds)

    @router.post("/start-all", tags=["agents"])
    async def start_all(request: AllRequest | None = None) -> AllAnswer:
        """Start every agent that is enabled and starts by itself."""
        asked = request or AllRequest()
        return await face.run_all(
            agents.start_all_enabled_agents(origin=ORIGIN), asked.wait_seconds
        )

    @router.post("/stop-all", tags=["agents"])
    async def stop_all(request: AllRequest | None = None) -> AllAnswer:
        """Stop all agents; the supervisor and the dashboard stay."""
        asked = request or AllRequest()
        return await face.run_all(agents.stop_all_agents(origin=ORIGIN), asked.wait_seconds)

    @router.post("/shutdown", status_code=HTTPStatus.ACCEPTED, tags=["supervisor"])
    async def shutdown() -> ShutdownAnswer:
        """Begin the end of everything: agents, dashboard, supervisor."""
        face.supervision.request_shutdown()
        return ShutdownAnswer(supervisor=face.supervision.describe())

    return router
