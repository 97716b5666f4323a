"""What all routes answer with: plain JSON, or JSON written already; and described errors."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from pydantic import BaseModel
from starlette.types import Receive

from trading_dashboard.agents.kit import ErrorResponse

LEFT = 499
"""Status of an answer that nobody waits for any more, for the figures; it reaches nobody."""
Described = dict[int | str, dict[str, Any]]


class JsonResponse(Response):
    """A JSON body: plain types, or bytes that are JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the body's bytes."""
        return content if isinstance(content, bytes) else orjson.dumps(content)


def page_body(page: BaseModel) -> dict[str, Any]:
    """Return a page as JSON values; to be called where it is read, not on the event loop."""
    return page.model_dump(mode="json")


async def computed(request: Request, work: Coroutine[Any, Any, bytes]) -> Response:
    """Answer with JSON that takes a while; the work ends when who asked leaves."""
    task, leaving = asyncio.create_task(work), asyncio.create_task(_left(request.receive))
    try:
        await asyncio.wait((task, leaving), return_when=asyncio.FIRST_COMPLETED)
        return JsonResponse(task.result()) if task.done() else Response(status_code=LEFT)
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


def example(body: Any, status: int = 200) -> Described:
    """Return a description of an answer by an example."""
    return {status: {"content": {"application/json": {"example": body}}}}


def _error(
    status: int, description: str, code: str, message: str, subject: str, observed: Any,
    next_step: str, details: list[dict[str, Any]] | None = None,
) -> Described:  # fmt: skip
    body = {
        "error": {
            "code": code, "message": message, "subject": subject, "observed": observed,
            "next_step": next_step, "details": details or [],
        }
    }  # fmt: skip
    content = {"application/json": {"example": body}}
    return {status: {"model": ErrorResponse, "description": description, "content": content}}


UNAUTHORISED = _error(
    401, "No token, or one of a lesser role.", "unauthorized",
    "This needs the operator token of the agent.", "/gate/reopen", "no token",
    "Send 'Authorization: Bearer …' with the content of its file.",
)  # fmt: skip
UNKNOWN_ORDER = _error(
    404, "No order has this id.", "unknown_order", "There is no order o1.", "o1", None,
    "GET /orders lists all.",
)  # fmt: skip
UNKNOWN_SYMBOL = _error(
    404, "The symbol is not known.", "unknown_symbol",
    "Symbol 'APPL' is not known at the market clock.", "APPL", "5 symbols",
    "GET /symbols of the market data agent lists all.",
)  # fmt: skip
CONFLICT = _error(
    409, "Denied by the check, a used id, or an order that has ended.", "order_denied",
    "The gate is halted: no order is accepted, only cancels.", "AAPL", "halted",
    "POST /check shows what would be allowed; nothing was placed.",
    [{"code": "gate_halted", "severity": "deny",
      "message": "The gate is halted: no order is accepted, only cancels.", "limit": None,
      "before": None, "after": None, "unit": None}],
)  # fmt: skip
REFUSED = _error(
    409, "A cause of the closed gate lasts, or has come since it was looked at.",
    "reopening_refused", "The gate stays closed: The connection to market_data is lost.", "gate",
    "upstream_unhealthy", "Look at that agent and its log; reopen once it is well.",
)  # fmt: skip
INVALID = _error(
    422, "The request cannot be used.", "invalid_request",
    "1 part of the request cannot be used: body.quantity: Input should be greater than 0",
    "/orders", "", "Correct what `details` names; /openapi.json describes every parameter.",
    [{"parameter": "body.quantity", "problem": "Input should be greater than 0",
      "observed": "'0'"}],
)  # fmt: skip
BUSY = _error(
    429, "As many computations wait as may.", "risk_busy", "No more computations may wait.",
    "/risk/portfolio", 8, "Ask again when those before are over.",
)  # fmt: skip
UNAVAILABLE = _error(
    503, "Market data does not answer, the account cannot be written, or a computation failed.",
    "data_unavailable", "Prices have not come yet: what is held cannot be valued.", "AAPL", "AAPL",
    "Look at the market data agent's status and log.",
)  # fmt: skip
CHANGES: Described = {**UNAUTHORISED, **INVALID, **UNAVAILABLE}
"""What any change may be refused with."""
COMPUTED: Described = {**UNKNOWN_SYMBOL, **INVALID, **BUSY, **UNAVAILABLE}
"""What any heavy question may be refused with."""
