"""`/orders`, `/fills` and `/check`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Request, Response, Security

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import OrjsonResponse, example
from trading_dashboard.agents.risk_management.agent import RiskAgent
from trading_dashboard.agents.risk_management.api.answers import (
    CHANGES,
    CONFLICT,
    INVALID,
    UNAVAILABLE,
    UNKNOWN_ORDER,
    actor_of,
    page_body,
)
from trading_dashboard.agents.risk_management.api.examples import (
    CANCELLED,
    CHECK,
    FILLS,
    ORDER,
    ORDERS,
)
from trading_dashboard.agents.risk_management.live.telling import order_body
from trading_dashboard.models.risk.account import (
    FillsResponse,
    Order,
    OrdersResponse,
    OrderStatus,
    OrderTicket,
)
from trading_dashboard.models.risk.gate import CheckResult

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
_ID = Path(max_length=64, description="As POST /orders answered.", examples=[ORDER["id"]])
_LIMIT = Query(ge=1, le=MAX_LIMIT, description="Rows at most, newest first.")
_BEFORE = Query(max_length=64, description="The last answer's `next_before`.")
_STATUS = Query(description="Only these; all without it. May be given more than once.")
_SYMBOL = Query(max_length=32, description="Only of this symbol.")


def add_orders(app: AgentApp, agent: RiskAgent) -> None:
    """Add the routes."""
    _add_reading(app, agent)
    _add_fills(app, agent)
    _add_placing(app, agent)
    _add_cancelling(app, agent)

    @app.post(
        "/check",
        tags=["orders"],
        response_model=CheckResult,
        responses={**INVALID, **UNAVAILABLE, **example(CHECK)},
    )
    async def check_order(ticket: OrderTicket) -> Response:
        """What would become of an order now, with every finding. Reserves nothing."""
        ticket = agent.desk.named(ticket)
        await agent.limits.prepare(ticket.symbol)
        told = agent.desk.check(ticket).model_dump(mode="json")
        return OrjsonResponse({**told, **agent.telling.label()})


def _add_reading(app: AgentApp, agent: RiskAgent) -> None:
    @app.get(
        "/orders",
        tags=["orders"],
        response_model=OrdersResponse,
        responses={**UNKNOWN_ORDER, **INVALID, **UNAVAILABLE, **example(ORDERS)},
    )
    async def get_orders(
        status: Annotated[list[OrderStatus] | None, _STATUS] = None,
        symbol: Annotated[str | None, _SYMBOL] = None,
        before: Annotated[str | None, _BEFORE] = None,
        limit: Annotated[int, _LIMIT] = DEFAULT_LIMIT,
    ) -> Response:
        """Orders, newest first."""
        page = await agent.reading.ask(
            lambda store: page_body(
                store.orders(before, limit, symbol=symbol, statuses=status or ())
            )
        )
        return OrjsonResponse({**page, **agent.telling.label()})

    @app.get(
        "/orders/{id}",
        tags=["orders"],
        response_model=Order,
        responses={**UNKNOWN_ORDER, **INVALID, **UNAVAILABLE, **example(ORDER)},
    )
    async def get_order(id: Annotated[str, _ID]) -> Response:  # noqa: A002 - the route's word
        """One order."""
        return OrjsonResponse(order_body(await agent.desk.order(id)))


def _add_fills(app: AgentApp, agent: RiskAgent) -> None:
    @app.get(
        "/fills",
        tags=["orders"],
        response_model=FillsResponse,
        responses={**UNKNOWN_ORDER, **INVALID, **UNAVAILABLE, **example(FILLS)},
    )
    async def get_fills(
        symbol: Annotated[str | None, _SYMBOL] = None,
        before: Annotated[str | None, _BEFORE] = None,
        limit: Annotated[int, _LIMIT] = DEFAULT_LIMIT,
    ) -> Response:
        """Fills, newest first."""
        page = await agent.reading.ask(
            lambda store: page_body(store.fills(before, limit, symbol=symbol))
        )
        return OrjsonResponse({**page, **agent.telling.label()})


def _add_placing(app: AgentApp, agent: RiskAgent) -> None:
    trader = [Security(app.trader)]

    @app.post(
        "/orders",
        tags=["orders"],
        status_code=201,
        response_model=Order,
        dependencies=trader,
        responses={
            200: {
                "model": Order,
                "description": "The same client_order_id was placed before: that order.",
                "content": {"application/json": {"example": ORDER}},
            },
            **CONFLICT,
            **CHANGES,
            **example(ORDER, 201),
        },
    )
    async def place_order(ticket: OrderTicket, request: Request) -> Response:
        """Place an order; answered once it is on disk. With a `client_order_id` safe to repeat."""
        ticket = agent.desk.named(ticket)
        await agent.limits.prepare(ticket.symbol)
        order, is_new = await agent.desk.place(ticket, actor_of(request, "trade"))
        return OrjsonResponse(order_body(order), 201 if is_new else 200)


def _add_cancelling(app: AgentApp, agent: RiskAgent) -> None:
    trader = [Security(app.trader)]

    @app.delete(
        "/orders/{id}",
        tags=["orders"],
        response_model=Order,
        dependencies=trader,
        responses={**UNKNOWN_ORDER, **CONFLICT, **CHANGES, **example(CANCELLED)},
    )
    async def cancel_order(
        id: Annotated[str, _ID],  # noqa: A002
        request: Request,
    ) -> Response:
        """Cancel an order, whatever the gate's state."""
        return OrjsonResponse(order_body(await agent.desk.cancel(id, actor_of(request, "trade"))))

    @app.delete(
        "/orders",
        tags=["orders"],
        response_model=OrdersResponse,
        dependencies=trader,
        responses={**CHANGES, **example({**ORDERS, "orders": [CANCELLED]})},
    )
    async def cancel_orders(request: Request) -> Response:
        """Cancel every order that works; the answer has those that were cancelled."""
        cancelled = await agent.desk.cancel_all(
            actor_of(request, "trade"), "All orders were cancelled."
        )
        orders = [order_body(order) for order in cancelled]
        body = {"orders": orders, "total": len(orders), "next_before": None}
        return OrjsonResponse({**body, **agent.telling.label()})
