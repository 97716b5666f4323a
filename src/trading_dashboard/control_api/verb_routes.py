"""The routes that change something. Only an operator's token reaches them."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter

from trading_dashboard.control_api.face import CHANGE, CHANGES, By, Face, Name, errors
from trading_dashboard.control_api.tokens import Tokens
from trading_dashboard.models.control import (
    MAX_WAIT_SECONDS,
    AllAnswer,
    AllRequest,
    RotateAnswer,
    RotateRequest,
    ShutdownAnswer,
    TokenRole,
    VerbAnswer,
    VerbRequest,
)
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.requester import Requester, acted

_ONE = errors(*CHANGE, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)
_ALL = errors(*CHANGE, HTTPStatus.SERVICE_UNAVAILABLE)


def verb_routes(face: Face) -> APIRouter:
    """Return the verbs on one agent and on all."""
    router = APIRouter(prefix="/v1", dependencies=[CHANGES], tags=["agents"])
    _on_one(router, face)
    _on_all(router, face)
    return router


def _on_one(router: APIRouter, face: Face) -> None:
    agents = face.agents

    @router.post("/agents/{name}/start", responses=_ONE)
    async def start_agent(name: Name, by: By, request: VerbRequest | None = None) -> VerbAnswer:
        """Start an agent and, before it, what it depends on. A running one is left as it is."""
        asked = request or VerbRequest()
        await face.agent(name)
        verb = agents.start_agent(name, asked.wait_for_health, origin=by)
        return await face.run(name, verb, asked.wait_seconds)

    @router.post("/agents/{name}/stop", responses=_ONE)
    async def stop_agent(name: Name, by: By, request: VerbRequest | None = None) -> VerbAnswer:
        """Stop an agent and every process it started. A stopped one is left as it is."""
        asked = request or VerbRequest()
        await face.agent(name)
        return await face.run(name, agents.stop_agent(name, origin=by), asked.wait_seconds)

    @router.post("/agents/{name}/restart", responses=_ONE)
    async def restart_agent(name: Name, by: By, request: VerbRequest | None = None) -> VerbAnswer:
        """Stop and start an agent. Two at once make one new process."""
        asked = request or VerbRequest()
        await face.agent(name)
        return await face.run(name, agents.restart_agent(name, origin=by), asked.wait_seconds)


def _on_all(router: APIRouter, face: Face) -> None:
    agents = face.agents

    @router.post("/start-all", responses=_ALL)
    async def start_all(by: By, request: AllRequest | None = None) -> AllAnswer:
        """Start every agent that is enabled and starts by itself.

        One that is outside its hours, has finished or is in maintenance is left so: that is no
        failure, and `resting` names it.
        """
        return await face.start_all(by, (request or AllRequest()).wait_seconds)

    @router.post("/stop-all", responses=_ALL)
    async def stop_all(by: By, request: AllRequest | None = None) -> AllAnswer:
        """Stop all agents; the supervisor and the dashboard stay."""
        asked = request or AllRequest()
        return await face.run_all(agents.stop_all_agents(origin=by), asked.wait_seconds)

    @router.post("/emergency-stop", responses=_ALL)
    async def emergency_stop(by: By, request: AllRequest | None = None) -> AllAnswer:
        """Kill every agent's processes at once, unasked; the supervisor and the dashboard stay.

        Starts, restarts and backoffs under way end, too. Nothing starts again by itself.
        """
        asked = request or AllRequest()
        return await face.run_all(agents.emergency_stop(origin=by), asked.wait_seconds)


def desk_routes(face: Face, tokens: Tokens) -> APIRouter:
    """Return what changes the supervisor itself."""
    router = APIRouter(prefix="/v1", dependencies=[CHANGES], tags=["supervisor"])

    @router.post(
        "/shutdown",
        status_code=HTTPStatus.ACCEPTED,
        responses=errors(),
    )
    async def shutdown(by: By) -> ShutdownAnswer:
        """Begin the end of everything: agents, dashboard, supervisor."""
        face.supervision.request_shutdown(by)
        return ShutdownAnswer(supervisor=face.supervision.describe())

    @router.post(
        "/tokens/rotate",
        responses=errors(HTTPStatus.BAD_REQUEST),
    )
    async def rotate_tokens(by: By, request: RotateRequest | None = None) -> RotateAnswer:
        """Replace tokens; the old ones work no more once this answers.

        The new ones are in `var/run`. Streams that an old one opened are closed with 4401.
        """
        roles = [request.role] if request and request.role else list(TokenRole)
        done, _ = await face.wait(_rotate(face, tokens, roles, by), MAX_WAIT_SECONDS)
        return RotateAnswer(rotated=roles, pending=not done)

    return router


async def _rotate(face: Face, tokens: Tokens, roles: list[TokenRole], by: Requester) -> None:
    await tokens.rotate(roles)
    data = acted("rotate tokens", by, roles=[str(role) for role in roles])
    face.agents.events.publish(EventKind.OPERATOR_ACTED, data=data)
