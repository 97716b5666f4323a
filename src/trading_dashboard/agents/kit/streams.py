"""One WebSocket connection of an agent's `/stream`: how it begins, is read, and ends.

Owns the life of a connection. What is sent is the subscriber's, what a message asks the agent's. A
bad message is answered with an error, never a crash; a client that goes on and on is disconnected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import orjson
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from trading_dashboard.agents.kit.allowance import Allowance
from trading_dashboard.agents.kit.sockets import DirectWriter, direct_writer
from trading_dashboard.models.errors import error_body

MAX_BAD_MESSAGES = 50

_GOING_AWAY = 1001
_POLICY_VIOLATION = 1008
_TRY_AGAIN_LATER = 1013

Problems = Sequence[dict[str, Any]]
"""Bodies of errors; none if all was well."""


class StreamReader(Protocol):
    """Who is sent the stream over one connection."""

    direct: DirectWriter | None

    @property
    def is_too_slow(self) -> bool:
        """Return whether it was given up, for too much waits to be sent."""

    def reply(self, text: str) -> None:
        """Send a message, without its outer braces and sequence number, before all else."""

    def close(self) -> None:
        """Send nothing more."""


Reader = TypeVar("Reader", bound=StreamReader)


class StreamHub(Protocol[Reader]):
    """Who hands out what happens."""

    @property
    def is_full(self) -> bool:
        """Return whether nobody else may join."""

    def join(self) -> Reader:
        """Take a new reader."""

    def leave(self, subscriber: Reader) -> None:
        """Forget a reader."""


async def serve_stream(
    websocket: WebSocket,
    hub: StreamHub[Reader],
    pump: Callable[[Reader], Awaitable[None]],
    handle: Callable[[str | bytes, Reader], Problems],
) -> None:
    """Serve one client until it leaves or the agent stops.

    Args:
        websocket: Not accepted yet.
        hub: What it joins, and leaves whatever happens.
        pump: Sends what there is until the reader is closed.
        handle: Does what a message asks; returns what was wrong with it.
    """
    await websocket.accept()
    if hub.is_full:
        await websocket.close(_TRY_AGAIN_LATER, "Too many streams are open.")
        return
    subscriber = hub.join()
    subscriber.direct = direct_writer(websocket.scope)
    reader = asyncio.create_task(_read(websocket, subscriber, handle))
    reader.add_done_callback(lambda _: subscriber.close())
    code = _GOING_AWAY
    try:
        await pump(subscriber)
        if reader.done():
            code = reader.result()
        elif subscriber.is_too_slow:
            code = _TRY_AGAIN_LATER
    except (WebSocketDisconnect, RuntimeError):
        # The client has gone while something was being sent to it.
        code = 0
    finally:
        hub.leave(subscriber)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    if code:
        await _close(websocket, code)


def error_message(problem: dict[str, Any]) -> str:
    """Return an error's body as the content of a message, without braces and number."""
    return orjson.dumps({"type": "error", **problem}).decode()[1:-1]


def not_understood(error: Exception, such_as: str) -> dict[str, Any]:
    """Return what is said of a message that is no operation.

    Args:
        error: Why it is none.
        such_as: An operation, as JSON.
    """
    details = []
    if isinstance(error, ValidationError):
        details = [
            {"parameter": ".".join(map(str, item["loc"])), "problem": item["msg"]}
            for item in error.errors()[:5]
        ]
    return error_body(
        "invalid_operation",
        "The message is not an operation of this stream.",
        observed=None if details else "not JSON",
        next_step=f"Send something like {such_as}.",
        details=details,
    )


async def _read(
    websocket: WebSocket, subscriber: Reader, handle: Callable[[str | bytes, Reader], Problems]
) -> int:
    """Handle the client's messages; return the code to close with, 0 if it has left."""
    allowance = Allowance()
    bad = 0
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return 0
        if not allowance.take():
            return _POLICY_VIOLATION
        problems = handle(message.get("text") or message.get("bytes") or "", subscriber)
        for problem in problems:
            subscriber.reply(error_message(problem))
        bad += bool(problems)
        if bad > MAX_BAD_MESSAGES:
            return _POLICY_VIOLATION


async def _close(websocket: WebSocket, code: int) -> None:
    try:
        await websocket.close(code)
    except (WebSocketDisconnect, RuntimeError):
        return
