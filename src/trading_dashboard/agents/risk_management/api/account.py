"""`/positions`, `/cash` and `/sample`: what the account holds, and bringing it in or out."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request, Response, Security

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import OrjsonResponse, example
from trading_dashboard.agents.risk_management.agent import RiskAgent
from trading_dashboard.agents.risk_management.api.answers import (
    CHANGES,
    INVALID,
    UNAVAILABLE,
    actor_of,
)
from trading_dashboard.agents.risk_management.api.examples import IMPORT, POSITIONS
from trading_dashboard.agents.risk_management.transfer.writing import MEDIA_TYPES, write_positions
from trading_dashboard.models.risk.account import (
    CashMove,
    ImportReport,
    PositionsResponse,
)

Form = Literal["csv", "json"]
_FORMAT = Query(alias="format", description="Of the file.")
_DRY_RUN = Query(description="Only say what would come of it.")
_BODY = {
    "requestBody": {
        "required": True,
        "description": "Columns symbol, quantity, average_cost (or price), currency, opened_at.",
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": "symbol,quantity,average_cost\nAAPL,10,670.43\n",
            },
            "application/json": {
                "schema": {"type": "object"},
                "example": {
                    "positions": [{"symbol": "AAPL", "quantity": 10, "average_cost": 670.43}]
                },
            },
        },
    }
}


def add_account(app: AgentApp, agent: RiskAgent) -> None:
    """Add the routes."""
    _add_import(app, agent)
    _add_cash(app, agent)

    @app.get(
        "/positions",
        tags=["account"],
        response_model=PositionsResponse,
        responses=example(POSITIONS),
    )
    async def get_positions() -> Response:
        """The account: cash, holdings at the newest prices, profit, exposure."""
        return OrjsonResponse(agent.telling.positions())

    @app.get(
        "/positions/export",
        tags=["account"],
        response_class=Response,
        responses={
            200: {
                "content": {
                    "text/csv": {"schema": {"type": "string"}},
                    "application/json": {"schema": {"type": "object"}},
                }
            },
            **INVALID,
        },
    )
    async def export_positions(form: Annotated[Form, _FORMAT] = "csv") -> Response:
        """The holdings as a file that can be imported again."""
        told = PositionsResponse.model_validate(agent.telling.positions())
        name = f"positions.{form}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        body = write_positions(told.positions, form)
        return Response(body, media_type=MEDIA_TYPES[form], headers=headers)


def _add_import(app: AgentApp, agent: RiskAgent) -> None:
    operator = [Security(app.operator)]

    @app.post(
        "/positions/import",
        tags=["account"],
        response_model=ImportReport,
        dependencies=operator,
        responses={**CHANGES, **example(IMPORT)},
        openapi_extra=_BODY,
    )
    async def import_positions(
        request: Request,
        form: Annotated[Form, _FORMAT] = "csv",
        dry_run: Annotated[bool, _DRY_RUN] = True,
    ) -> Response:
        """Holdings from a file, all rows or none; each takes the place of what is held of it."""
        report = await agent.acts.import_positions(
            await request.body(), form, dry_run=dry_run, actor=actor_of(request, "operator")
        )
        return OrjsonResponse(report.model_dump(mode="json"))


def _add_cash(app: AgentApp, agent: RiskAgent) -> None:
    operator = [Security(app.operator)]

    @app.post(
        "/sample/clear",
        tags=["account"],
        response_model=PositionsResponse,
        dependencies=operator,
        responses={**CHANGES, **example(POSITIONS)},
    )
    async def clear_sample(request: Request) -> Response:
        """Take the sample portfolio out of the account; what was traded besides it stays."""
        await agent.acts.clear_sample(actor_of(request, "operator"))
        return OrjsonResponse(agent.telling.positions())

    @app.post(
        "/cash",
        tags=["account"],
        response_model=PositionsResponse,
        dependencies=operator,
        responses={**CHANGES, **UNAVAILABLE, **example(POSITIONS)},
    )
    async def move_cash(move: CashMove, request: Request) -> Response:
        """Pay cash in (above zero), or take out what is free (below zero)."""
        await agent.acts.move_cash(move, actor_of(request, "operator"))
        return OrjsonResponse(agent.telling.positions())
