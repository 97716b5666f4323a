"""The gate before everything the dashboard serves, over HTTP and WebSocket alike.

Owns who may send a request at all: Host, Origin, session, CSRF; and the headers every answer
carries. It runs before Streamlit's own routes, which are guarded like ours. Only `/health` and
`/login` are open.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trading_dashboard.dashboard.login_page import signed_out_page
from trading_dashboard.dashboard.sessions import Sessions
from trading_dashboard.models.errors import Forbidden, TradingDashboardError, Unauthorized

OPEN_PATHS = frozenset({"/health", "/login"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CLOSE_SIGNED_OUT = 4401
CLOSE_FORBIDDEN = 4403

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)

SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Guard:
    """ASGI middleware. Refusals are plain answers with a next step, never a stack trace.

    Args:
        app: What is guarded.
        sessions: Who is logged in.
        allowed_hosts: Host names (no ports) the dashboard answers to.
        cookie_name: The session cookie.
    """

    def __init__(
        self, app: ASGIApp, sessions: Sessions, allowed_hosts: Iterable[str], cookie_name: str
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._hosts = frozenset(host.strip("[]").lower() for host in allowed_hosts)
        self._cookie_name = cookie_name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        cookie = session_cookie(headers, self._cookie_name)
        refusal = self._refusal(scope, headers, cookie)
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send, refusal)
            return
        guarded_send = _with_security_headers(send)
        if refusal is None:
            scope.setdefault("state", {})["session_cookie"] = cookie
            await self._app(scope, receive, guarded_send)
            return
        response = _refusal_response(scope, headers, refusal)
        await response(scope, receive, guarded_send)

    async def _websocket(
        self, scope: Scope, receive: Receive, send: Send, refusal: TradingDashboardError | None
    ) -> None:
        if refusal is None:
            await self._app(scope, receive, send)
            return
        code = CLOSE_SIGNED_OUT if isinstance(refusal, Unauthorized) else CLOSE_FORBIDDEN
        await send({"type": "websocket.close", "code": code, "reason": refusal.code})

    def _refusal(
        self, scope: Scope, headers: Headers, cookie: str | None
    ) -> TradingDashboardError | None:
        if not self._is_host_allowed(headers):
            return Forbidden(
                "This host name is not allowed.",
                observed=headers.get("host"),
                next_step="Use http://localhost, or add the name to dashboard.allowed_hosts.",
            )
        is_websocket = scope["type"] == "websocket"
        if not is_origin_allowed(headers, is_required=is_websocket):
            return Forbidden(
                "Requests from another origin are refused.", observed=headers.get("origin")
            )
        if not is_websocket and scope["path"] in OPEN_PATHS and scope["method"] in SAFE_METHODS:
            return None
        if cookie is None or not self._sessions.is_open(cookie):
            return Unauthorized(
                "You are not logged in.",
                next_step="Run `trading-dashboard login` and open the link it prints.",
            )
        if is_websocket or scope["method"] in SAFE_METHODS:
            return None
        if not self._sessions.is_csrf_valid(cookie, headers.get("x-csrf-token", "")):
            return Forbidden("The X-CSRF-Token header is missing or wrong.")
        return None

    def _is_host_allowed(self, headers: Headers) -> bool:
        values = headers.getlist("host")
        return len(values) == 1 and host_name(values[0]) in self._hosts


def host_name(value: str) -> str | None:
    """Return the lower-case name in a Host header, None if it is not just a name and a port."""
    try:
        parts = urlsplit(f"//{value}")
        _ = parts.port
    except ValueError:
        return None
    has_more = parts.path or parts.query or parts.fragment or "@" in value
    if has_more or parts.hostname is None or not value.isascii():
        return None
    return parts.hostname.rstrip(".")


def is_origin_allowed(headers: Headers, *, is_required: bool) -> bool:
    """Return whether the request comes from a page of ours (or, unless required, from no page).

    Another port of the same machine is another origin, although cookies do not tell ports apart.
    """
    origins = headers.getlist("origin")
    if not origins:
        is_navigation = headers.get("sec-fetch-mode", "navigate") == "navigate"
        site = headers.get("sec-fetch-site", "same-origin")
        return not is_required and (is_navigation or site in ("same-origin", "none"))
    host = headers.get("host", "").lower()
    return len(origins) == 1 and origins[0].lower() in (f"http://{host}", f"https://{host}")


def session_cookie(headers: Headers, name: str) -> str | None:
    """Return the value of the session cookie, None without one."""
    return cookie_parser("; ".join(headers.getlist("cookie"))).get(name)


def _with_security_headers(send: Send) -> Send:
    async def guarded_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return guarded_send


def _refusal_response(scope: Scope, headers: Headers, refusal: TradingDashboardError) -> Response:
    is_signed_out = isinstance(refusal, Unauthorized)
    if is_signed_out and "text/html" in headers.get("accept", "") and scope["method"] == "GET":
        return signed_out_page(refusal)
    response = JSONResponse(refusal.as_body(), 401 if is_signed_out else 403)
    response.headers["cache-control"] = "no-store"
    return response
