"""One WebSocket connection of `/stream`: what its client may ask, and how it ends.

Owns reading and checking the client's messages. A bad message is answered with an error, never a
crash; a client that goes on and on is disconnected.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from trading_dashboard.agents.kit.allowance import Allowance
from trading_dashboard.agents.kit.sockets import direct_writer
from trading_dashboard.agents.pattern_recognition.streaming.hub import PatternHub
from trading_dashboard.agents.pattern_recognition.streaming.subscriber import (
    ALL,
    Interest,
    Subscriber,
)
from trading_dashboard.models.errors import error_body
from trading_dashboard.models.pattern_api import PatternOperation

MAX_BAD_MESSAGES = 50
MAX_SYMBOLS = 500
"""Symbols of one reader; more are subscribed as ``*``."""

_GOING_AWAY = 1001
_POLICY_VIOLATION = 1008
_TRY_AGAIN_LATER = 1013


async def serve_stream(websocket: WebSocket, hub: PatternHub) -> None:
    """Serve one client until it leaves or the agent stops."""
    await websocket.accept()
    if hub.is_full:
        await websocket.close(_TRY_AGAIN_LATER, "Too many streams are open.")
        return
    subscriber = hub.join()
    subscriber.direct = direct_writer(websocket.scope)
    subscriber.wake()
    reader = asyncio.create_task(_read(websocket, subscriber, hub))
    reader.add_done_callback(lambda _: subscriber.close())
    code = _GOING_AWAY
    try:
        await subscriber.pump(websocket.send_text, hub.snapshot)
        if reader.done():
            code = reader.result()
    except (WebSocketDisconnect, RuntimeError):
        # The client has gone while something was being sent to it.
        code = 0
    finally:
        hub.leave(subscriber)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    if code:
        await _close(websocket, code)


async def _close(websocket: WebSocket, code: int) -> None:
    try:
        await websocket.close(code)
    except (WebSocketDisconnect, RuntimeError):
        return


async def _read(websocket: WebSocket, subscriber: Subscriber, hub: PatternHub) -> int:
    """Handle the client's messages; return the code to close with, 0 if it has left."""
    allowance = Allowance()
    bad = 0
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return 0
        if not allowance.take():
            return _POLICY_VIOLATION
        problem = handle(message.get("text") or message.get("bytes") or "", subscriber, hub)
        if problem is not None:
            text = orjson.dumps({"type": "error", **problem}).decode()[1:-1]
            subscriber.outbox.reply(text)
            subscriber.wake()
            bad += 1
        if bad > MAX_BAD_MESSAGES:
            return _POLICY_VIOLATION


def handle(text: str | bytes, subscriber: Subscriber, hub: PatternHub) -> dict[str, Any] | None:
    """Do what a message asks; return what was wrong with it, as an error's body."""
    try:
        operation = PatternOperation.model_validate(orjson.loads(text))
    except (orjson.JSONDecodeError, ValidationError) as error:
        return _not_understood(error)
    names = [symbol.strip().upper() for symbol in operation.symbols]
    if unknown := [name for name in names if name != ALL and not hub.knows(name)]:
        return _unknown(unknown[0]) if operation.op == "subscribe" else None
    if operation.op == "unsubscribe":
        hub.unsubscribe(subscriber, names)
        return None
    if len({*subscriber.wanted, *names}) > MAX_SYMBOLS:
        return _too_many()
    kinds = frozenset(kind.value for kind in operation.kinds)
    hub.subscribe(subscriber, names, Interest(frozenset(operation.timeframes), kinds))
    return None


def _unknown(symbol: str) -> dict[str, Any]:
    return error_body(
        "unknown_symbol",
        f"Symbol '{symbol[:32]}' is not followed.",
        subject=symbol[:32],
        next_step="Subscribe to * to see what is; GET /patterns/{symbol} answers for others.",
    )


def _too_many() -> dict[str, Any]:
    return error_body(
        "invalid_operation",
        f"A reader may name {MAX_SYMBOLS} symbols at most.",
        next_step="Subscribe to * instead.",
    )


def _not_understood(error: Exception) -> dict[str, Any]:
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
        next_step='Send something like {"op":"subscribe","symbols":["AAPL"]}.',
        details=details,
    )
