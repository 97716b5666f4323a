"""What all routes share: the agents by name, verbs with a deadline, the errors they may answer."""

from __future__ import annotations

from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, TypeVar

from trading_dashboard.config.schema import did_you_mean
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.control_api.verbs import VerbsUnderWay
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.control import AllAnswer, ErrorAnswer, VerbAnswer
from trading_dashboard.models.errors import UnknownAgent

Result = TypeVar("Result")

ERRORS: dict[int | str, dict[str, Any]] = {
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
        """Run a verb on one agent and say where it is then."""
        done, ok = await self._verbs.run(verb, wait)
        return VerbAnswer(ok=bool(ok), pending=not done, agent=await self.agent(name))

    async def wait(
        self, verb: Coroutine[Any, Any, Result], seconds: float
    ) -> tuple[bool, Result | None]:
        """Run a verb; return (True, its result), or (False, None) if it goes on after `seconds`."""
        return await self._verbs.run(verb, seconds)

    async def run_all(self, verb: Coroutine[Any, Any, dict[str, bool]], wait: float) -> AllAnswer:
        """Run a verb on all agents."""
        done, results = await self._verbs.run(verb, wait)
        return AllAnswer(results=results or {}, pending=not done)
