"""Forwards one WebSocket in both directions.

Owns its life: connect upstream, pump, and say why it ended in a close code the page understands.
Nothing is buffered without end: a slow browser stops the reading from upstream, which then
conflates (agents) or resynchronises (control API); a browser that reads nothing for
`STALLED_SECONDS` is let go.
"""

from __future__ import annotations

import asyncio
import contextlib
from enum import IntEnum
from http import HTTPStatus

from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    WebSocketException,
)

from trading_dashboard.dashboard.gateway.upstreams import Renew, Target
from trading_dashboard.models.control import TOKEN_REPLACED

MAX_UPSTREAM_MESSAGE_BYTES = 12 * 1024 * 1024
"""A snapshot of 2,000 patterns with their worth is up to 7 MB."""
MAX_BROWSER_MESSAGE_BYTES = 16 * 1024
MAX_QUEUED_MESSAGES = 16
CONNECT_SECONDS = 3.0
STALLED_SECONDS = 20.0


class CloseCode(IntEnum):
    """Why the gateway closed a socket of the page."""

    REFUSED = 4403
    UNKNOWN_AGENT = 4404
    STALLED = 4408
    TOO_LARGE = 4413
    UPSTREAM_LOST = 4502
    NOT_SUPERVISED = 4503


async def pump(browser: WebSocket, target: Target, renew: Renew) -> None:
    """Accept the browser's socket and forward until either side ends.

    When the control API's token is replaced, upstream is connected to again and begins with a
    snapshot, as after a lag; the browser's socket stays.
    """
    await browser.accept()
    code, reason = await _forward(browser, target, renew)
    while code == TOKEN_REPLACED and (renewed := await renew()) is not None:
        code, reason = await _forward(browser, renewed, renew)
    if code == TOKEN_REPLACED:
        code = CloseCode.UPSTREAM_LOST
    await close(browser, code, reason)


async def _forward(browser: WebSocket, target: Target, renew: Renew) -> tuple[int, str]:
    """Connect upstream and forward until either side ends; return how to close the browser's."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            upstream = await _connect(target, renew)
    except (OSError, TimeoutError, InvalidHandshake, WebSocketException):
        return CloseCode.UPSTREAM_LOST, f"{target.subject} does not answer"
    try:
        return await _pump_both(browser, upstream, target)
    finally:
        with contextlib.suppress(Exception):
            await upstream.close()


async def _connect(target: Target, renew: Renew) -> ClientConnection:
    try:
        return await _open(target)
    except InvalidStatus as error:
        is_refused = error.response.status_code == HTTPStatus.UNAUTHORIZED
        if is_refused and (renewed := await renew()) is not None:
            return await _open(renewed)
        raise


async def _open(target: Target) -> ClientConnection:
    return await connect(
        target.socket_url,
        additional_headers=dict(target.headers),
        compression=None,
        max_size=MAX_UPSTREAM_MESSAGE_BYTES,
        max_queue=MAX_QUEUED_MESSAGES,
        open_timeout=None,
        close_timeout=0.5,
        ping_interval=None,
        proxy=None,
        user_agent_header=None,
    )


async def close(browser: WebSocket, code: int, reason: str) -> None:
    """Close the browser's side; it may be gone already."""
    with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError):
        await browser.close(code, reason[:120])


async def _pump_both(
    browser: WebSocket, upstream: ClientConnection, target: Target
) -> tuple[int, str]:
    tasks = [
        asyncio.create_task(_downwards(browser, upstream, target), name="gateway-downwards"),
        asyncio.create_task(_upwards(browser, upstream), name="gateway-upwards"),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _downwards(
    browser: WebSocket, upstream: ClientConnection, target: Target
) -> tuple[int, str]:
    try:
        async for message in upstream:
            text = message if isinstance(message, str) else message.decode("utf-8", "replace")
            async with asyncio.timeout(STALLED_SECONDS):
                await browser.send_text(text)
    except TimeoutError:
        return CloseCode.STALLED, "the page does not read"
    except ConnectionClosed:
        pass
    except (WebSocketDisconnect, RuntimeError, OSError):
        return 1000, ""
    return _lost(upstream, f"{target.subject} closed the connection")


async def _upwards(browser: WebSocket, upstream: ClientConnection) -> tuple[int, str]:
    try:
        while True:
            text = await browser.receive_text()
            if len(text) > MAX_BROWSER_MESSAGE_BYTES:
                return CloseCode.TOO_LARGE, "message too large"
            await upstream.send(text)
    except (WebSocketDisconnect, RuntimeError, KeyError):
        return 1000, ""
    except ConnectionClosed:
        return _lost(upstream, "the connection was closed")


def _lost(upstream: ClientConnection, reason: str) -> tuple[int, str]:
    """Return how upstream ended; a replaced token is nothing the browser need know of."""
    is_replaced = upstream.close_code == TOKEN_REPLACED
    return TOKEN_REPLACED if is_replaced else CloseCode.UPSTREAM_LOST, reason
