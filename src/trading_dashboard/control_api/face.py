"""What all routes share: the agents by name, verbs with a deadline, the errors they may answer."""

from __future__ import annotations

from collections.abc import Coroutine
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Path, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer

from trading_dashboard.config.schema import did_you_mean
from trading_dashboard.control_api.resting import resting_among, resting_words
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.control_api.verbs import VerbsUnderWay
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.control import AllAnswer, ErrorAnswer, TokenRole, VerbAnswer
from trading_dashboard.models.errors import UnknownAgent
from trading_dashboard.models.requester import (
    ADDRESS_HEADER,
    CLIENT_HEADER,
    MAX_ADDRESS_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_USER_CHARACTERS,
    USER_HEADER,
    Requester,
)

Result = TypeVar("Result")

ANYWHERE = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.INTERNAL_SERVER_ERROR,
)
CHANGE = (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT)
"""What a route with a body may answer beside."""

Name = Annotated[str, Path(min_length=1, max_length=64, description="The agent's name.")]
_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="Token",
    description="An operator sends the content of var/run/control.token; who only looks sends "
    "that of var/run/control.read.token.",
)
# Checked by the guard; named here so that the OpenAPI document says which role a route needs.
LOOKS = Security(_bearer, scopes=[TokenRole.READ_ONLY])
CHANGES = Security(_bearer, scopes=[TokenRole.OPERATOR])


def errors(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the descriptions of these errors and of those any route may answer."""
    return {
        int(status): {"model": ErrorAnswer, "description": status.phrase}
        for status in sorted({*ANYWHERE, *statuses})
    }


def refuse_unknown_parameters(request: Request) -> None:
    """Refuse a parameter that the route does not have: misspelt, it would select everything.

    Raises:
        RequestValidationError
    """
    route = request.scope["route"]
    known = [field.alias for field in route.dependant.query_params]
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise RequestValidationError(
            [{"loc": ("query", name[:64]), "msg": _no_parameter(name, known)} for name in unknown]
        )


def _no_parameter(name: str, known: list[str]) -> str:
    return f"There is no such parameter. {did_you_mean(name[:64], known)}"


def _requester(
    request: Request,
    client: Annotated[
        str | None,
        Header(
            alias=CLIENT_HEADER,
            max_length=MAX_NAME_CHARACTERS,
            description="Who asks, for the record: `cli` or `dashboard`; all others are `api`.",
        ),
    ] = None,
    user: Annotated[
        str | None,
        Header(
            alias=USER_HEADER,
            max_length=MAX_USER_CHARACTERS,
            description="The user who asks, for the record.",
        ),
    ] = None,
    address: Annotated[
        str | None,
        Header(
            alias=ADDRESS_HEADER,
            max_length=MAX_ADDRESS_CHARACTERS,
            description="From the dashboard: the address of the browser, for the record.",
        ),
    ] = None,
) -> Requester:
    peer = request.client.host if request.client else None
    return Requester.over_http(client, user, address, peer)


By = Annotated[Requester, Depends(_requester)]


class Face:
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
        """Run a verb on one agent and say where it is then. To have finished is no failure."""
        done, ok = await self._verbs.run(verb, wait)
        agent = await self.agent(name)
        is_finished = agent.has_finished and resting_words(name, {name: agent}) is not None
        return VerbAnswer(ok=bool(ok) or (done and is_finished), pending=not done, agent=agent)

    async def wait(
        self, verb: Coroutine[Any, Any, Result], seconds: float
    ) -> tuple[bool, Result | None]:
        """Run a verb; return (True, its result), or (False, None) if it goes on after `seconds`."""
        return await self._verbs.run(verb, seconds)

    async def run_all(self, verb: Coroutine[Any, Any, dict[str, bool]], wait: float) -> AllAnswer:
        """Run a verb on all agents."""
        done, results = await self._verbs.run(verb, wait)
        return AllAnswer(results=results or {}, pending=not done)

    async def start_all(self, by: Requester, wait: float) -> AllAnswer:
        """Start all; who rests by right counts as done, and is named with the reason."""
        answer = await self.run_all(self.agents.start_all_enabled_agents(origin=by), wait)
        resting = resting_among(answer.results, await self.agents.get_all_agent_status())
        results = {name: is_up or name in resting for name, is_up in answer.results.items()}
        return AllAnswer(results=results, resting=resting, pending=answer.pending)
