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

from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, WebSocketException

from trading_dashboard.dashboard.gateway.upstreams import Target

MAX_UPSTREAM_MESSAGE_BYTES = 4 * 1024 * 1024
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


async def pump(browser: WebSocket, target: Target) -> None:
    """Accept the browser's socket and forward until either side ends."""
    await browser.accept()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            upstream = await connect(
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
    except (OSError, TimeoutError, InvalidHandshake, WebSocketException):
        await close(browser, CloseCode.UPSTREAM_LOST, f"{target.subject} does not answer")
        return
    try:
        code, reason = await _pump_both(browser, upstream, target)
    finally:
        with contextlib.suppress(Exception):
            await upstream.close()
    await close(browser, code, reason)


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
    return CloseCode.UPSTREAM_LOST, f"{target.subject} closed the connection"


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
        return CloseCode.UPSTREAM_LOST, "the connection was closed"
