"""The ASGI application every agent starts from.

Owns what all agents share: `/health`, `/metrics`, OpenAPI, the error shape, the Host and Origin
checks and the operator token. What the agent is about is the caller's to add.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from trading_dashboard.agents.kit.environment import LOOPBACK_HOSTS, AgentEnvironment
from trading_dashboard.agents.kit.errors import ErrorResponse, install_error_handlers
from trading_dashboard.agents.kit.guard import BodyLimit, HostGuard
from trading_dashboard.agents.kit.metrics import AgentMetrics, RequestMeter
from trading_dashboard.agents.kit.parameters import StrictRoute
from trading_dashboard.agents.kit.roles import ReadGuard, describe_roles
from trading_dashboard.agents.kit.token import (
    OperatorToken,
    ReadToken,
    TradeToken,
    token_beside,
)
from trading_dashboard.models.health import HealthReport

Health = Callable[[], Mapping[str, Any]]
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

ERRORS: dict[int | str, dict[str, Any]] = {
    422: {"model": ErrorResponse, "description": "The request cannot be used."},
    "default": {"model": ErrorResponse, "description": "Any other failure."},
}
MAX_BODY_BYTES = 64 * 1024

_WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 (compared with, not bound to)

logger = logging.getLogger(__name__)


class AgentApp(FastAPI):
    """A FastAPI application with an agent's common parts.

    Attributes:
        metrics: Add the agent's own figures here.
        operator: Use as ``dependencies=[Security(app.operator)]`` on routes that change state.
        trader: Likewise on routes that take orders; an operator may do that, too. The agent calls
            ``app.trader.ensure()`` at its start.
        reader: Made and asked for if the agent says so, else reading is open.
        before_exit: Awaited when the process is asked to stop, before connections are closed.
    """

    metrics: AgentMetrics
    operator: OperatorToken
    trader: TradeToken
    reader: ReadToken
    before_exit: list[Callable[[], Awaitable[None]]]


def create_agent_app(
    environment: AgentEnvironment,
    *,
    version: str,
    title: str | None = None,
    description: str = "",
    health: Health | None = None,
    lifespan: Lifespan | None = None,
    max_body_bytes: int = MAX_BODY_BYTES,
    needs_read_token: bool = False,
) -> AgentApp:
    """Return an application that serves `/health`, `/metrics` and `/openapi.json`.

    Args:
        environment: Where and how this agent runs.
        version: The agent's own version.
        title: Heads the OpenAPI document; the agent's name if None.
        description: Opens the OpenAPI document.
        health: Returns what `/health` adds to the common fields (`status`, `message`, `checks`,
            `data`, …). Called for each request: it must answer from memory, without locks or I/O.
            Status ``unhealthy`` or ``starting`` is answered with 503, all else with 200.
        lifespan: As FastAPI's, around serving.
        max_body_bytes: Longer request bodies are refused with 413.
        needs_read_token: Reading needs a token, too, but for `/health`; its file is made now.

    Raises:
        TokenUnusable: The read token's file cannot be made.
    """
    app = AgentApp(
        title=title or environment.name,
        version=version,
        description=description,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=ERRORS,
    )
    app.router.route_class = StrictRoute
    app.metrics = AgentMetrics(environment.name, version)
    _add_tokens(app, environment)
    app.before_exit = []
    report = _health_report(environment, version, health)
    _add_health(app, report)
    _add_metrics(app)
    install_error_handlers(app)
    app.add_middleware(BodyLimit, max_bytes=max_body_bytes)
    if needs_read_token:
        app.reader.ensure()
        app.add_middleware(ReadGuard, reader=app.reader)
    describe_roles(app, is_reading_open=not needs_read_token)
    app.add_middleware(RequestMeter, metrics=app.metrics)
    app.add_middleware(HealthFirst, answer=report)
    app.add_middleware(HostGuard, allowed_hosts=_hosts(environment))
    return app


def _add_tokens(app: AgentApp, environment: AgentEnvironment) -> None:
    file = environment.operator_token_file
    app.operator = OperatorToken(file)
    app.trader = TradeToken(token_beside(file, "trade"), app.operator)
    app.reader = ReadToken(token_beside(file, "read"), app.trader, app.operator)


_HEALTHY = {
    "status": "healthy", "agent": "market_data", "version": "1.0.0",
    "started_at": "2026-03-02T14:00:00.000Z", "message": None,
    "checks": {"store": {"status": "healthy"}},
    "data": {"state": "fresh", "age_seconds": 0.4, "market": "open"},
}  # fmt: skip


class HealthFirst:
    """ASGI middleware that answers `GET /health` itself.

    It is asked all the time, of agents that are busy too: the way through routes, parameters and
    dependencies, of which it has none, is most of what it would cost.
    """

    def __init__(self, app: ASGIApp, answer: Callable[[], Response]) -> None:
        self.app = app
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        is_asked = scope["type"] == "http" and scope["path"] == "/health"
        app = self.answer() if is_asked and scope["method"] == "GET" else self.app
        await app(scope, receive, send)


def _health_report(
    environment: AgentEnvironment, version: str, health: Health | None
) -> Callable[[], Response]:
    """Return what makes the answer to `/health`, from memory."""
    started_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    common = {"agent": environment.name, "version": version, "started_at": started_at}

    def report() -> Response:
        body: dict[str, Any] = {"status": "healthy", **common}
        try:
            body.update(health() if health is not None else {})
            content = orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
        except Exception:
            logger.exception("The health report failed")
            failed = "The health report failed; see the log."
            body = {"status": "unhealthy", **common, "message": failed}
            content = orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
        can_serve = body["status"] not in ("unhealthy", "starting")
        return Response(content, 200 if can_serve else 503, media_type="application/json")

    return report


def _add_health(app: AgentApp, report: Callable[[], Response]) -> None:
    """Add the route to the OpenAPI document; `HealthFirst` answers it."""

    @app.get("/health", tags=["agent"], response_model=HealthReport, responses={
        200: {"content": {"application/json": {"example": _HEALTHY}}},
        503: {"model": HealthReport, "description": "The agent cannot serve."}})  # fmt: skip
    async def get_health() -> Response:
        """How the agent is, from memory: 200 when it can serve, 503 when it cannot."""
        return report()


def _add_metrics(app: AgentApp) -> None:
    @app.get("/metrics", tags=["agent"], response_class=Response, responses={200: {
        "content": {"text/plain": {"schema": {"type": "string"}}}}})  # fmt: skip
    async def get_metrics() -> Response:
        """Figures of this agent in Prometheus' text format."""
        content, media_type = app.metrics.render()
        return Response(content, media_type=media_type)


def _hosts(environment: AgentEnvironment) -> list[str]:
    hosts = [*LOOPBACK_HOSTS, *environment.allowed_hosts]
    if environment.host not in _WILDCARDS:
        hosts.append(f"[{environment.host}]" if ":" in environment.host else environment.host)
    return hosts
