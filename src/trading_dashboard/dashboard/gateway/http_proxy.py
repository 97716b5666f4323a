"""Forwards one HTTP request and streams the answer back.

Owns the bounds: body sizes, deadlines, which headers cross in either direction. An agent's answer
is data, never a page of ours: anything but JSON, text and CSV is handed over as a download.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from trading_dashboard.dashboard.gateway.upstreams import Renew, Target
from trading_dashboard.models.errors import error_body

MAX_REQUEST_BYTES = 64 * 1024
MAX_RESPONSE_BYTES = 32 * 1024 * 1024
READ_DEADLINE_SECONDS = 30.0
CHANGE_DEADLINE_SECONDS = 330.0
"""The control API lets a change wait for up to 300 s."""

_FORWARDED_REQUEST_HEADERS = ("accept", "accept-language", "content-type", "if-none-match")
_FORWARDED_RESPONSE_HEADERS = ("etag", "retry-after", "last-modified")
_DATA_TYPES = ("application/json", "text/plain", "text/csv")


class BodyTooLarge(Exception):
    """A request or response exceeds its bound."""


async def forward(
    client: httpx.AsyncClient, request: Request, target: Target, renew: Renew
) -> Response:
    """Return the upstream's answer, or ours when there is none.

    A refused token may just have been replaced: `renew` then gives the new one.
    """
    is_change = request.method not in ("GET", "HEAD")
    deadline = CHANGE_DEADLINE_SECONDS if is_change else READ_DEADLINE_SECONDS
    try:
        body = await _bounded_body(request)
        async with asyncio.timeout(deadline):
            upstream = await _send(client, request, target, body, deadline)
            is_refused = upstream.status_code == HTTPStatus.UNAUTHORIZED
            if is_refused and (renewed := await renew()) is not None:
                await upstream.aclose()
                upstream = await _send(client, request, renewed, body, deadline)
    except BodyTooLarge:
        return failure(413, "too_large", "The request is too large.", target)
    except TimeoutError:
        return failure(504, "upstream_timeout", f"No answer within {deadline:g} s.", target)
    except httpx.HTTPError as error:
        return failure(502, "upstream_unreachable", _words(error, target), target)
    return _stream(upstream, target, deadline)


async def _send(
    client: httpx.AsyncClient, request: Request, target: Target, body: bytes, deadline: float
) -> httpx.Response:
    outgoing = client.build_request(
        request.method,
        target.url,
        headers={**_forwarded(request), **target.headers},
        content=body or None,
        timeout=httpx.Timeout(deadline, connect=2.0),
    )
    return await client.send(outgoing, stream=True)


def failure(status: int, code: str, message: str, target: Target | None = None) -> Response:
    """Return an error in the shape all our faces share."""
    body = error_body(code, message, subject=target.subject if target else None)
    return JSONResponse(body, status, headers={"cache-control": "no-store"})


async def _bounded_body(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_REQUEST_BYTES:
            raise BodyTooLarge
        chunks.append(chunk)
    return b"".join(chunks)


def _forwarded(request: Request) -> dict[str, str]:
    headers = {"accept-encoding": "identity"}
    for name in _FORWARDED_REQUEST_HEADERS:
        value = request.headers.get(name)
        if value is not None and _is_plain(value):
            headers[name] = value
    return headers


def _is_plain(value: str) -> bool:
    """Return whether a header's value means the same to everyone; what is not is left out."""
    return value.isascii() and value.isprintable()


def _stream(upstream: httpx.Response, target: Target, deadline: float) -> Response:
    content_type = upstream.headers.get("content-type", "application/octet-stream")
    headers = {"cache-control": "no-store", "content-security-policy": "default-src 'none'"}
    for name in _FORWARDED_RESPONSE_HEADERS:
        value = upstream.headers.get(name)
        if value is not None and _is_plain(value):
            headers[name] = value
    if (
        not _is_plain(content_type)
        or content_type.partition(";")[0].strip().lower() not in _DATA_TYPES
    ):
        content_type = "application/octet-stream"
        headers["content-disposition"] = "attachment"
    if upstream.is_redirect:
        headers["x-refused-redirect"] = "1"
    return StreamingResponse(
        _all_chunks(upstream, deadline) if target.is_control else _chunks(upstream, deadline),
        502 if upstream.is_redirect else upstream.status_code,
        headers={**headers, "content-type": content_type},
        background=BackgroundTask(upstream.aclose),
    )


async def _chunks(upstream: httpx.Response, deadline: float) -> AsyncIterator[bytes]:
    size = 0
    try:
        async with asyncio.timeout(deadline):
            async for chunk in upstream.aiter_bytes():
                size += len(chunk)
                if size > MAX_RESPONSE_BYTES:
                    raise BodyTooLarge
                yield chunk
    finally:
        await upstream.aclose()


async def _all_chunks(upstream: httpx.Response, deadline: float) -> AsyncIterator[bytes]:
    """Yield an answer of the control API, which may be a whole log file, however long it takes.

    Each piece has the deadline; the supervisor bounds the size (`logs.max_bytes`).
    """
    pieces = upstream.aiter_bytes()
    try:
        while True:
            async with asyncio.timeout(deadline):
                piece = await anext(pieces, None)
            if piece is None:
                return
            yield piece
    finally:
        await upstream.aclose()


def _words(error: httpx.HTTPError, target: Target) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"{target.subject} does not answer in time."
    return f"{target.subject} does not answer at its address."
