"""Who may talk to an agent, and how much: the Host and Origin checks, the limit on bodies.

An agent listens on loopback and reads need no token, so a web page in the user's browser must not
get at it: neither by a name it points at 127.0.0.1 (DNS rebinding, told by Host) nor by opening a
WebSocket or posting from its own origin (told by Origin).
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trading_dashboard.models.errors import Forbidden

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY_VIOLATION = 1008


class HostGuard:
    """ASGI middleware: refuses what is not addressed to, or comes from, an allowed host name."""

    def __init__(self, app: ASGIApp, allowed_hosts: Iterable[str]) -> None:
        self.app = app
        self.allowed = frozenset(host.lower() for host in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is allowed."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await JSONResponse(refusal.as_body(), 403)(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})

    def _refusal(self, scope: Scope) -> Forbidden | None:
        hosts = _header(scope, b"host")
        if len(hosts) != 1 or _name(f"//{hosts[0]}") not in self.allowed:
            return Forbidden(
                "This Host is not allowed.",
                observed=", ".join(hosts)[:200] or "no Host header",
                next_step="Use localhost, or start the agent with --allow-host NAME.",
            )
        origins = _header(scope, b"origin")
        changes = scope["type"] == "websocket" or scope["method"] not in _READING
        if changes and any(_name(origin) not in self.allowed for origin in origins):
            return Forbidden(
                "This Origin is not allowed.",
                observed=", ".join(origins)[:200],
                next_step="Use the dashboard, or start the agent with --allow-host NAME.",
            )
        return None


class BodyLimit:
    """ASGI middleware: a request body longer than `max_bytes` is refused while it is read."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, counting the body."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.max_bytes:
                raise HTTPException(413, f"The body is longer than {self.max_bytes} bytes")
            return message

        await self.app(scope, counted if scope["type"] == "http" else receive, send)


def _header(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _name(address: str) -> str | None:
    """Return the host name of an address, IPv6 in brackets; None if it has none."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return None
    if host is None or parts.username is not None:
        return None
    return f"[{host}]" if ":" in host else host
