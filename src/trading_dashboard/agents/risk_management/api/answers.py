"""Answers that take a while, who asked, and how the errors of this agent's routes are described."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel
from starlette.types import Receive

from trading_dashboard.agents.kit.answers import (
    Described,
    OrjsonResponse,
    error_example,
    invalid_example,
)

LEFT = 499
"""Status of an answer that nobody waits for any more, for the figures; it reaches nobody."""


def page_body(page: BaseModel) -> dict[str, Any]:
    """Return a page as JSON values; to be called where it is read, not on the event loop."""
    return page.model_dump(mode="json")


async def computed(request: Request, work: Coroutine[Any, Any, bytes]) -> Response:
    """Answer with JSON that takes a while; the work ends when who asked leaves."""
    task, leaving = asyncio.create_task(work), asyncio.create_task(_left(request.receive))
    try:
        await asyncio.wait((task, leaving), return_when=asyncio.FIRST_COMPLETED)
        return OrjsonResponse(task.result()) if task.done() else Response(status_code=LEFT)
    finally:
        for one in (task, leaving):
            one.cancel()
        await asyncio.gather(task, leaving, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


def actor_of(request: Request, role: str) -> str:
    """Return who asks, for the journal: the role the route needs, and the address."""
    address = "unknown address" if request.client is None else request.client.host
    return f"{role} at {address}"


UNAUTHORISED = error_example(
    401,
    "No token, or one of a lesser role.",
    code="unauthorized",
    message="This needs the operator token of the agent.",
    subject="/gate/reopen",
    observed="no token",
    next_step="Send 'Authorization: Bearer …' with the content of its file.",
)
UNKNOWN_ORDER = error_example(
    404,
    "No order has this id.",
    code="unknown_order",
    message="There is no order o1.",
    subject="o1",
    observed=None,
    next_step="GET /orders lists all.",
)
UNKNOWN_SYMBOL = error_example(
    404,
    "The symbol is not known.",
    code="unknown_symbol",
    message="Symbol 'APPL' is not known at the market clock.",
    subject="APPL",
    observed="5 symbols",
    next_step="GET /symbols of the market data agent lists all.",
)
CONFLICT = error_example(
    409,
    "Denied by the check, a used id, or an order that has ended.",
    code="order_denied",
    message="The gate is halted: no order is accepted, only cancels.",
    subject="AAPL",
    observed="halted",
    next_step="POST /check shows what would be allowed; nothing was placed.",
    details=[
        {
            "code": "gate_halted",
            "severity": "deny",
            "message": "The gate is halted: no order is accepted, only cancels.",
            "limit": None,
            "before": None,
            "after": None,
            "unit": None,
        }
    ],
)
REFUSED = error_example(
    409,
    "A cause of the closed gate lasts, or has come since it was looked at.",
    code="reopening_refused",
    message="The gate stays closed: The connection to market_data is lost.",
    subject="gate",
    observed="upstream_unhealthy",
    next_step="Look at that agent and its log; reopen once it is well.",
)
INVALID = invalid_example("/orders", "body.quantity")
BUSY = error_example(
    429,
    "As many computations wait as may.",
    code="risk_busy",
    message="No more computations may wait.",
    subject="/risk/portfolio",
    observed=8,
    next_step="Ask again when those before are over.",
)
UNAVAILABLE = error_example(
    503,
    "Market data does not answer, the account cannot be written, or a computation failed.",
    code="data_unavailable",
    message="Prices have not come yet: what is held cannot be valued.",
    subject="AAPL",
    observed="AAPL",
    next_step="Look at the market data agent's status and log.",
)
CHANGES: Described = {**UNAUTHORISED, **INVALID, **UNAVAILABLE}
"""What any change may be refused with."""
COMPUTED: Described = {**UNKNOWN_SYMBOL, **INVALID, **BUSY, **UNAVAILABLE}
"""What any heavy question may be refused with."""
