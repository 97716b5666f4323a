"""The REST routes. Each asks the manager and says what came of it."""

from __future__ import annotations

from collections.abc import Coroutine
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from trading_dashboard import __version__
from trading_dashboard.config.schema import did_you_mean
from trading_dashboard.control_api.history_routes import history_router
from trading_dashboard.control_api.metrics import CONTENT_TYPE, render_now
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.control_api.verbs import VerbsUnderWay
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.control import (
    MAX_LOG_LINES,
    AgentsAnswer,
    AllAnswer,
    AllRequest,
    ErrorAnswer,
    HealthAnswer,
    LogsAnswer,
    ShutdownAnswer,
    StatusAnswer,
    VerbAnswer,
    VerbRequest,
)
from trading_dashboard.models.errors import UnknownAgent

ORIGIN = "api"
_ERRORS: dict[int | str, dict[str, Any]] = {
    int(status): {"model": ErrorAnswer, "description": status.phrase}
    for status in (
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
}


def create_routers(supervision: Supervision, verbs: VerbsUnderWay) -> list[APIRouter]:
    """Return the routes over one supervisor."""
    face = _Face(supervision, verbs)
    history = history_router(supervision, _ERRORS)
    return [_health(), _queries(face), history, _metrics(supervision), _verbs(face)]


class _Face:
    """What routes share."""

    def __init__(self, supervision: Supervision, verbs: VerbsUnderWay) -> None:
        self.supervision = supervision
        self.agents = supervision.agents
        self._verbs = verbs

    async def agent(self, name: str) -> AgentInfo:
        """Return an agent's state.

        Raises:
            UnknownAgent
        """
        info = await self.agents.get_agent_status(name)
        if info is None:
            known = list(await self.agents.get_all_agent_status())
            raise UnknownAgent(
                f"No agent is called '{name[:64]}'.",
                subject=name[:64],
                next_step=did_you_mean(name[:64], known),
            )
        return info

    async def run(self, name: str, verb: Coroutine[Any, Any, bool], wait: float) -> VerbAnswer:
        """Run a verb on one agent and say where it is then."""
        done, ok = await self._verbs.run(verb, wait)
        return VerbAnswer(ok=bool(ok), pending=not done, agent=await self.agent(name))

    async def run_all(self, verb: Coroutine[Any, Any, dict[str, bool]], wait: float) -> AllAnswer:
        """Run a verb on all agents."""
        done, results = await self._verbs.run(verb, wait)
        return AllAnswer(results=results or {}, pending=not done)


def _health() -> APIRouter:
    router = APIRouter()

    refused: dict[int | str, dict[str, Any]] = {403: _ERRORS[HTTPStatus.FORBIDDEN]}

    @router.get("/health", tags=["supervisor"], responses=refused)
    async def health() -> HealthAnswer:
        """Answer that the supervisor lives. Needs no token."""
        return HealthAnswer(version=__version__)

    return router


def _metrics(supervision: Supervision) -> APIRouter:
    router = APIRouter(responses=_ERRORS)
    text: dict[int | str, dict[str, Any]] = {
        200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}}
    }

    @router.get("/metrics", tags=["supervisor"], response_class=Response, responses=text)
    async def metrics() -> Response:
        """Return the figures of supervisor and agents for Prometheus."""
        return Response(await render_now(supervision), media_type=CONTENT_TYPE)

    return router


def _queries(face: _Face) -> APIRouter:
    router = APIRouter(prefix="/v1", responses=_ERRORS)

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

    @router.get("/agents/{name}/logs", tags=["agents"])
    async def logs(
        name: str, lines: Annotated[int, Query(ge=1, le=MAX_LOG_LINES)] = 200
    ) -> LogsAnswer:
        """Return an agent's newest log lines, oldest first."""
        info = await face.agent(name)
        found = list(face.agents.logs(name, lines))
        return LogsAnswer(agent=name, path=info.log_path, lines=found)

    return router


def _verbs(face: _Face) -> APIRouter:
    router = APIRouter(prefix="/v1", responses=_ERRORS)
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
