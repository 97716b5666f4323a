"""One WebSocket connection of `/stream`: what its client may ask, and how it ends.

Owns reading and checking the client's messages. A bad message is answered with an error, never a
crash; a client that goes on and on is disconnected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from trading_dashboard.agents.kit.allowance import Allowance
from trading_dashboard.agents.kit.sockets import direct_writer
from trading_dashboard.agents.market_data.streaming.hub import Return, StreamHub, error_message
from trading_dashboard.agents.market_data.streaming.readership import (
    MAX_PATTERN_LENGTH,
    MAX_PATTERNS,
    TooManyPatterns,
)
from trading_dashboard.agents.market_data.streaming.subscriber import Subscriber
from trading_dashboard.models.errors import UnknownSymbol, error_body
from trading_dashboard.models.market_api import StreamOperation

MAX_BAD_MESSAGES = 50

_GOING_AWAY = 1001
_POLICY_VIOLATION = 1008
_TRY_AGAIN_LATER = 1013


async def serve_stream(websocket: WebSocket, hub: StreamHub) -> None:
    """Serve one client until it leaves or the agent stops."""
    await websocket.accept()
    if hub.is_full:
        await websocket.close(_TRY_AGAIN_LATER, "Too many streams are open.")
        return
    subscriber = hub.join()
    subscriber.direct = direct_writer(websocket.scope)
    reader = asyncio.create_task(_read(websocket, subscriber, hub))
    reader.add_done_callback(lambda _: subscriber.close())
    code = _GOING_AWAY
    try:
        await subscriber.pump(websocket.send_text)
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


async def _read(websocket: WebSocket, subscriber: Subscriber, hub: StreamHub) -> int:
    """Handle the client's messages; return the code to close with, 0 if it has left."""
    allowance = Allowance()
    bad = 0
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return 0
        if not allowance.take():
            return _POLICY_VIOLATION
        problems = handle(message.get("text") or message.get("bytes") or "", subscriber, hub)
        for problem in problems:
            subscriber.outbox.reply(error_message(problem))
        if problems:
            subscriber.wake()
            bad += 1
        if bad > MAX_BAD_MESSAGES:
            return _POLICY_VIOLATION


def handle(text: str | bytes, subscriber: Subscriber, hub: StreamHub) -> Sequence[dict[str, Any]]:
    """Do what a message asks; return what was wrong with it, as error bodies."""
    try:
        operation = StreamOperation.model_validate(orjson.loads(text))
    except (orjson.JSONDecodeError, ValidationError) as error:
        return [_not_understood(error)]
    if operation.op == "unsubscribe":
        names = [symbol.strip().upper() for symbol in operation.symbols]
        hub.unsubscribe(subscriber, names, operation.intervals)
        return []
    if operation.closed_only is not None:
        subscriber.closed_only = operation.closed_only
    known = []
    problems = [_not_offered(name) for name in operation.intervals if not hub.offers(name)]
    for symbol in operation.symbols if not problems else []:
        try:
            known.append(hub.resolve(symbol, subscriber))
        except UnknownSymbol as error:
            problems.append(error.as_body())
        except TooManyPatterns:
            problems.append(_too_many_patterns(symbol))
    if known:
        hub.subscribe(subscriber, known, operation.intervals, _return_of(operation))
    return problems


def _return_of(operation: StreamOperation) -> Return | None:
    if operation.resume_from is None:
        return None
    since = None if operation.since is None else operation.since.isoformat()
    return Return(operation.epoch or "", operation.resume_from, since)


def _too_many_patterns(symbol: str) -> dict[str, Any]:
    return error_body(
        "invalid_operation",
        "The pattern is too long, or one too many.",
        observed=symbol[:64],
        next_step=f"Use at most {MAX_PATTERNS} patterns of {MAX_PATTERN_LENGTH} characters.",
    )


def _not_offered(interval: str) -> dict[str, Any]:
    return error_body(
        "invalid_operation",
        f"Bars of {interval} are not made here.",
        observed=interval,
        next_step="GET /sources lists the intervals.",
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
        next_step='Send something like {"op":"subscribe","symbols":["AAPL"],"intervals":["1m"]}.',
        details=details,
    )
