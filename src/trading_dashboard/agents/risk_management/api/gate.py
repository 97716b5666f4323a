"""`/gate` and `/journal`: may be traded, and what has happened to the account."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response, Security

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import OrjsonResponse, example
from trading_dashboard.agents.risk_management.agent import RiskAgent
from trading_dashboard.agents.risk_management.api.answers import (
    CHANGES,
    INVALID,
    REFUSED,
    UNAVAILABLE,
    actor_of,
    page_body,
)
from trading_dashboard.agents.risk_management.api.examples import (
    GATE,
    JOURNAL,
    KILL,
    OPEN_GATE,
)
from trading_dashboard.models.risk.account import JournalKind, JournalResponse
from trading_dashboard.models.risk.gate import (
    GateReopening,
    GateStatus,
    KillReport,
    KillSwitch,
    LeaseRenewal,
)

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
_LIMIT = Query(ge=1, le=MAX_LIMIT, description="Entries at most, newest first.")
_BEFORE = Query(ge=1, le=2**53, description="The last answer's `next_before`.")
_KIND = Query(description="Only of these kinds; of all without it.")


def add_gate(app: AgentApp, agent: RiskAgent) -> None:
    """Add the routes."""
    _add_acts(app, agent)

    @app.get("/gate", tags=["gate"], response_model=GateStatus, responses=example(GATE))
    async def get_gate() -> Response:
        """Whether it may be traded, and why not; from memory."""
        agent.gate.look()
        return OrjsonResponse(agent.gate.status().model_dump(mode="json"))

    @app.get(
        "/journal",
        tags=["account"],
        response_model=JournalResponse,
        responses={**INVALID, **UNAVAILABLE, **example(JOURNAL)},
    )
    async def get_journal(
        before: Annotated[int | None, _BEFORE] = None,
        limit: Annotated[int, _LIMIT] = DEFAULT_LIMIT,
        kind: Annotated[list[JournalKind] | None, _KIND] = None,
    ) -> Response:
        """Every change of the account, the limits and the gate, newest first."""
        page = await agent.reading.ask(
            lambda store: page_body(store.journal(before, limit, kind or ()))
        )
        return OrjsonResponse({**page, **agent.telling.label()})


def _add_acts(app: AgentApp, agent: RiskAgent) -> None:
    operator = [Security(app.operator)]

    @app.post(
        "/gate/kill",
        tags=["gate"],
        response_model=KillReport,
        dependencies=operator,
        responses={**CHANGES, **example(KILL)},
    )
    async def kill(order: KillSwitch, request: Request) -> Response:
        """Halt at once, cancel what works, and show by a probe order that the gate holds."""
        report = await agent.acts.kill(order, actor_of(request, "operator"))
        return OrjsonResponse(report.model_dump(mode="json"))

    @app.post(
        "/gate/reopen",
        tags=["gate"],
        response_model=GateStatus,
        dependencies=operator,
        responses={**REFUSED, **CHANGES, **example(OPEN_GATE)},
    )
    async def reopen(reopening: GateReopening, request: Request) -> Response:
        """Open the gate: an act of a person, journalled, refused while a cause lasts."""
        agent.limits.evaluate()
        status = await agent.gate.reopen(reopening, actor_of(request, "operator"))
        return OrjsonResponse(status.model_dump(mode="json"))

    @app.post(
        "/gate/lease",
        tags=["gate"],
        response_model=GateStatus,
        dependencies=operator,
        responses={**CHANGES, **example(OPEN_GATE)},
    )
    async def renew_lease(renewal: LeaseRenewal) -> Response:
        """The supervisor's word that it looks after this agent, and how those before it are."""
        return OrjsonResponse(agent.gate.renew(renewal).model_dump(mode="json"))
