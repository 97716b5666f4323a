"""One WebSocket connection of `/stream`, and how it ends.

The stream is read only: what a client sends is counted, not understood. One that goes on and on is
disconnected.
"""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

from trading_dashboard.agents.kit.allowance import Allowance
from trading_dashboard.agents.kit.sockets import direct_writer
from trading_dashboard.agents.risk_management.streaming.hub import RiskHub
from trading_dashboard.agents.risk_management.streaming.subscriber import Subscriber
from trading_dashboard.models.errors import error_body

MAX_MESSAGES = 50
"""A client has nothing to say; after so many words it is disconnected."""

_GOING_AWAY = 1001
_POLICY_VIOLATION = 1008
_TRY_AGAIN_LATER = 1013


async def serve_stream(websocket: WebSocket, hub: RiskHub) -> None:
    """Serve one client until it leaves, cannot keep up, or the agent stops."""
    await websocket.accept()
    if hub.is_full:
        await websocket.close(_TRY_AGAIN_LATER, "Too many streams are open.")
        return
    subscriber = hub.join()
    subscriber.direct = direct_writer(websocket.scope)
    subscriber.wake()
    reader = asyncio.create_task(_read(websocket, subscriber))
    reader.add_done_callback(lambda _: subscriber.close())
    code = _GOING_AWAY
    try:
        await subscriber.pump(websocket.send_text)
        if reader.done():
            code = reader.result()
        elif subscriber.outbox.has_overflown:
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


async def _close(websocket: WebSocket, code: int) -> None:
    try:
        await websocket.close(code)
    except (WebSocketDisconnect, RuntimeError):
        return


async def _read(websocket: WebSocket, subscriber: Subscriber) -> int:
    """Count the client's messages; return the code to close with, 0 if it has left."""
    import orjson

    allowance = Allowance()
    refusal = error_body(
        "invalid_operation",
        "This stream takes no messages.",
        next_step="Read it; orders are placed with POST /orders.",
    )
    text = orjson.dumps({"type": "error", **refusal}).decode()[1:-1]
    for _ in range(MAX_MESSAGES):
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return 0
        if not allowance.take():
            break
        subscriber.outbox.event(text)
        subscriber.wake()
    return _POLICY_VIOLATION
