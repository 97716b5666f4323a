"""Who may do what, as the whole application keeps it and as OpenAPI tells it.

Owns the guard on reading, for agents that want it, and the complete list of tokens that open each
route. Which route needs which role is said at the route (`Security(app.trader)`).
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from trading_dashboard.agents.kit.token import OperatorToken, ReadToken, TradeToken
from trading_dashboard.models.errors import Forbidden, Unauthorized

OPEN = frozenset({"/health"})
"""What a supervisor asks, which has no token."""
ROLES = (ReadToken.scheme, TradeToken.scheme, OperatorToken.scheme)
"""The weakest first."""

_POLICY_VIOLATION = 1008


class ReadGuard:
    """ASGI middleware: every request but those for `OPEN` needs a token of any role."""

    def __init__(self, app: ASGIApp, reader: ReadToken) -> None:
        self.app = app
        self.reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what carries a token."""
        if scope["type"] not in ("http", "websocket") or scope["path"] in OPEN:
            await self.app(scope, receive, send)
            return
        try:
            self.reader.check(Headers(scope=scope).get("authorization", ""))
        except (Unauthorized, Forbidden) as refusal:
            if scope["type"] == "http":
                headers = {"WWW-Authenticate": "Bearer"}
                await JSONResponse(refusal.as_body(), 401, headers)(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        await self.app(scope, receive, send)


def describe_roles(app: FastAPI, *, is_reading_open: bool) -> None:
    """Let the OpenAPI document name every role that opens a route, not the weakest alone."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_roles(describe(), is_reading_open=is_reading_open)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _with_roles(document: dict[str, Any], *, is_reading_open: bool) -> dict[str, Any]:
    used: set[str] = set()
    for path, operations in document.get("paths", {}).items():
        for operation in operations.values():
            roles = _roles(operation.get("security", []))
            if not roles and not is_reading_open and path not in OPEN:
                roles = ROLES
            if roles:
                operation["security"] = [{role: []} for role in roles]
            used.update(roles)
    schemes = document.get("components", {}).get("securitySchemes", {})
    for role in used - set(schemes):
        schemes[role] = {"type": "http", "scheme": "bearer", "description": _DESCRIPTIONS[role]}
    if schemes:
        document.setdefault("components", {})["securitySchemes"] = schemes
    return document


def _roles(security: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the roles that open a route: the strictest it asks for and those above."""
    asked = [ROLES.index(name) for entry in security for name in entry if name in ROLES]
    return ROLES[max(asked) :] if asked else ()


_DESCRIPTIONS = {
    token.scheme: f"The {token.role} token of this agent."
    for token in (ReadToken, TradeToken, OperatorToken)
}
