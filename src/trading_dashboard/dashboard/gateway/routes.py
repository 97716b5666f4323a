"""The gateway's routes under ``/api``.

Owns the mapping from path to upstream and from error to answer. The guard has already checked
host, origin, session and CSRF when a request arrives here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Scope
from starlette.websockets import WebSocket

from trading_dashboard.dashboard.gateway.http_proxy import forward
from trading_dashboard.dashboard.gateway.socket_proxy import CloseCode, close, pump
from trading_dashboard.dashboard.gateway.upstreams import (
    PathRefused,
    Renew,
    Target,
    Upstreams,
)
from trading_dashboard.dashboard.sessions import Sessions
from trading_dashboard.models.errors import (
    NotSupervised,
    TradingDashboardError,
    UnknownAgent,
    error_body,
)

_METHODS = ["GET", "POST", "PUT", "DELETE"]
_ANSWERS: dict[type[TradingDashboardError], tuple[int, CloseCode]] = {
    NotSupervised: (503, CloseCode.NOT_SUPERVISED),
    UnknownAgent: (404, CloseCode.UNKNOWN_AGENT),
    PathRefused: (400, CloseCode.REFUSED),
}


def gateway_routes(
    upstreams: Upstreams, client: httpx.AsyncClient, sessions: Sessions
) -> list[BaseRoute]:
    """Return ``/api/session``, ``/api/control/…`` and ``/api/agents/NAME/…``."""

    async def session(request: Request) -> Response:
        body = {"csrf": sessions.csrf(request.state.session_cookie)}
        return JSONResponse(body, headers={"cache-control": "no-store"})

    async def over_http(request: Request) -> Response:
        try:
            target = await _resolve(upstreams, request.scope, request.method)
        except TradingDashboardError as error:
            return JSONResponse(error.as_body(), _ANSWERS[type(error)][0])
        return await forward(client, request, target, _renewal(upstreams, request.scope, target))

    async def over_websocket(websocket: WebSocket) -> None:
        try:
            target = await _resolve(upstreams, websocket.scope, "GET")
        except TradingDashboardError as error:
            await websocket.accept()
            await close(websocket, _ANSWERS[type(error)][1], error.message)
            return
        await pump(websocket, target, _renewal(upstreams, websocket.scope, target))

    return [
        Route("/api/session", session, methods=["GET"]),
        *_both("/api/control/{rest:path}", over_http, over_websocket),
        *_both("/api/agents/{name}/{rest:path}", over_http, over_websocket),
        Route("/api/{rest:path}", _unknown, methods=_METHODS),
    ]


async def _unknown(request: Request) -> Response:
    """Say so in the shape of all answers; a page instead of data would be taken for success."""
    body = error_body("not_found", "There is nothing at this address.", observed=request.url.path)
    return JSONResponse(body, 404, headers={"cache-control": "no-store"})


def _both(
    path: str,
    over_http: Callable[[Request], Awaitable[Response]],
    over_websocket: Callable[[WebSocket], Awaitable[None]],
) -> list[BaseRoute]:
    return [Route(path, over_http, methods=_METHODS), WebSocketRoute(path, over_websocket)]


async def _resolve(upstreams: Upstreams, scope: Scope, method: str) -> Target:
    raw_path: str = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    raw_path = raw_path.partition("?")[0]
    query: str = scope.get("query_string", b"").decode("latin-1")
    if raw_path.startswith("/api/control/"):
        peer = scope.get("client")
        visitor = str(peer[0]) if peer else None
        return upstreams.control(raw_path.removeprefix("/api/control/"), query, visitor)
    if not raw_path.startswith("/api/agents/"):
        raise PathRefused("This path is not forwarded.", observed=raw_path[:200])
    name, _, rest = raw_path.removeprefix("/api/agents/").partition("/")
    return await upstreams.agent(name, rest, query, with_authority=method not in ("GET", "HEAD"))


def _renewal(upstreams: Upstreams, scope: Scope, refused: Target) -> Renew:
    """Return what resolves a request again after its token was refused.

    Only the control API's tokens are replaced while it runs. None: there is no other token.
    """
    before = [refused]

    async def renew() -> Target | None:
        if not refused.is_control:
            return None
        try:
            target = await _resolve(upstreams, scope, "GET")
        except TradingDashboardError:
            return None
        last, before[0] = before[0], target
        return target if target.headers != last.headers else None

    return renew
