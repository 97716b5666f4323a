"""Who may talk to the control API: this machine, by a known name, with a token of this run.

A read-only token looks, an operator's does anything. One ASGI layer in front of everything, HTTP
and WebSocket alike. The Host allow-list defeats DNS rebinding, the Origin check defeats web pages,
the token defeats other users of this machine.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trading_dashboard.control_api.errors import not_found, status_of
from trading_dashboard.control_api.tokens import Grant, Tokens
from trading_dashboard.models.control import TokenRole
from trading_dashboard.models.errors import (
    Forbidden,
    TradingDashboardError,
    Unauthorized,
    error_body,
)

ALLOWED_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN_PATHS = frozenset({"/health"})
SOCKET_PATHS = frozenset({"/v1/ws"})
GRANT = "trading_dashboard.grant"
"""Key of a scope: what the request's token allows."""
MAX_BODY_BYTES = 64 * 1024
BODY_DEADLINE_SECONDS = 10.0


class Guard:
    """Lets through what is allowed, answers the rest itself."""

    def __init__(
        self, app: ASGIApp, tokens: Tokens, body_deadline_seconds: float = BODY_DEADLINE_SECONDS
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._body_deadline_seconds = body_deadline_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _answer(scope, send, status_of(refusal), refusal.as_body())
        elif scope["type"] == "http":
            await self._with_bounded_body(scope, receive, send)
        elif scope["path"] in SOCKET_PATHS:
            await self._app(scope, receive, send)
        else:
            await _answer(scope, send, HTTPStatus.NOT_FOUND, not_found(scope["path"]))

    def _refusal(self, scope: Scope) -> TradingDashboardError | None:
        headers = _Headers(scope)
        foreign = _foreign(headers)
        if foreign is not None or scope["path"] in OPEN_PATHS:
            return foreign
        grant = self._grant(headers)
        if grant is None:
            return Unauthorized(
                "The token is missing or not this run's.",
                subject="Authorization",
                next_step="Send `Authorization: Bearer` with the content of var/run/control.token, "
                "or of var/run/control.read.token to look only; they are new in each run.",
            )
        scope[GRANT] = grant
        if grant.role is not TokenRole.OPERATOR and _is_change(scope):
            return Forbidden(
                "A read-only token may look, not change.",
                subject=f"{scope['method']} {scope['path'][:200]}",
                observed=grant.role,
                next_step="Send the operator's token, the content of var/run/control.token.",
            )
        return None

    def _grant(self, headers: _Headers) -> Grant | None:
        given = headers.raw(b"authorization")
        if len(given) != 1:
            return None
        scheme, _, token = given[0].partition(b" ")
        return self._tokens.grant_of(token) if scheme.lower() == b"bearer" else None

    async def _with_bounded_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole body first: it is small or refused."""
        try:
            async with asyncio.timeout(self._body_deadline_seconds):
                body = await _read_body(receive)
        except TimeoutError:
            text = f"The body did not arrive within {self._body_deadline_seconds:g} s."
            next_step = "Send it at once, or none."
            body_of_error = error_body("request_timeout", text, subject="body", next_step=next_step)
            await _answer(scope, send, HTTPStatus.REQUEST_TIMEOUT, body_of_error)
            return
        if body is None:
            text = f"The body is larger than {MAX_BODY_BYTES} bytes."
            next_step = "/openapi.json says what a body holds; none is that large."
            body_of_error = error_body("body_too_large", text, subject="body", next_step=next_step)
            await _answer(scope, send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, body_of_error)
            return
        await self._app(scope, _replay(body, receive), send)


def _is_change(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] not in ("GET", "HEAD")


def _foreign(headers: _Headers) -> Forbidden | None:
    """Return why a request is taken for a web page's of somewhere else."""
    hosts = headers.all(b"host")
    if len(hosts) != 1 or _host_name(f"//{hosts[0]}") not in ALLOWED_HOSTS:
        return Forbidden(
            "This Host is not served.",
            subject="Host",
            observed=", ".join(hosts)[:200],
            next_step="Use http://127.0.0.1 and the port, from this machine.",
        )
    origins = headers.all(b"origin")
    if any(_host_name(origin) not in ALLOWED_HOSTS for origin in origins):
        return Forbidden(
            "Web pages of this Origin are not served.",
            subject="Origin",
            observed=", ".join(origins)[:200],
            next_step="Use the dashboard, or a program that sends no Origin.",
        )
    return None


class _Headers:
    """A request's headers; names may repeat."""

    def __init__(self, scope: Scope) -> None:
        self._pairs: list[tuple[bytes, bytes]] = scope["headers"]

    def raw(self, name: bytes) -> list[bytes]:
        return [value for key, value in self._pairs if key.lower() == name]

    def all(self, name: bytes) -> list[str]:
        return [value.decode("latin-1") for value in self.raw(name)]


def _host_name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


async def _read_body(receive: Receive) -> bytes | None:
    """Return the body, or None if it is too large."""
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body once and then what comes after it."""
    given = False

    async def replaying() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replaying


async def _answer(scope: Scope, send: Send, status: HTTPStatus, body: dict[str, Any]) -> None:
    """Answer a request, or refuse a socket's handshake, with an error body."""
    content = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
    ]
    if status is HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    kind = "http" if scope["type"] == "http" else "websocket.http"
    start = {"type": f"{kind}.response.start", "status": int(status), "headers": headers}
    await send(start)
    await send({"type": f"{kind}.response.body", "body": content})
